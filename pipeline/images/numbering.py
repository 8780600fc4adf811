"""What people say of a study's levels, which goes before what was counted."""

from dataclasses import dataclass

from config.conditions import DISC_LEVELS
from pipeline.images.detectors.protocol import DetectedDiscs

NO_LEVELS = "none"


@dataclass(frozen=True)
class Numbering:
    """What is known of a study's levels beside its images.

    `lowest` is the level that a person gives the lowest disc found, NO_LEVELS where a person says that none can be
    named, and empty where nobody said anything. `doubt` says in words why the report may number otherwise.
    """

    lowest: str = ""
    doubt: str = ""


AS_COUNTED = Numbering()


def apply_numbering(found: DetectedDiscs, numbering: Numbering) -> DetectedDiscs:
    """Name discs as a person does; otherwise withhold the counted names where the report may number otherwise."""
    if not found.discs:
        return found
    if numbering.lowest == NO_LEVELS:
        return found.without_levels("a person says that they cannot be told")
    if numbering.lowest:
        return _named_from(found, numbering.lowest)
    if numbering.doubt and found.levels_known:
        return found.without_levels(numbering.doubt)
    return found


def _named_from(found: DetectedDiscs, lowest: str) -> DetectedDiscs:
    last = DISC_LEVELS.index(lowest) + 1
    if last < len(found.discs):
        return found.without_levels(f"{len(found.discs)} discs do not fit above {lowest}")
    levels = DISC_LEVELS[last - len(found.discs) : last]
    return found.with_levels(levels, f"named by a person, the lowest disc as {lowest}")
