"""A detector's own grades of discs to findings, as they come: no probability of theirs was ever calibrated."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from config.files import read_yaml
from pipeline.images.detectors.protocol import DetectedDiscs, LocatedDisc
from pipeline.images.errors import UnusableModel
from pipeline.images.judgements import Judgement, Question, image_finding
from pipeline.values import Disc, Finding, Provenance, Standing, State

THRESHOLD = 0.5  # where the likeliest grade above "none" and "none" are equally likely

_FOLDER = Path(__file__).with_name("detectors")


@dataclass(frozen=True)
class Grading:
    """Which of a detector's gradings say that a condition is present, at each of some levels or in the patient."""

    condition: str
    per_disc: bool
    levels: tuple[str, ...]
    grades: tuple[str, ...]


def load_gradings(kind: str) -> tuple[Grading, ...]:
    """Give what the grades of a kind of detector say of conditions; nothing for one that gives none.

    Raises:
        UnusableModel: the file beside the detectors is damaged.
    """
    path = _FOLDER / f"{kind}_grades.yaml"
    if not path.exists():
        return ()
    remedy = "Install the package again."
    try:
        return TypeAdapter(tuple[Grading, ...]).validate_python(read_yaml(path, UnusableModel, remedy))
    except ValidationError as error:
        raise UnusableModel(f"{path} does not hold gradings. {remedy}") from error


def grade_discs(
    gradings: Collection[Grading], found: DetectedDiscs, placed: Sequence[Disc], provenance: Provenance
) -> tuple[Finding, ...]:
    """Give one finding per grading, or per level of one that judges each disc.

    The log odds are those of the likeliest grade above "none" against "none", the greatest of all gradings and discs
    that count, so the answer is yes exactly where a grade above "none" is the likeliest somewhere.

    Args:
        gradings: what to give findings for.
        found: the discs, from head to foot, with their grades.
        placed: the same discs as they lie on the images.
        provenance: of all findings.
    """
    findings = []
    for grading in gradings:
        if grading.per_disc:
            findings += [
                _finding(grading, level, _judge_level(grading, level, found, placed), provenance)
                for level in grading.levels
            ]
        else:
            findings.append(_finding(grading, None, _judge_patient(grading, found), provenance))
    return tuple(findings)


def abstain_from_grades(gradings: Collection[Grading], reason: str, provenance: Provenance) -> tuple[Finding, ...]:
    """Give the findings of a study without a usable series: not imaged, with the reason."""
    judgement = Judgement(State.NOT_IMAGED, reason)
    return tuple(
        _finding(grading, level, judgement, provenance)
        for grading in gradings
        for level in (grading.levels if grading.per_disc else (None,))
    )


def above_none(disc: LocatedDisc, grades: Collection[str]) -> float | None:
    """Give the log odds that one of the gradings is above "none" at a disc; None where the disc lacks one of them."""
    if not all(name in disc.grades for name in grades):
        return None
    return max(max(disc.grades[name][1:]) - disc.grades[name][0] for name in grades)


def _judge_level(grading: Grading, level: str, found: DetectedDiscs, placed: Sequence[Disc]) -> Judgement:
    if not found.levels_known:
        return Judgement(State.UNCERTAIN, found.reason)
    for located, disc in zip(found.discs, placed, strict=True):
        if located.level == level:
            log_odds = above_none(located, grading.grades)
            if log_odds is None:
                return Judgement(State.UNCERTAIN, "the detector gave this disc no grades", disc)
            return Judgement(log_odds, "", disc)
    return Judgement(State.NOT_IMAGED, f"{level} is not in the chosen series")


def _judge_patient(grading: Grading, found: DetectedDiscs) -> Judgement:
    """Judge the discs of the grading's levels; where levels are unknown all discs, which is said."""
    discs = [disc for disc in found.discs if not found.levels_known or disc.level in grading.levels]
    scores = [score for disc in discs if (score := above_none(disc, grading.grades)) is not None]
    if not scores:
        return Judgement(State.UNCERTAIN, "no disc has grades" if found.discs else "no discs were found")
    if not found.levels_known:
        return Judgement(max(scores), f"{found.reason}, so all {len(scores)} graded discs were read")
    return Judgement(max(scores), f"read from {len(scores)} discs")


def _finding(grading: Grading, level: str | None, judgement: Judgement, provenance: Provenance) -> Finding:
    log_odds = judgement.log_odds
    # Not rounded: rounded, it could turn the detector's own answer round.
    probability = None if log_odds is None else float(1 / (1 + np.exp(-np.clip(log_odds, -60, 60))))
    asked = Question(grading.condition, level, THRESHOLD, Standing.UNCALIBRATED)
    return image_finding(asked, judgement, probability, provenance)
