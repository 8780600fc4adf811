"""Elements of a data set read as text and numbers, whatever their value representation holds."""

import math
import struct
from collections.abc import Sequence
from typing import Any

from pydicom import Dataset
from pydicom.errors import BytesLengthException

DAMAGE = (
    BytesLengthException,
    NotImplementedError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    struct.error,
)
"""What pydicom raises for elements that do not fit their value representation; found by damaging files at random."""


def text(ds: Dataset, keyword: str) -> str:
    """Give an element as text, empty where it is absent or cannot be read."""
    value = _value(ds, keyword)
    return "" if value is None else str(value).strip("\0 ")


def texts(ds: Dataset, keyword: str) -> tuple[str, ...]:
    """Give all values of an element as text, none where it is absent or cannot be read."""
    value = _value(ds, keyword)
    if value is None or value == "":
        return ()
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return tuple(str(item).strip("\0 ") for item in values)


def number(ds: Dataset, keyword: str) -> float | None:
    """Give an element that holds one finite number; None where it does not."""
    found = numbers(ds, keyword, 1)
    return found[0] if found else None


def numbers(ds: Dataset, keyword: str, count: int) -> tuple[float, ...]:
    """Give that many finite numbers, or none."""
    value = _value(ds, keyword)
    values: Sequence[Any] = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    try:
        found = tuple(float(item) for item in values)
    except (TypeError, ValueError):
        return ()
    return found if len(found) == count and all(map(math.isfinite, found)) else ()


def _value(ds: Dataset, keyword: str) -> Any:
    try:
        return ds.get(keyword)
    except DAMAGE:
        return None
