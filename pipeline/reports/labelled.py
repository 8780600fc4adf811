"""Reports whose labels are known, read from a table, and the model's answers beside those labels."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import tee
from pathlib import Path
from typing import Any

import polars as pl

from config.conditions import Condition, questions
from pipeline.calibration import Example
from pipeline.reports.errors import UnusableTable
from pipeline.reports.labelling import Labeller, Report, UnlabelledReport, label_stream
from pipeline.reports.rule_reader import read_by_rules, rule_reader_knows
from pipeline.reports.tables import NO_REPORT, read_rows, report_of
from pipeline.splits import SplitItem, report_digest
from pipeline.values import ReportLabels

Asked = tuple[str, str | None]
"""A condition and a level, or a condition and None for the whole report."""

_MEANT = {"1": True, "1.0": True, "true": True, "yes": True, "0": False, "0.0": False, "false": False, "no": False}
_LEFT_OUT = {"", "null", "none", "nan", "na", "n/a"}


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

    In JSON Lines and Parquet they may also stand in `labels` (by condition) and `levels` (by level, of the only
    condition that is asked by level). 1, true and yes are present, 0, false and no absent; empty and null are left out.

    Raises:
        UnusableTable: the file cannot be read, or has no column of any condition.
    """
    reports: list[LabelledReport] = []
    unreadable: list[UnlabelledReport] = []
    asked = {_column(condition.name, level): (condition.name, level) for condition, level in questions(conditions)}
    columns: set[str] = set()
    for number, row in enumerate(read_rows(path, (pl.col("id", "text"), pl.exclude("id", "text"))), 1):
        report = report_of(row)
        if row is None or report is None:
            unreadable.append(UnlabelledReport(f"row {number}", NO_REPORT))
            continue
        cells = {name: cell for name, cell in _cells(row, conditions) if name in asked}
        columns |= cells.keys()
        labels = {asked[name]: str(cell).strip().casefold() for name, cell in cells.items() if cell is not None}
        if wrong := [name for name, label in labels.items() if label not in _MEANT and label not in _LEFT_OUT]:
            reason = f"The row's label of {_column(*wrong[0])} is neither 1, 0 nor empty."
            unreadable.append(UnlabelledReport(f"row {number}", reason))
            continue
        patient = None if row.get("patient") in (None, "") else str(row["patient"])
        known = {name: _MEANT[label] for name, label in labels.items() if label in _MEANT}
        reports.append(LabelledReport(number, report, patient, known))
    if reports and not columns:
        raise UnusableTable(f"{path} has no labels. Name a column like a condition, such as `{next(iter(asked))}`.")
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


def _cells(row: Mapping[str, Any], conditions: Sequence[Condition]) -> Iterator[tuple[str, Any]]:
    """Give the cells of a row by the name of their column, those of `labels` and `levels` as columns of their own."""
    nested = row.get("labels")
    yield from ((_plain(name), cell) for name, cell in row.items())
    if isinstance(nested, Mapping):
        yield from ((_plain(name), cell) for name, cell in nested.items())
    levels = row.get("levels")
    by_level = [condition.name for condition in conditions if condition.levels]
    if isinstance(levels, Mapping) and len(by_level) == 1:
        yield from ((_column(by_level[0], level), cell) for level, cell in levels.items())


def _column(condition: str, level: str | None) -> str:
    return _plain(condition if level is None else f"{condition} {level}")


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()
