"""`spinelabel train`: fits the embedded image models anew, on drawn spines only."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from service.cli import app, console

train = typer.Typer(help="Fit the image models that come with the product.", no_args_is_help=True)
app.add_typer(train, name="train")

Out = Annotated[Path, typer.Option(help="Folder for the files and their card; a run that was stopped goes on there.")]
UNFINISHED = "unfinished"


@train.command()
def detector(
    out: Out,
    steps: Annotated[int, typer.Option(help="Batches of drawn slices to train on.")] = 1500,
    seed: Annotated[int, typer.Option(help="The same seed draws the same slices.")] = 1,
) -> None:
    """Train the disc detector.

    Example: spinelabel train detector --out weights --steps 1500
    """
    from pipeline.training.detector import DetectorTraining
    from pipeline.training.detector_release import release_detector

    with Progress(console=console) as shown:
        task = shown.add_task("Training", total=steps)
        figures = release_detector(
            DetectorTraining(steps=steps, seed=seed),
            (out, out / UNFINISHED),
            lambda step, _loss: shown.update(task, completed=step),
        )
    console.print_json(data=figures)


@train.command()
def images(
    out: Out,
    demonstration: Annotated[
        bool, typer.Option("--demonstration", help="Fit the demonstration set, on drawn studies.")
    ] = False,
) -> None:
    """Fit image classifiers; so far only the demonstration set, as the embedded detector and encoder read it.

    Example: spinelabel train images --demonstration --out weights
    """
    if not demonstration:
        raise typer.BadParameter("only --demonstration is there so far; a site's own labels come later")
    from pipeline.images.detector import load_detector
    from pipeline.images.encoder import load_encoder
    from pipeline.training.demonstration import DemonstrationPlan, fit_demonstration

    plan = DemonstrationPlan()
    with Progress(console=console) as shown:
        task = shown.add_task("Reading drawn studies", total=sum(len(seeds) for seeds in plan.seeds))
        figures = fit_demonstration(
            (load_detector(), load_encoder()), plan, (out, out / UNFINISHED), lambda _seed: shown.advance(task)
        )
    console.print_json(data=figures)
