"""Cells of a table that say whether a condition is present, at a level or on the whole."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Asked = tuple[str, str | None]
"""A condition and a level, or a condition and None for the whole report or study."""

_MEANT = {"1": True, "1.0": True, "true": True, "yes": True, "0": False, "0.0": False, "false": False, "no": False}
_LEFT_OUT = {"", "null", "none", "nan", "na", "n/a"}


@dataclass(frozen=True)
class LabelCells:
    """The labels of a row.

    `named` are the questions that have a column, `present` those with an answer, `wrong` those whose answer is no such
    word, by the name of their column.
    """

    named: frozenset[Asked]
    present: Mapping[Asked, bool]
    wrong: tuple[str, ...]


def read_label_cells(row: Mapping[str, Any], asked: Collection[Asked]) -> LabelCells:
    """Read the cells of a row whose column is named like a question, as `stenosis` or `stenosis L4-L5`.

    In JSON Lines and Parquet they may also stand in `labels` (by condition) and `levels` (by level, of the only
    condition that is asked by level). 1, true and yes are present, 0, false and no absent; empty and null are left out.
    """
    columns = {column_name(*question): question for question in asked}
    cells = {name: cell for name, cell in _cells(row, asked) if name in columns}
    labels = {name: str(cell).strip().casefold() for name, cell in cells.items() if cell is not None}
    return LabelCells(
        named=frozenset(columns[name] for name in cells),
        present={columns[name]: _MEANT[label] for name, label in labels.items() if label in _MEANT},
        wrong=tuple(name for name, label in labels.items() if label not in _MEANT and label not in _LEFT_OUT),
    )


def column_name(condition: str, level: str | None) -> str:
    """Give the name of a question's column, which is compared without regard to case and spaces."""
    return plain_name(condition if level is None else f"{condition} {level}")


def plain_name(name: str) -> str:
    """Give a column's name as it is compared."""
    return " ".join(name.split()).casefold()


def _cells(row: Mapping[str, Any], asked: Collection[Asked]) -> Iterator[tuple[str, Any]]:
    """Give the cells of a row by the name of their column, those of `labels` and `levels` as columns of their own."""
    nested = row.get("labels")
    yield from ((plain_name(name), cell) for name, cell in row.items())
    if isinstance(nested, Mapping):
        yield from ((plain_name(name), cell) for name, cell in nested.items())
    levels = row.get("levels")
    by_level = {condition for condition, level in asked if level is not None}
    if isinstance(levels, Mapping) and len(by_level) == 1:
        (condition,) = by_level
        yield from ((column_name(condition, level), cell) for level, cell in levels.items())
