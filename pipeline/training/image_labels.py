"""A table of studies whose labels are known, to fit image classifiers on."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from config.conditions import Condition, questions
from pipeline.reports.errors import UnusableTable
from pipeline.reports.label_cells import Asked, column_name, plain_name, read_label_cells
from pipeline.reports.tables import read_rows
from pipeline.training.classifier_fitting import Question, question_of

_KEYS = ("study", "patient")


@dataclass(frozen=True)
class LabelledStudy:
    """A row: `study` is a folder or a StudyInstanceUID; a question that is missing in `present` is undecided."""

    row: int
    study: str
    patient: str
    present: Mapping[Asked, bool]


@dataclass(frozen=True)
class LeftOutRow:
    """A row, counted from 1, that was not used, and why."""

    row: int
    reason: str


def reasons_of(rows: Iterable[LeftOutRow]) -> Iterator[str]:
    """Say in a sentence for each reason how many rows were left out, the commonest first."""
    for reason, count in Counter(row.reason for row in rows).most_common():
        yield f"{count} {'row was' if count == 1 else 'rows were'} left out: {reason.rstrip('.')}."


@dataclass(frozen=True)
class ImageLabels:
    """The labelled studies of a table, rows that hold none, what its columns ask, and columns that ask nothing."""

    studies: tuple[LabelledStudy, ...]
    left_out: tuple[LeftOutRow, ...]
    questions: tuple[Question, ...]
    unknown_columns: tuple[str, ...]


def read_image_labels(path: Path, conditions: Sequence[Condition]) -> ImageLabels:
    """Read `study`, `patient`, and a column per condition and per condition with level, such as `stenosis L4-L5`.

    A condition with columns of levels is asked of each disc, one without of the patient. How labels are written:
    `read_label_cells`.

    Raises:
        UnusableTable: the file cannot be read, or has no column of any condition, or no row that can be used.
    """
    asked = [(condition.name, level) for condition, level in questions(conditions)]
    studies: list[LabelledStudy] = []
    left_out: list[LeftOutRow] = []
    named: set[Asked] = set()
    columns: dict[str, None] = {}
    rows = read_rows(path, (pl.col(*_KEYS), pl.exclude(*_KEYS)), "`study` and `patient`")
    for number, row in enumerate(rows, 1):
        if row is None or not all(str(row.get(key) or "").strip() for key in _KEYS):
            left_out.append(LeftOutRow(number, "it has no `study` and `patient`"))
            continue
        cells = read_label_cells(row, asked)
        named |= cells.named
        columns |= dict.fromkeys(row)
        if cells.wrong:
            left_out.append(LeftOutRow(number, f"its label of {cells.wrong[0]} is neither 1, 0 nor empty"))
            continue
        study, patient = (str(row[key]).strip() for key in _KEYS)
        studies.append(LabelledStudy(number, study, patient, cells.present))
    if not studies:
        why = " ".join(reasons_of(left_out)) or "There is nothing below its header."
        raise UnusableTable(f"{path} has no row that can be used. {why}")
    if not named:
        raise UnusableTable(
            f"{path} has no labels. Name a column like a condition, such as `{column_name(*asked[0])}`."
        )
    known = {*_KEYS, "labels", "levels", *(column_name(*each) for each in asked)}
    unknown = tuple(column for column in columns if plain_name(column) not in known)
    return ImageLabels(tuple(studies), tuple(left_out), _questions(conditions, named), unknown)


def _questions(conditions: Sequence[Condition], named: set[Asked]) -> tuple[Question, ...]:
    """Give a question per condition with a column, of each disc where a column names a level."""
    return tuple(
        question_of(condition, [level for level in condition.levels if (condition.name, level) in named])
        for condition in conditions
        if any(name == condition.name for name, _ in named)
    )
