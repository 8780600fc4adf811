"""`spinelabel train images`: fits image classifiers on a site's labels, or the demonstration set on drawn spines."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from config.conditions import load_conditions
from config.settings import Settings, load_settings
from service.cli import AsJson, ConfigFile, console
from service.cli.training import UNFINISHED, Out, train

if TYPE_CHECKING:
    from pipeline.training.encoded_scans import ScanReader

FIGURES = {"balanced_accuracy": "BA", "eer": "EER", "auroc": "AUROC", "f1": "F1"}


@train.command()
def images(
    out: Out,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="CSV, JSON Lines or Parquet with `study` (a folder or a StudyInstanceUID), `patient` and a column per "
            "condition, `stenosis L4-L5` for a level.",
            exists=True,
        ),
    ] = None,
    studies: Annotated[
        Path | None, typer.Option(help="Folder of the studies; that of the labels if not given.", exists=True)
    ] = None,
    name: Annotated[str, typer.Option(help="The set's name.")] = "site",
    class_weights: Annotated[
        Literal["balanced", "none"],
        typer.Option(help="Whether present and absent examples weigh the same in all, however many there are."),
    ] = "balanced",
    standing: Annotated[
        Literal["calibrated here", "calibrated", "demonstration"],
        typer.Option(help="`calibrated` for studies of another site, `demonstration` for invented ones."),
    ] = "calibrated here",
    demonstration: Annotated[
        bool, typer.Option("--demonstration", help="Fit the demonstration set, on drawn studies.")
    ] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Fit image classifiers on studies with labels, and print the paper's Table 5 for the patients held back.

    Patients are parted by their names: 3 of 5 are fitted on, 1 of 5 is calibrated on, 1 of 5 tested on.

    Example: spinelabel train images --labels labels.csv --studies dicom --out spinelabel-data/classifiers
    """
    if demonstration == (labels is not None):
        raise typer.BadParameter("give either --labels or --demonstration")
    if labels is None:
        _fit_demonstration(out)
        return
    from pipeline.images.model_files import SITE_SETS
    from pipeline.training.image_release import ImageSources, ImageTraining, release_classifiers
    from pipeline.values import Standing

    settings = load_settings(config)
    reader = _load_reader(settings)
    with _progress() as shown:
        task = shown.add_task("Reading studies")
        values = release_classifiers(
            reader,
            (ImageSources(labels, studies or labels.parent), load_conditions(settings.conditions)),
            ImageTraining(name, Standing(standing), class_weights),
            out,
            lambda read, total: shown.update(task, completed=read, total=total),
        )
    if as_json:
        typer.echo(json.dumps(values))
    else:
        under_data = out.resolve() == (settings.data / SITE_SETS).resolve()
        _print_outcome(values, name if under_data else str(out.resolve()))


def _load_reader(settings: Settings) -> "ScanReader":
    """Load what reads a site's scans, as its settings ask."""
    from pipeline.images.detectors.chosen import load_chosen
    from pipeline.images.encoders.chosen import load_encoder
    from pipeline.images.graded import load_gradings
    from pipeline.training.encoded_scans import ScanReader

    asked = settings.images
    detector = load_chosen(asked.detector, settings.data)
    return ScanReader(detector, load_encoder(asked.encoder), load_gradings(asked.detector.kind))


def _fit_demonstration(out: Path) -> None:
    from pipeline.images.detectors.embedded import load_detector
    from pipeline.images.encoders.embedded import load_embedded
    from pipeline.training.demonstration import DemonstrationPlan, fit_demonstration
    from pipeline.training.encoded_scans import ScanReader

    plan = DemonstrationPlan()
    with _progress() as shown:
        task = shown.add_task("Reading drawn studies", total=sum(len(seeds) for seeds in plan.seeds))
        figures = fit_demonstration(
            ScanReader(load_detector(), load_embedded()),
            plan,
            (out, out / UNFINISHED),
            lambda _seed: shown.advance(task),
        )
    console.print_json(data=figures)


def _progress() -> Progress:
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def _print_outcome(values: dict[str, Any], used: str) -> None:
    console.print(_table(values))
    parts = values["patients"]
    console.print(
        f"Patients fitted on {parts.get('fitted', 0)}, calibrated on {parts.get('calibrated', 0)}, tested on "
        f"{parts.get('tested', 0)}; the figures are of the latter. Under each figure its 95% interval. Rows marked "
        "paper are of other patients."
    )
    for note in values["notes"]:
        what = "a level is missing" if note["fitted"] else "no classifier"
        console.print(f"{note['condition']}: {what}: {note['note']}.", markup=False, soft_wrap=True)
    for row in values["unread"]:
        console.print(f"row {row['row']} was left out: {row['reason']}.", markup=False, soft_wrap=True)
    if columns := values["unknown_columns"]:
        names = ", ".join(columns)
        console.print(f"Columns that ask no question of the conditions file: {names}.", markup=False, soft_wrap=True)
    console.print(f"To use the set: `images.classifiers: {used}` in the settings file.", markup=False, soft_wrap=True)


def _table(values: dict[str, Any]) -> Table:
    table = Table(title="Image classifiers (the paper's Table 5)", title_justify="left", box=SIMPLE, pad_edge=False)
    table.add_column("Condition")
    table.add_column("Method", overflow="fold")
    for heading in ("n", "pos.", *FIGURES.values()):
        table.add_column(heading, no_wrap=True)
    for left in values["left_out"]:
        condition = left["condition"]
        for row in (row for row in values["rows"] if row["condition"] == condition):
            numbers = (str(row["n"]), str(row["positives"]))
            table.add_row(escape(condition), escape(row["method"]), *numbers, *(_figure(row, name) for name in FIGURES))
        reasons = ", ".join(f"{reason} {count}" for reason, count in left["reasons"].items())
        table.add_row(escape(condition), f"left out: {reasons or 'none'}", str(left["n"]))
        for row in (row for row in values["published"] if row["condition"] == condition):
            figures = ("-" if row[name] is None else f"{row[name]:.3f}" for name in FIGURES)
            table.add_row(escape(condition), f"paper: {row['method']}", "", "", *figures)
    return table


def _figure(row: dict[str, Any], name: str) -> str:
    if row[name] is None:
        return "-"
    low, high = row["interval"][name]
    return f"{row[name]:.3f}\n{low:.2f}-{high:.2f}"
