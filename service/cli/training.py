"""`spinelabel train`: fits the embedded image models anew, on drawn spines, and language models on a site's reports."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.progress import Progress

from config.conditions import load_conditions
from config.settings import Settings, load_settings
from service.cli import ConfigFile, app, console
from service.store.database import open_database
from service.store.upgrade import upgrade_database
from service.stored_reports import stored_texts

train = typer.Typer(
    help="Fit models: those that come with the product, and adapters on your own reports.", no_args_is_help=True
)
app.add_typer(train, name="train")

Out = Annotated[Path, typer.Option(help="Folder for the files and their card; a run that was stopped goes on there.")]
UNFINISHED = "unfinished"


@train.command()
def detector(
    out: Out,
    steps: Annotated[int, typer.Option(help="Batches of drawn slices to train on.")] = 5500,
    seed: Annotated[int, typer.Option(help="The same seed draws the same slices.")] = 1,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Real, labelled volumes in SPIDER's layout: those for training are mixed in, on those for validation "
            "the detector is measured.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
) -> None:
    """Train the disc detector, and measure it on studies of another generator.

    Example: spinelabel train detector --out weights --steps 5500
    """
    from pipeline.training.detector import DetectorTraining
    from pipeline.training.detector_release import LabelledParts, release_detector
    from pipeline.training.labelled_volumes import find_labelled

    labelled = LabelledParts()
    if data:
        labelled = LabelledParts(find_labelled(data, "training"), find_labelled(data, "validation"))
    with Progress(console=console) as shown:
        task = shown.add_task("Training", total=steps)
        card = release_detector(
            DetectorTraining(steps=steps, seed=seed),
            (out, out / UNFINISHED),
            lambda step, _loss: shown.update(task, completed=step),
            labelled,
        )
    console.print_json(data=card)


@train.command()
def answers(
    out: Out,
    model: Annotated[
        str, typer.Option(help="`embedded`, or the folder of a model in Hugging Face layout.")
    ] = "embedded",
    steps: Annotated[int, typer.Option(help="Batches of four invented reports to train on.")] = 1300,
    seed: Annotated[int, typer.Option(help="The same seed draws the same reports.")] = 1,
    calibrate_on: Annotated[
        list[Path] | None, typer.Option(help="Labelled reports to calibrate on beside the invented ones.", exists=True)
    ] = None,
) -> None:
    """Train the adapter that answers, on invented reports only, in the shared-prefix layout.

    Example: spinelabel train answers --out adapter
    """
    from pipeline.reports.models import embedded_model, model_files
    from pipeline.training.answer_release import release_answers
    from pipeline.training.answers import AnswerTraining

    base = embedded_model(Settings().data) if model == "embedded" else model_files(Path(model))
    with Progress(console=console) as shown:
        task = shown.add_task("Training", total=steps)
        card = release_answers(
            base,
            AnswerTraining(steps=steps, seed=seed),
            (out, out / UNFINISHED),
            lambda step, _loss: shown.update(task, completed=step),
            calibrate_on or (),
        )
    console.print_json(data=card)


@train.command()
def summaries(
    source: Annotated[
        str,
        typer.Argument(
            help="CSV, JSON Lines or Parquet with `id` and `text`, a folder of .txt files, or `database` for the "
            "reports that were received."
        ),
    ],
    out: Out,
    model: Annotated[str, typer.Option(help="`embedded`, or the folder of a chat model.")] = "embedded",
    loss: Annotated[
        Literal["summary", "report"], typer.Option(help="Learn to write the summary only, or the whole report too.")
    ] = "summary",
    steps: Annotated[
        int | None, typer.Option(min=1, help="Reports to train on; each three times if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same figures.")] = 1,
    config: ConfigFile = None,
) -> None:
    """Teach a language model to summarise, by an adapter trained on reports without labels.

    Reports with a section headed conclusion, impression, summary or findings serve; a tenth of them only to measure.

    Example: spinelabel train summaries reports.csv --out adapter
    """
    from pipeline.reports.models import embedded_model, model_files
    from pipeline.reports.prompts import load_prompt
    from pipeline.training.adapter_release import release_adapter
    from pipeline.training.summaries import EPOCHS, SummaryTraining
    from pipeline.training.summary_examples import find_examples

    settings = load_settings(config)
    examples = find_examples(_texts(source, settings), load_conditions(settings.conditions), load_prompt("summary"))
    base = embedded_model(settings.data) if model == "embedded" else model_files(Path(model))
    training = SummaryTraining(steps=steps or EPOCHS * len(examples.fitted), loss=loss, seed=seed)
    with Progress(console=console) as shown:
        task = shown.add_task("Training", total=training.steps)
        card = release_adapter(
            base,
            examples,
            training,
            (out, out / UNFINISHED),
            lambda step, _loss: shown.update(task, completed=step),
        )
    console.print_json(data=card)


def _texts(source: str, settings: Settings) -> Iterator[str]:
    if source == "database":
        upgrade_database(settings.data)
        yield from stored_texts(open_database(settings.data))
        return
    from pipeline.training.report_sources import read_source

    table = read_source(Path(source))
    if table.unreadable:
        console.print(f"{len(table.unreadable)} reports could not be read.")
    yield from (report.text for report in table.reports)
