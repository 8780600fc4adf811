"""What people say of a study's levels, which goes before what was counted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from config.conditions import DISC_LEVELS
from pipeline.images.detectors.protocol import DetectedDiscs
from pipeline.images.series import SeriesChoice
from pipeline.images.stacks import Stack
from pipeline.images.volume import Volume

NO_LEVELS = "none"
_SAME_DISC_MM = 8.0  # half of what lies between two cervical discs

Point = tuple[float, float, float]


@dataclass(frozen=True)
class NamedDisc:
    """The disc that a person named: the series that it was found on, and its centre in patient coordinates (mm)."""

    series_uid: str
    centre_mm: Point


@dataclass(frozen=True)
class Numbering:
    """What is known of a study's levels beside its images.

    `lowest` is the level that a person gives the lowest disc found, NO_LEVELS where a person says that none can be
    named, and empty where nobody said anything. `seen` is the disc that was the lowest when a person named it. `doubt`
    says in words why the report may number otherwise.
    """

    lowest: str = ""
    seen: NamedDisc | None = None
    doubt: str = ""


AS_COUNTED = Numbering()


@dataclass(frozen=True)
class Naming:
    """What people say of a study's levels, with the study's series, on one of which a person may have named a disc."""

    numbering: Numbering
    choice: SeriesChoice


def name_discs(found: DetectedDiscs, naming: Naming, stack: Stack, volume: Volume) -> DetectedDiscs:
    """Name the discs that were found on one scan of a study, given as a stack and as its volume, as people do."""
    seen, places = naming.numbering.seen, []
    if seen is not None and _are_comparable(naming.choice, seen.series_uid, stack):
        places = [volume.patient_mm(*disc.centre) for disc in found.discs]
    return apply_numbering(found, naming.numbering, places)


def apply_numbering(found: DetectedDiscs, numbering: Numbering, places: Sequence[Point] = ()) -> DetectedDiscs:
    """Name discs as a person does; otherwise withhold the counted names where the report may number otherwise.

    Args:
        found: the discs, named as counted.
        numbering: what people say.
        places: the discs' centres in patient coordinates (mm); none where they cannot be compared with the disc that a
            person named, whose name then says nothing about these.
    """
    if not found.discs:
        return found
    if numbering.lowest == NO_LEVELS:
        return found.without_levels("a person says that they cannot be told")
    if numbering.lowest:
        named = _find_disc(places, numbering.seen)
        if named is None:
            return found.without_levels("a person named discs of other images")
        return _named_from(found, numbering.lowest, named)
    if numbering.doubt and found.levels_known:
        return found.without_levels(numbering.doubt)
    return found


def _are_comparable(choice: SeriesChoice, series_uid: str, stack: Stack) -> bool:
    """Tell whether places on a series and on a scan are in one frame of reference (PS3.3 C.7.4.1)."""
    first = stack.images[0]
    if first.series_uid == series_uid:
        return True
    frames = {judged.first.frame_of_reference for judged in choice.series if judged.series_uid == series_uid}
    return bool(first.frame_of_reference) and first.frame_of_reference in frames


def _find_disc(places: Sequence[Point], seen: NamedDisc | None) -> int | None:
    if seen is None or not places:
        return None
    away = [math.dist(place[1:], seen.centre_mm[1:]) for place in places]  # thick slices say little across
    nearest = min(range(len(away)), key=away.__getitem__)
    return nearest if away[nearest] <= _SAME_DISC_MM else None


def _named_from(found: DetectedDiscs, level: str, named: int) -> DetectedDiscs:
    """Count up and down from one disc."""
    count, first = len(found.discs), DISC_LEVELS.index(level) - named
    if first < 0:
        return found.without_levels(f"{named + 1} discs do not fit above {level}")
    if first + count > len(DISC_LEVELS):
        return found.without_levels(f"{count - named - 1} discs do not fit below {level}, as a person named one")
    if found.passed_over:
        return found.without_levels(f"{found.passed_over}, so none can be counted from {level}")
    lowest = named == count - 1
    reason = f"named by a person, the lowest disc as {level}" if lowest else f"counted from what a person named {level}"
    return found.with_levels(DISC_LEVELS[first : first + count], reason)
