"""What a program of another project answered, to discs of a volume that can be relied on."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from config.conditions import DISC_LEVELS
from pipeline.images.detectors.exchange import Answer, AnsweredDisc, read_answer, read_array
from pipeline.images.detectors.label_maps import LabelMap, measure_disc
from pipeline.images.detectors.protocol import UNKNOWN, DetectedDiscs, LocatedDisc
from pipeline.images.detectors.spacing import long_step
from pipeline.images.errors import UnusableAnswer
from pipeline.images.volume import Volume

_ROOM_MM = 30.0  # the picture must show this much below L5-S1, or what was taken for the sacrum could be cut off


@dataclass(frozen=True)
class _Judge:
    """Who answered about which volume."""

    title: str
    volume: Volume

    def refuse(self, fault: str) -> UnusableAnswer:
        return UnusableAnswer(self.title, fault)


def read_discs(folder: Path, volume: Volume, title: str) -> DetectedDiscs:
    """Read the answer in a folder and check it against the volume that was handed over.

    Names are withheld, with the reason, where they contradict themselves, where L5-S1 is not among them or too little
    is in view below it, and where discs between C2-C3 and L5-S1 are missing.

    Args:
        folder: holds the answer's files.
        volume: the volume that was handed over.
        title: the program's name, for errors.

    Raises:
        UnusableAnswer: something in it breaks the rules of the exchange.
    """
    judge = _Judge(title, volume)
    answer = read_answer(folder, Answer, title)
    labels = _read_labels(folder, answer, judge)
    encodings = _read_encodings(folder, len(answer.discs), judge)
    located = [_locate(disc, i, labels, judge) for i, disc in enumerate(answer.discs)]
    kept = sorted((i for i, disc in enumerate(located) if disc), key=lambda i: _row(located[i]))
    discs = tuple(disc for i in kept if (disc := located[i]))
    known = answer.levels_known and bool(discs)
    _check_levels(discs, known=known, judge=judge)
    if answer.levels_known and answer.doubtful:
        raise judge.refuse("levels are said to be known and to be in doubt")
    reason = answer.reason if known else f"{UNKNOWN}{answer.reason}" if discs else "no discs were found"
    _, row_mm, column_mm = volume.spacing_mm
    found = DetectedDiscs(
        discs,
        known,
        reason,
        doubtful=answer.doubtful,
        encodings=None if encodings is None else encodings[kept],
        gap=long_step([(disc.centre[1] * row_mm, disc.centre[2] * column_mm) for disc in discs]),
    )
    return _withhold_unsure(found, judge) if known else found


def _row(disc: LocatedDisc | None) -> float:
    return disc.centre[1] if disc else 0.0


def _read_labels(folder: Path, answer: Answer, judge: _Judge) -> LabelMap | None:
    labels = read_array(folder, "labels.npy", "iu", judge.title)
    if labels is None or answer.to_volume is None:
        return None
    to_volume = np.array(answer.to_volume)
    if labels.ndim != 3 or not np.allclose(to_volume[3], (0, 0, 0, 1)) or abs(np.linalg.det(to_volume)) < 1e-9:
        raise judge.refuse("labels.npy and to_volume are no label map in three dimensions")
    return LabelMap(cast("npt.NDArray[np.integer]", labels), to_volume)


def _read_encodings(folder: Path, discs: int, judge: _Judge) -> npt.NDArray[np.float32] | None:
    encodings = read_array(folder, "encodings.npy", "f", judge.title)
    if encodings is None:
        return None
    values = encodings.astype(np.float32)
    if values.ndim != 2 or len(values) != discs or not np.isfinite(values).all():
        raise judge.refuse("encodings.npy does not hold finite numbers for each disc")
    return values


def _locate(disc: AnsweredDisc, index: int, labels: LabelMap | None, judge: _Judge) -> LocatedDisc | None:
    """Place one disc; None where its label shows too little of it."""
    centre, tilt, width = disc.centre, disc.tilt, disc.width
    if disc.label is not None:
        if labels is None or not (labels.labels == disc.label).any() or _is_measured(disc):
            raise judge.refuse(f"discs.{index}.label is not in a label map, or the disc is measured as well")
        measured = measure_disc(labels, disc.label, judge.volume.spacing_mm)
        if measured is None:
            return None
        centre, tilt, width = measured.centre, measured.tilt, measured.width
    if centre is None or tilt is None or width is None:
        raise judge.refuse(f"discs.{index} has neither a label nor centre, tilt and width")
    if not all(-0.5 <= at < size - 0.5 for at, size in zip(centre, judge.volume.voxels.shape, strict=True)):
        raise judge.refuse(f"discs.{index} lies outside the volume")
    return LocatedDisc(disc.level, centre, tilt, width, disc.confidence, disc.grades)


def _is_measured(disc: AnsweredDisc) -> bool:
    return any(value is not None for value in (disc.centre, disc.tilt, disc.width))


def _check_levels(discs: tuple[LocatedDisc, ...], *, known: bool, judge: _Judge) -> None:
    levels = [disc.level for disc in discs]
    if not known:
        if any(level is not None for level in levels):
            raise judge.refuse("discs have names although levels are said to be unknown")
        return
    if not all(level in DISC_LEVELS for level in levels):
        raise judge.refuse("a disc has no name, or one that no disc has, although levels are said to be known")


def _withhold_unsure(found: DetectedDiscs, judge: _Judge) -> DetectedDiscs:
    levels = [disc.level or "" for disc in found.discs]
    if fault := _view_fault(levels, found, judge):
        return found.without_levels(fault)
    doubt = _doubt(levels, judge)
    return found.in_doubt(doubt) if doubt else found


def _view_fault(levels: list[str], found: DetectedDiscs, judge: _Judge) -> str:
    """Say why the sacrum is not surely in view; empty where it is. Another scan may show it."""
    below = (judge.volume.voxels.shape[1] - found.discs[-1].centre[1]) * judge.volume.spacing_mm[1]
    if DISC_LEVELS[-1] not in levels:
        return f"{judge.title} names them without L5-S1 in view"
    return "too little is in view below the last disc to tell the sacrum" if below < _ROOM_MM else ""


def _doubt(levels: list[str], judge: _Judge) -> str:
    """Say why names counted from a sacrum in view contradict themselves; empty where they do not."""
    between, usual = len(levels) - 2, len(DISC_LEVELS) - 2
    if levels != sorted(set(levels), key=DISC_LEVELS.index):
        return f"{judge.title} gives names twice, or not in order from head to foot"
    if levels[0] == DISC_LEVELS[0] and between != usual:
        return f"between C2-C3 and L5-S1 {judge.title} found {between} discs, where {usual} are usual"
    return ""
