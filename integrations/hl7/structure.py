"""What HL7's own tables say of a message's segments, from hl7apy, for the interface analyst.

Nothing here costs a report: a segment in the wrong place is noted, no more.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from hl7apy import load_reference
from hl7apy.exceptions import HL7apyException

from integrations.hl7.segments import Segment


def strange_segments(segments: Sequence[Segment], structure: str, version: str) -> tuple[str, ...]:
    """Note the segments that the message structure of that version does not have; Z segments are the site's own."""
    known = _names(structure, version)
    if known is None:
        return ("structure: the version has no table; segments are read by position",)
    names = dict.fromkeys(segment.name for segment in segments if not segment.name.startswith("Z"))
    return tuple(f"structure: {name} is no segment of {structure} here" for name in names if name not in known)


@lru_cache(maxsize=64)
def _names(structure: str, version: str) -> frozenset[str] | None:
    try:
        return frozenset(_walk(load_reference(structure, "Message", version)))
    except HL7apyException:
        return None


def _walk(reference: Any) -> Iterator[str]:
    for name, below, _, kind in reference[1]:
        if kind == "SEG":
            yield name
        else:
            yield from _walk(below)
