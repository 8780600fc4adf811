"""`spinelabel label`: reports in a file to labels."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.progress import track

from config.conditions import EMBEDDED_CONDITIONS, load_conditions
from config.settings import Settings
from service.cli import app, console

if TYPE_CHECKING:
    from pipeline.values import Finding

BATCH = 16


@app.command()
def label(
    file: Annotated[Path, typer.Argument(help="CSV, JSON Lines or Parquet with `id` and `text`.", exists=True)],
    out: Annotated[Path, typer.Option(help="JSON Lines file for the labels.")] = Path("labels.jsonl"),
    conditions: Annotated[Path, typer.Option(help="Conditions file.")] = EMBEDDED_CONDITIONS,
    prompt: Annotated[
        Literal["shared", "direct", "summary", "direct-natural", "summary-natural"],
        typer.Option(help="How the report is asked: all questions from one reading, Direct Query or Summary-Query."),
    ] = "shared",
    model: Annotated[str, typer.Option(help="`embedded`, or the folder of a chat model.")] = "embedded",
    calibration: Annotated[Path | None, typer.Option(help="Thresholds from `calibrate`.", exists=True)] = None,
    adapter: Annotated[Path | None, typer.Option(help="Folder of an adapter for the model.")] = None,
    summary_model: Annotated[
        Literal["base", "adapted"], typer.Option(help="With an adapter: which model writes the summary.")
    ] = "adapted",
    answer_model: Annotated[
        Literal["base", "adapted"], typer.Option(help="With an adapter: which model answers.")
    ] = "adapted",
) -> None:
    """Label every report of a file.

    Example: spinelabel label reports.csv --out labels.jsonl
    """
    from dataclasses import replace

    from pipeline.calibration import read_calibration
    from pipeline.reports.adapter_folder import AdapterUse
    from pipeline.reports.labelling import UnlabelledReport, label_reports, load_labeller
    from pipeline.reports.tables import read_reports, write_labels
    from pipeline.values import ReportLabels
    from service.installation import SOFTWARE

    asked = load_conditions(conditions)
    table = read_reports(file)
    use = None if adapter is None else AdapterUse(adapter, summary_model, answer_model)
    settings = Settings()
    server = settings.reports.server if model == "embedded" else None
    labeller = load_labeller(model, prompt, settings.data, SOFTWARE, use, server)
    if calibration:
        labeller = replace(labeller, calibration=read_calibration(calibration))
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
    _print_standing([finding for labels in labelled for finding in labels.findings])


def _print_standing(findings: "Sequence[Finding]") -> None:
    """Say how far the labels can be trusted."""
    from pipeline.values import Standing

    uncalibrated = {
        f"{finding.condition} {finding.level or ''}".strip(): None
        for finding in findings
        if finding.standing is Standing.UNCALIBRATED
    }
    if uncalibrated:
        unheld = "There are no thresholds for exactly this model, prompt and definition of"
        console.print(f"{unheld} {', '.join(uncalibrated)}: these are uncalibrated.", soft_wrap=True, markup=False)
    if any(finding.standing is Standing.DEMONSTRATION for finding in findings):
        console.print("Labels marked demonstration come from a model trained and calibrated on invented reports only.")
