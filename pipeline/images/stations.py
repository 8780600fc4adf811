"""Names for discs of one scan from another of the same examination, by where both lie in the patient."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from config.conditions import DISC_LEVELS
from pipeline.images.detectors.protocol import UNKNOWN, DetectedDiscs
from pipeline.images.volume import Volume

_SAME_DISC_MM = 12.0  # a localizer has thick slices far apart
_SAME_DISC_SHARE = 1 / 3  # of the way to the next disc; in a neck that is less than half of 12 mm
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
    sees the sacrum, names its discs without leaving one out, and shares at least two discs with it. Anchors or counts
    that disagree leave levels unknown, and so does a disc that the chosen scan seems to miss.
    """
    found = chosen.found
    for other in others:
        shared = _share(chosen, other)
        if not found.doubtful and len(shared) >= _FEWEST_SHARED:
            found = _settle(found, other, shared)
    return found


def _share(chosen: Scan, other: Scan) -> dict[int, int]:
    """Give for discs of the chosen scan, by index, which of the other's they are.

    There is none where a disc lies between two of the other's: the patient has moved, and each could be the next one.
    """
    here, there = _places(chosen), _places(other)
    shared: dict[int, int] = {}
    for i, place in enumerate(here if len(there) else ()):
        away = np.hypot(*(there - place).T)
        nearest = int(away.argmin())
        step = min(_distance_to_next(here, i), _distance_to_next(there, nearest))
        if away[nearest] < min(_SAME_DISC_MM, _SAME_DISC_SHARE * step):
            shared[i] = nearest
        elif away[nearest] < (1 - _SAME_DISC_SHARE) * step:
            return {}
    return shared


def _places(scan: Scan) -> npt.NDArray[np.float64]:
    """Patient y and z in mm of a scan's discs (discs, 2); thick slices say little of x."""
    places = [scan.volume.patient_mm(*disc.centre)[1:] for disc in scan.found.discs]
    return np.array(places, np.float64).reshape(-1, 2)


def _distance_to_next(places: npt.NDArray[np.float64], index: int) -> float:
    others = np.delete(places, index, axis=0) - places[index]
    return float(np.hypot(*others.T).min()) if len(others) else float("inf")


def _settle(found: DetectedDiscs, other: Scan, shared: dict[int, int]) -> DetectedDiscs:
    seen = other.found
    if seen.doubtful:
        return found.in_doubt(f"{seen.reason.removeprefix(UNKNOWN)}, as {other.name} shows")
    if seen.gap and not seen.levels_known:  # it has neither names nor a count to compare
        return found
    if found.levels_known and seen.levels_known:
        agree = all(found.discs[i].level == seen.discs[j].level for i, j in shared.items())
        return found if agree else found.in_doubt(f"{other.name} gives other names")
    shifts = {j - i for i, j in shared.items()}
    if len(shifts) > 1:
        return found.in_doubt(f"{other.name} shows another number of discs")
    if seen.levels_known:
        return _borrow(found, other, shifts.pop())
    if seen.below_axis and found.levels_known and _level_at(found, -shifts.pop()) != DISC_LEVELS[0]:
        return found.in_doubt(f"sacrum and C2 disagree, as {other.name} shows C2")
    return found


def _borrow(found: DetectedDiscs, other: Scan, shift: int) -> DetectedDiscs:
    """Name discs by another scan's, of which the first one here is the one at place `shift` there."""
    if other.found.passed_over:
        return found
    if found.passed_over:
        return found.without_levels(f"{found.passed_over}, so names from {other.name} could be one too high or too low")
    first = DISC_LEVELS.index(str(other.found.discs[0].level)) + shift
    levels = DISC_LEVELS[max(first, 0) : first + len(found.discs)]
    if len(levels) < len(found.discs):
        return found.in_doubt(f"counted from {other.name} there would be more discs than a spine has")
    if found.below_axis and first > 0:
        return found.in_doubt(f"sacrum and C2 disagree: the disc below C2 would be {levels[0]}, as {other.name} shows")
    return found.with_levels(levels, f"counted up from the sacrum, seen on {other.name}")


def _level_at(found: DetectedDiscs, place: int) -> str | None:
    index = DISC_LEVELS.index(str(found.discs[0].level)) + place
    return DISC_LEVELS[index] if 0 <= index < len(DISC_LEVELS) else None
