"""Names for discs of one scan from another of the same examination, by where both lie in the patient."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from config.conditions import DISC_LEVELS
from pipeline.images.detectors.protocol import UNKNOWN, DetectedDiscs, LocatedDisc
from pipeline.images.volume import Volume

_SAME_DISC_MM = 12.0  # a localizer has thick slices far apart
_FEWEST_SHARED = 2


@dataclass(frozen=True)
class Scan:
    """A volume and the discs found on it; `name` says in words which series it is."""

    name: str
    volume: Volume
    found: DetectedDiscs


def settle_levels(chosen: Scan, others: Sequence[Scan]) -> DetectedDiscs:
    """Name the chosen scan's discs by what other scans in the same frame of reference show of the sacrum and C2.

    Names that the chosen scan has stay, unless another one's anchor disagrees; names that it lacks come from one that
    sees the sacrum and shares at least two discs with it. Anchors that disagree leave levels unknown.
    """
    found = chosen.found
    for other in others:
        shift = _shared(chosen, other)
        if shift is None or found.doubtful:
            continue
        if other.found.doubtful:
            found = _in_doubt(found, f"{other.found.reason.removeprefix(UNKNOWN)}, as {other.name} shows")
        elif other.found.levels_known:
            found = _agree(found, _levels_from(other.found, len(found.discs), shift), other.name)
        if other.found.below_axis and found.levels_known and _level_at(found, -shift) != DISC_LEVELS[0]:
            found = _in_doubt(found, f"sacrum and C2 disagree, as {other.name} shows C2")
    return found


def _shared(chosen: Scan, other: Scan) -> int | None:
    """Give how many places further down the other's chain a disc of the chosen one stands; None where that is open."""
    shifts = []
    places = [np.array(_place(other.volume, disc)) for disc in other.found.discs]
    for i, disc in enumerate(chosen.found.discs):
        here = np.array(_place(chosen.volume, disc))
        away = [float(np.hypot(*(there - here)[1:])) for there in places]  # thick slices say little across
        if away and min(away) < _SAME_DISC_MM:
            shifts.append(int(np.argmin(away)) - i)
    return shifts[0] if len(shifts) >= _FEWEST_SHARED and len(set(shifts)) == 1 else None


def _place(volume: Volume, disc: LocatedDisc) -> tuple[float, float, float]:
    return volume.patient_mm(*disc.centre)


def _levels_from(other: DetectedDiscs, count: int, shift: int) -> tuple[str, ...] | None:
    """Levels of the chosen scan's discs, counted on from the other's; None where a spine has not so many."""
    first = DISC_LEVELS.index(str(other.discs[0].level)) + shift
    return DISC_LEVELS[first : first + count] if first >= 0 and first + count <= len(DISC_LEVELS) else None


def _level_at(found: DetectedDiscs, place: int) -> str | None:
    index = DISC_LEVELS.index(str(found.discs[0].level)) + place
    return DISC_LEVELS[index] if 0 <= index < len(DISC_LEVELS) else None


def _agree(found: DetectedDiscs, levels: tuple[str, ...] | None, name: str) -> DetectedDiscs:
    if levels is None:
        return _in_doubt(found, f"counted from {name} there would be more discs than a spine has")
    if not found.levels_known:
        return found.with_levels(levels, f"counted up from the sacrum, seen on {name}")
    if tuple(disc.level for disc in found.discs) != levels:
        return _in_doubt(found, f"{name} gives other names")
    return found


def _in_doubt(found: DetectedDiscs, why: str) -> DetectedDiscs:
    return replace(found.without_levels(why), doubtful=True)
