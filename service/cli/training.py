"""`spinelabel train`: fits the embedded image models anew, on drawn spines only."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from service.cli import app, console

train = typer.Typer(help="Fit the models that come with the product.", no_args_is_help=True)
app.add_typer(train, name="train")

MEASURED_VOLUMES = 60


@train.command()
def detector(
    out: Annotated[Path, typer.Option(help="Folder for the weights and their card.")],
    steps: Annotated[int, typer.Option(help="Batches of drawn slices to train on.")] = 2500,
    seed: Annotated[int, typer.Option(help="The same seed draws the same slices.")] = 0,
) -> None:
    """Train the disc detector; a run that was stopped goes on where it was.

    Example: spinelabel train detector --out weights --steps 2500
    """
    from pipeline.images.detector import EmbeddedDetector
    from pipeline.training.detector import HELD_OUT_SEEDS, DetectorTraining, train_detector
    from pipeline.training.detector_release import measure_detector, write_detector

    out.mkdir(parents=True, exist_ok=True)
    with Progress(console=console) as shown:
        task = shown.add_task("Training", total=steps)
        network = train_detector(
            DetectorTraining(steps=steps, seed=seed),
            out / "training.safetensors",
            lambda step, _loss: shown.update(task, completed=step),
        )
    held_out = range(HELD_OUT_SEEDS, HELD_OUT_SEEDS + MEASURED_VOLUMES)
    figures = measure_detector(EmbeddedDetector(network, ""), held_out)
    command = f"spinelabel train detector --steps {steps} --seed {seed}"
    card = {"data": "drawn spines only", "command": command, "held_out_drawn_volumes": figures}
    digest = write_detector(network, out, card)
    console.print(f"Weights with sha256 {digest} in {out}", markup=False)
    console.print_json(data=figures)


@train.command()
def demonstration(
    out: Annotated[Path, typer.Option(help="Folder for the classifiers and their card.")],
) -> None:
    """Fit the demonstration classifiers on drawn studies, as the embedded detector and encoder read them.

    Example: spinelabel train demonstration --out weights
    """
    from pipeline.images.detector import load_detector
    from pipeline.images.encoder import load_encoder
    from pipeline.training.demonstration import DemonstrationPlan, fit_demonstration

    plan = DemonstrationPlan()
    with Progress(console=console) as shown:
        task = shown.add_task("Reading drawn studies", total=sum(len(seeds) for seeds in plan.seeds))
        figures = fit_demonstration(
            (load_detector(), load_encoder()),
            plan,
            (out, out / "read-studies"),
            lambda _seed: shown.advance(task),
        )
    console.print_json(data=figures)
