"""`spinelabel label`: reports in a file to labels."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import track

from config.conditions import EMBEDDED_CONDITIONS, load_conditions
from config.report_settings import ReportSettings
from config.settings import Settings
from service.cli import PROMPT_HELP, app, console

if TYPE_CHECKING:
    from pipeline.reports.labelling import Report, UnlabelledReport
    from pipeline.values import ReportLabels


@app.command()
def label(
    file: Annotated[Path, typer.Argument(help="CSV, JSON Lines or Parquet with `id` and `text`.", exists=True)],
    out: Annotated[Path, typer.Option(help="JSON Lines file for the labels.")] = Path("labels.jsonl"),
    conditions: Annotated[Path, typer.Option(help="Conditions file.")] = EMBEDDED_CONDITIONS,
    prompt: Annotated[
        Literal["shared", "direct", "summary", "direct-natural", "summary-natural"] | None,
        typer.Option(help=PROMPT_HELP),
    ] = None,
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
    from pipeline.reports.labelling import label_stream
    from pipeline.reports.site_labeller import load_site_labeller
    from pipeline.reports.tables import iter_reports, write_labels
    from service.installation import SOFTWARE

    asked = load_conditions(conditions)
    settings = Settings()
    by = ReportSettings(
        model=model,
        adapter=adapter,
        prompt=prompt,
        summary_model=summary_model,
        answer_model=answer_model,
        calibration=calibration,
        server=settings.reports.server if model == "embedded" else None,
    )
    labeller = load_site_labeller(by, settings.data, SOFTWARE)
    tally = Tally()
    rows = track(iter_reports(file), "Labelling", console=console, disable=not console.is_terminal)
    write_labels(out, tally.labelled(label_stream(labeller, tally.readable(rows), asked)))
    tally.print_to(console, out)


@dataclass
class Tally:
    """What became of the reports of a file, counted while they pass."""

    labels: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    uncalibrated: dict[str, None] = field(default_factory=dict)
    is_demonstration: bool = False

    def readable(self, rows: "Iterable[Report | UnlabelledReport]") -> "Iterator[Report]":
        """Pass on the reports; count the rows that hold none."""
        from pipeline.reports.labelling import Report

        for row in rows:
            if isinstance(row, Report):
                yield row
            else:
                self.reasons[row.reason] += 1

    def labelled(self, outcomes: "Iterable[ReportLabels | UnlabelledReport]") -> "Iterator[ReportLabels]":
        """Pass on the labels and count them and their standing; count the reports that got none."""
        from pipeline.values import ReportLabels, Standing

        for outcome in outcomes:
            if not isinstance(outcome, ReportLabels):
                self.reasons[outcome.reason] += 1
                continue
            self.labels += 1
            for finding in outcome.findings:
                if finding.standing is Standing.UNCALIBRATED:
                    self.uncalibrated[f"{finding.condition} {finding.level or ''}".strip()] = None
                self.is_demonstration |= finding.standing is Standing.DEMONSTRATION
            yield outcome

    def print_to(self, shown: Console, out: Path) -> None:
        """Say what was labelled and what was not, and how far the labels can be trusted."""
        unlabelled = self.reasons.total()
        shown.print(f"{self.labels} reports labelled into {out}; {unlabelled} were not.", soft_wrap=True)
        for reason, times in self.reasons.items():
            shown.print(f"{times}: {reason}", markup=False)
        if self.uncalibrated:
            unheld = "There are no thresholds for exactly this model, prompt and definition of"
            listed = ", ".join(self.uncalibrated)
            shown.print(f"{unheld} {listed}: these are uncalibrated.", soft_wrap=True, markup=False)
        if self.is_demonstration:
            shown.print(
                "Labels marked demonstration come from a model trained and calibrated on invented reports only."
            )
