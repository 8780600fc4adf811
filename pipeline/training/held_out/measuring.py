"""How well a detector does on studies that it was not trained on, by kind of trouble."""

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from config.conditions import DISC_LEVELS
from pipeline.images.detectors.protocol import DetectedDiscs, Detector, LocatedDisc
from pipeline.training.held_out.labelled import labelled_study
from pipeline.training.held_out.study import HeldOutStudy, TrueDisc, draw_held_out
from pipeline.training.labelled_volumes import LabelledFiles, read_labelled

FOUND_MM = 8.0
"""A disc is found where a detected one lies so near its middle, seen from the side; how far aside is told apart."""
_NEAR_MM = 3.0  # a detection so near a drawn disc that cannot be judged is not false
_Z95 = 1.959964  # of the standard normal distribution


@dataclass(frozen=True)
class Judged:
    """What a detector did on one study.

    `discs` counts the true ones that are sure, `in_plane_mm` and `aside_mm` are the errors of those found. `named` and
    `right` are of the whole study: right where every name is; `anchored` tells whether the sacrum or C2-C3 is in view.
    `withheld` is the reason where levels are unknown.
    """

    kind: str
    discs: int
    in_plane_mm: tuple[float, ...]
    aside_mm: tuple[float, ...]
    false: int
    sacrum: bool
    anchored: bool
    transitional: bool
    named: bool
    right: bool
    withheld: str
    seconds: float

    @property
    def nameable(self) -> bool:
        """Whether names are expected: the sacrum is in view and the lumbosacral border is the usual one."""
        return self.sacrum and not self.transitional


@dataclass(frozen=True)
class Figures:
    """Figures of many studies; mm where the name says so, None where nothing was found or drawn.

    `share_interval` is Wilson's 95% interval of `share`, as if each disc were drawn for itself. `nameable` studies have
    the sacrum in view and the usual lumbosacral border. `named_transitional` and `named_unanchored` are studies whose
    names should have been withheld.
    """

    studies: int
    discs: int
    found: int
    share: float | None
    share_interval: tuple[float, float] | None
    mean_mm: float | None
    median_mm: float | None
    percentile90_mm: float | None
    median_aside_mm: float | None
    false: int
    false_per_40: float
    sacrum: int
    nameable: int
    nameable_named: int
    named: int
    right: int
    wrong: int
    named_transitional: int
    named_unanchored: int
    withheld: Mapping[str, int]
    seconds_per_study: float


def judge_seed(detector: Detector, kind: str, seed: int) -> Judged:
    """Draw a study, run a detector on it and judge what it finds."""
    return _judge_study(detector, draw_held_out(seed, kind))


def judge_labelled(detector: Detector, files: LabelledFiles) -> Judged:
    """Run a detector on a labelled volume and judge what it finds.

    Raises:
        UnusableLabelledData: see `read_labelled`.
    """
    return _judge_study(detector, labelled_study(read_labelled(files)))


def _judge_study(detector: Detector, study: HeldOutStudy) -> Judged:
    begun = time.perf_counter()
    result = detector.detect(study.volume)
    return judge(study, result, time.perf_counter() - begun)


def judge(study: HeldOutStudy, result: DetectedDiscs, seconds: float = 0.0) -> Judged:
    """Set a detector's answer against the truth; discs are matched one to one so that the distances add up to least.

    A false disc is one that matches none and does not lie on a drawn disc that cannot be judged. A name on a false disc
    is a wrong name. In a picture that stands upside down against its header no disc is due, and each name is wrong.
    """
    if not study.upright:
        discs = tuple(replace(disc, level=None, sure=False) for disc in study.discs)
        study = replace(study, discs=discs, sacrum=False)
    pairs = match_discs(study, result.discs)
    judgeable = [(true, found) for true, found in pairs if true.sure]
    matched = {id(found) for _, found in pairs}
    false = [disc for disc in result.discs if id(disc) not in matched and not _is_doubtful(study, disc)]
    right = all(true.level == found.level for true, found in pairs) and not any(disc.level for disc in false)
    levels = {disc.level for disc in study.discs}
    return Judged(
        kind=study.kind,
        discs=sum(disc.sure for disc in study.discs),
        in_plane_mm=tuple(_in_plane_mm(study, true, found) for true, found in judgeable),
        aside_mm=tuple(abs(true.centre[0] - found.centre[0]) * study.volume.spacing_mm[0] for true, found in judgeable),
        false=len(false),
        sacrum=study.sacrum,
        anchored=study.sacrum or DISC_LEVELS[0] in levels,
        transitional=study.transitional,
        named=result.levels_known,
        right=result.levels_known and right,
        withheld="" if result.levels_known else result.reason,
        seconds=seconds,
    )


