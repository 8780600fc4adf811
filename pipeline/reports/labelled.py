"""Reports whose labels are known, read from a table, and the model's answers beside those labels."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import tee
from pathlib import Path

import polars as pl

from config.conditions import Condition, questions
from pipeline.calibration import Example
from pipeline.reports.errors import UnusableTable
from pipeline.reports.label_cells import Asked, column_name, read_label_cells
from pipeline.reports.labelling import Labeller, Report, UnlabelledReport, label_stream
from pipeline.reports.rule_reader import read_by_rules, rule_reader_knows
from pipeline.reports.tables import NO_REPORT, read_rows, report_of
from pipeline.splits import SplitItem, report_digest
from pipeline.values import ReportLabels


@dataclass(frozen=True)
class LabelledReport:
    """A report with what is known of it; a question that is missing in `present` is undecided.

    `row` counts from 1. `patient` is from a column of that name, None where there is none.
    """

    row: int
    report: Report
    patient: str | None
    present: Mapping[Asked, bool]

    @property
    def digest(self) -> str:
        """Give what tells this report's words from any other's."""
        return report_digest(self.report.text)

    @property
    def split_item(self) -> SplitItem:
        """Give what decides on which side of a split it falls."""
        known = frozenset(asked for asked, is_present in self.present.items() if is_present)
        return SplitItem(self.digest, self.patient, known)


@dataclass(frozen=True)
class LabelledTable:
    """The labelled reports of a file, and its rows that hold none, named by their place."""

    reports: tuple[LabelledReport, ...]
    unreadable: tuple[UnlabelledReport, ...]


def read_labelled(path: Path, conditions: Sequence[Condition]) -> LabelledTable:
    """Read `id`, `text`, and a column per condition and per condition with level, such as `stenosis L4-L5`.

    How labels are written: `read_label_cells`.

    Raises:
        UnusableTable: the file cannot be read, or has no column of any condition.
    """
    reports: list[LabelledReport] = []
    unreadable: list[UnlabelledReport] = []
    asked = [(condition.name, level) for condition, level in questions(conditions)]
    has_labels = False
    for number, row in enumerate(read_rows(path, (pl.col("id", "text"), pl.exclude("id", "text"))), 1):
        report = report_of(row)
        if row is None or report is None:
            unreadable.append(UnlabelledReport(f"row {number}", NO_REPORT))
            continue
        cells = read_label_cells(row, asked)
        has_labels |= bool(cells.named)
        if cells.wrong:
            reason = f"The row's label of {cells.wrong[0]} is neither 1, 0 nor empty."
            unreadable.append(UnlabelledReport(f"row {number}", reason))
            continue
        patient = None if row.get("patient") in (None, "") else str(row["patient"])
        reports.append(LabelledReport(number, report, patient, cells.present))
    if reports and not has_labels:
        raise UnusableTable(
            f"{path} has no labels. Name a column like a condition, such as `{column_name(*asked[0])}`."
        )
    return LabelledTable(tuple(reports), tuple(unreadable))


def answer_labelled(
    labeller: Labeller, reports: Iterable[LabelledReport], conditions: Sequence[Condition]
) -> tuple[list[Example], list[UnlabelledReport]]:
    """Ask the model about the reports, and give its answers to the questions with a known label.

    A report that gets no labels comes back with the reason and costs the others nothing.
    """
    examples: list[Example] = []
    unlabelled: list[UnlabelledReport] = []
    by_name = {condition.name: condition for condition in conditions}
    reports, asked = tee(reports)
    outcomes = label_stream(labeller, (labelled.report for labelled in asked), conditions)
    for labelled, outcome in zip(reports, outcomes, strict=True):
        if isinstance(outcome, ReportLabels):
            examples += _examples(labelled, outcome, by_name)
        else:
            unlabelled.append(outcome)
    return examples, unlabelled


def _examples(labelled: LabelledReport, labels: ReportLabels, conditions: Mapping[str, Condition]) -> Iterator[Example]:
    for finding in labels.findings:
        condition = conditions[finding.condition]
        present = labelled.present.get((finding.condition, finding.level))
        if present is not None and finding.log_odds is not None:
            yield Example(
                report=labelled.digest,
                condition=finding.condition,
                level=finding.level,
                definition_version=finding.provenance.definition_version or "",
                present=present,
                log_odds=finding.log_odds,
                rules=read_by_rules(labelled.report.text, condition, finding.level)
                if rule_reader_knows(condition)
                else None,
            )
