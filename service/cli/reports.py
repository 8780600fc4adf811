"""`spinelabel label`: reports in a file to labels."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.progress import track

from config.conditions import EMBEDDED_CONDITIONS, load_conditions
from config.settings import Settings
from service.cli import app, console

BATCH = 16


@app.command()
def label(
    file: Annotated[Path, typer.Argument(help="CSV, JSON Lines or Parquet with `id` and `text`.", exists=True)],
    out: Annotated[Path, typer.Option(help="JSON Lines file for the labels.")] = Path("labels.jsonl"),
    conditions: Annotated[Path, typer.Option(help="Conditions file.")] = EMBEDDED_CONDITIONS,
    prompt: Annotated[Literal["direct", "summary"], typer.Option(help="Direct Query or Summary-Query.")] = "direct",
    model: Annotated[str, typer.Option(help="`embedded`, or the folder of a chat model.")] = "embedded",
) -> None:
    """Label every report of a file.

    Example: spinelabel label reports.csv --out labels.jsonl
    """
    from pipeline.reports.labelling import UnlabelledReport, label_reports, load_labeller
    from pipeline.reports.tables import read_reports, write_labels
    from pipeline.values import ReportLabels
    from service.installation import SOFTWARE

    asked = load_conditions(conditions)
    table = read_reports(file)
    labeller = load_labeller(model, prompt, Settings().data, SOFTWARE)
    batches = [table.reports[start : start + BATCH] for start in range(0, len(table.reports), BATCH)]
    outcomes = [
        outcome
        for batch in track(batches, "Labelling", console=console, disable=not console.is_terminal)
        for outcome in label_reports(labeller, batch, asked)
    ]
    labelled = [outcome for outcome in outcomes if isinstance(outcome, ReportLabels)]
    write_labels(out, labelled)
    unlabelled = [*table.unreadable, *(outcome for outcome in outcomes if isinstance(outcome, UnlabelledReport))]
    console.print(f"{len(labelled)} reports labelled into {out}; {len(unlabelled)} were not.", soft_wrap=True)
    for reason, times in Counter(outcome.reason for outcome in unlabelled).items():
        console.print(f"{times}: {reason}", markup=False)
    console.print("The labels are uncalibrated: the embedded model without an adapter labels at chance.")