def match_discs(study: HeldOutStudy, found: tuple[LocatedDisc, ...]) -> list[tuple[TrueDisc, LocatedDisc]]:
    """Pair true and found discs that lie within 8 mm of each other in plane, each at most once."""
    if not study.discs or not found:
        return []
    distances = np.array([[_in_plane_mm(study, true, disc) for disc in found] for true in study.discs])
    rows, columns = linear_sum_assignment(np.where(distances <= FOUND_MM, distances, 1e4))
    return [
        (study.discs[row], found[column])
        for row, column in zip(rows, columns, strict=True)
        if distances[row, column] <= FOUND_MM
    ]


def summarise(judged: Iterable[Judged]) -> Figures:
    """Count the figures of judged studies.

    Raises:
        ValueError: there are none.
    """
    studies = list(judged)
    if not studies:
        raise ValueError("no studies were judged; give at least one")
    discs = sum(study.discs for study in studies)
    errors = np.array([error for study in studies for error in study.in_plane_mm])
    aside = np.array([error for study in studies for error in study.aside_mm])
    false = sum(study.false for study in studies)
    named = [study for study in studies if study.named]
    return Figures(
        studies=len(studies),
        discs=discs,
        found=len(errors),
        share=len(errors) / discs if discs else None,
        share_interval=wilson_interval(len(errors), discs) if discs else None,
        mean_mm=float(errors.mean()) if len(errors) else None,
        median_mm=_percentile(errors, 50),
        percentile90_mm=_percentile(errors, 90),
        median_aside_mm=_percentile(aside, 50),
        false=false,
        false_per_40=40 * false / len(studies),
        sacrum=sum(study.sacrum for study in studies),
        nameable=sum(study.nameable for study in studies),
        nameable_named=sum(study.nameable for study in named),
        named=len(named),
        right=sum(study.right for study in named),
        wrong=sum(not study.right for study in named),
        named_transitional=sum(study.transitional for study in named),
        named_unanchored=sum(not study.anchored for study in named),
        withheld=dict(Counter(study.withheld for study in studies if not study.named).most_common()),
        seconds_per_study=sum(study.seconds for study in studies) / len(studies),
    )


def wilson_interval(hits: int, trials: int) -> tuple[float, float]:
    """Give the 95% score interval of a share (Wilson 1927).

    Raises:
        ValueError: there are no trials, or more hits than trials.
    """
    if not 0 <= hits <= trials or trials < 1:
        raise ValueError("a share needs at least one trial, and hits from 0 to their number")
    share, square = hits / trials, _Z95 * _Z95
    middle = (share + square / (2 * trials)) / (1 + square / trials)
    half = _Z95 * math.sqrt(share * (1 - share) / trials + square / (4 * trials**2)) / (1 + square / trials)
    return max(0.0, middle - half), min(1.0, middle + half)


def _percentile(values: npt.NDArray[np.float64], percent: float) -> float | None:
    return float(np.percentile(values, percent)) if len(values) else None


def _in_plane_mm(study: HeldOutStudy, true: TrueDisc, found: LocatedDisc) -> float:
    _, row_mm, column_mm = study.volume.spacing_mm
    down = (true.centre[1] - found.centre[1]) * row_mm
    return math.hypot(down, (true.centre[2] - found.centre[2]) * column_mm)


def _is_doubtful(study: HeldOutStudy, found: LocatedDisc) -> bool:
    """Tell whether a detection lies on a drawn disc that cannot be judged, on any slice."""
    _, row_mm, column_mm = study.volume.spacing_mm
    row, column = round(found.centre[1]), round(found.centre[2])
    down, across = math.ceil(_NEAR_MM / row_mm), math.ceil(_NEAR_MM / column_mm)
    near = study.labels[:, max(0, row - down) : row + down + 1, max(0, column - across) : column + across + 1]
    return any(not study.discs[label - 1].sure for label in np.unique(near) if label)
