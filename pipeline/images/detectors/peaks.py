"""Heat maps of slices to places in the volume where a disc may be.

Places are (row, column) in mm from a slice's upper left corner, and mm across the slices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from pipeline.images.detectors.network import GRID_MM, HALF_WIDTH_SCALE, HEATS, SHAPES

Signal = npt.NDArray[np.float32]

_PEAK = 0.25  # least heat of a peak
_PEAK_RADIUS = 4  # grid cells within which a peak is the highest
_EDGE = 2  # grid cells at the upper and lower edge of a picture in which no peak is taken
_JOIN_MM = 7.0  # peaks on two slices within this belong to one disc
_LATERAL_SHARE = 0.25  # a disc may wander this much per mm across slices
_CANDIDATE = 0.2  # least mean heat over a disc's best slices
_BEST_SLICES = 3


@dataclass(frozen=True)
class Peak:
    """A disc on one slice. `anterior` is a unit (row, column); widths in mm; heats in [0, 1]."""

    slice_index: int
    lateral: float
    place: tuple[float, float]
    heat: float
    anterior: tuple[float, float]
    half_width: float
    lowest_heat: float


@dataclass(frozen=True)
class Candidate:
    """A disc seen on several slices; `lowest` is how far it is taken for L5-S1. Where `heat` is 0 it was inferred."""

    place: tuple[float, float]
    lateral: float
    heat: float
    anterior: tuple[float, float]
    half_width: float
    lowest: float


def find_peaks(maps: Signal, lateral: Sequence[float]) -> tuple[Peak, ...]:
    """Find the disc peaks of each slice.

    Args:
        maps: (slices, maps, rows, columns) as `predict_maps` gives them.
        lateral: each slice's place across the slices in mm.
    """
    disc, lowest = HEATS.index("disc"), HEATS.index("lumbosacral")
    peaks = []
    for index, (layers, place) in enumerate(zip(maps, lateral, strict=True)):
        heat = layers[disc]
        for row, column in _highest(heat):
            right, down, half = layers[len(HEATS) : len(HEATS) + len(SHAPES), row, column]
            length = float(np.hypot(right, down)) + 1e-6
            around = layers[lowest, max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
            peaks.append(
                Peak(
                    slice_index=index,
                    lateral=place,
                    place=_refine(heat, row, column),
                    heat=float(heat[row, column]),
                    anterior=(float(down) / length, float(right) / length),
                    half_width=float(half) * HALF_WIDTH_SCALE,
                    lowest_heat=float(around.max()),
                )
            )
    return tuple(peaks)


def _highest(heat: Signal) -> list[tuple[int, int]]:
    """Give the cells that are the highest around; of equal ones within the radius the first.

    One so near the upper or lower edge is none: the heat rises on beyond it, where the disc's middle lies.
    """
    highest = ndimage.maximum_filter(heat, size=2 * _PEAK_RADIUS + 1)
    cells: list[tuple[int, int]] = []
    for row, column in np.argwhere((heat == highest) & (heat > _PEAK)).tolist():
        inside = _EDGE <= row < len(heat) - _EDGE
        if inside and all(max(abs(row - r), abs(column - c)) > _PEAK_RADIUS for r, c in cells):
            cells.append((row, column))
    return cells


def _refine(heat: Signal, row: int, column: int) -> tuple[float, float]:
    """Centre of the heat around a peak, in mm."""
    top, left = max(0, row - 1), max(0, column - 1)
    window = heat[top : row + 2, left : column + 2]
    rows, columns = np.mgrid[: window.shape[0], : window.shape[1]]
    total = float(window.sum())
    centre = (top + float((rows * window).sum()) / total, left + float((columns * window).sum()) / total)
    return centre[0] * GRID_MM + 0.5, centre[1] * GRID_MM + 0.5


def join_peaks(peaks: Sequence[Peak], slices: int) -> tuple[Candidate, ...]:
    """Join the peaks of one disc through the slices, from the hottest on; drop what is seen too weakly."""
    groups: list[list[Peak]] = []
    for peak in sorted(peaks, key=lambda peak: -peak.heat):
        near = [
            (distance, group)
            for group in groups
            if all(member.slice_index != peak.slice_index for member in group)
            and (distance := min(_distance(peak, member) for member in group)) < _JOIN_MM
        ]
        if near:
            min(near, key=lambda pair: pair[0])[1].append(peak)
        else:
            groups.append([peak])
    candidates = [_merge(group, slices) for group in groups]
    return tuple(sorted((c for c in candidates if c.heat > _CANDIDATE), key=lambda c: c.place[0]))


def _distance(one: Peak, other: Peak) -> float:
    in_plane = float(np.hypot(one.place[0] - other.place[0], one.place[1] - other.place[1]))
    return in_plane + _LATERAL_SHARE * abs(one.lateral - other.lateral)


def _merge(group: Sequence[Peak], slices: int) -> Candidate:
    weights = np.array([peak.heat**2 for peak in group])
    weights /= weights.sum()

    def best(heats: Sequence[float]) -> float:
        return float(sum(sorted(heats)[-_BEST_SLICES:]) / min(_BEST_SLICES, slices))

    row, column = weights @ np.array([peak.place for peak in group])
    down, right = weights @ np.array([peak.anterior for peak in group])
    length = float(np.hypot(down, right)) + 1e-6
    return Candidate(
        place=(float(row), float(column)),
        lateral=float(weights @ np.array([peak.lateral for peak in group])),
        heat=best([peak.heat for peak in group]),
        anterior=(float(down) / length, float(right) / length),
        half_width=float(weights @ np.array([peak.half_width for peak in group])),
        lowest=best([peak.lowest_heat for peak in group]),
    )
