"""The discs of labelled studies, and the bags of them that classifiers are fitted and tested on."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.images.classifiers import bag_of
from pipeline.reports.label_cells import Asked
from pipeline.training.classifier_fitting import Examples, Question
from pipeline.training.linear_machine import Features

NO_STUDY = "no such study"
NO_SERIES = "no usable series"
NO_PIXELS = "pixels unreadable"
NO_ANSWER = "the detector failed"
NO_DISCS = "no discs found"
NO_LEVELS = "levels unknown"
NO_DISC = "disc not read"


@dataclass(frozen=True)
class OtherReading:
    """What a detector that grades or encodes discs itself, such as SpineNet, says of the same discs.

    `features` are its encodings (discs, features), None where it has none. `present` says of a condition in which discs
    (discs,) it grades it above none, which is not so of a disc without grades; it holds only what it grades.
    """

    name: str
    features: Features | None
    present: Mapping[str, npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class ScanDiscs:
    """The encoded discs of one scan from head to foot: levels, None where unknown, and features (discs, features)."""

    levels: tuple[str | None, ...]
    features: Features
    other: OtherReading | None = None


@dataclass(frozen=True)
class StudyDiscs:
    """The discs of a study's chosen scan, and of the one that shows the whole spine, which may be the same."""

    chosen: ScanDiscs
    whole_spine: ScanDiscs


@dataclass(frozen=True)
class LabelledDiscs:
    """A study with what is known of it; `discs` is the reason in one of this module's words where it was not read."""

    patient: str
    discs: StudyDiscs | str
    present: Mapping[Asked, bool]


@dataclass(frozen=True)
class Bag:
    """The discs of one scan, by their places, that are one example."""

    scan: ScanDiscs
    places: tuple[int, ...]
    present: bool


@dataclass(frozen=True)
class Bags:
    """The examples of a question; `left_out` counts those that are labelled and gave none, by the reason."""

    bags: tuple[Bag, ...]
    left_out: Mapping[str, int]


def find_bags(question: Question, studies: Iterable[LabelledDiscs]) -> Bags:
    """Gather the examples of a question: discs with a label of their own level, or patients with one.

    What has no label is no example, neither present nor absent. A study whose levels the detector left unknown gives
    none, since it is not known which of its discs are meant.
    """
    bags: list[Bag] = []
    left_out: Counter[str] = Counter()
    for study in studies:
        for levels, present in _labels(question, study.present):
            found = _find(question, study.discs, levels)
            if isinstance(found, str):
                left_out[found] += 1
            else:
                bags.append(Bag(*found, present))
    return Bags(tuple(bags), dict(left_out))


def _labels(question: Question, present: Mapping[Asked, bool]) -> list[tuple[Sequence[str], bool]]:
    """Give each known label with the levels that it is about."""
    asked: list[tuple[Sequence[str], bool | None]] = [(question.levels, present.get((question.condition, None)))]
    if question.per_disc:
        asked = [((level,), present.get((question.condition, level))) for level in question.levels]
    return [(levels, known) for levels, known in asked if known is not None]


def _find(
    question: Question, discs: StudyDiscs | str, levels: Sequence[str]
) -> tuple[ScanDiscs, tuple[int, ...]] | str:
    if isinstance(discs, str):
        return discs
    scan = discs.whole_spine if question.needs_whole_spine else discs.chosen
    if not scan.levels:
        return NO_DISCS
    if scan.levels[0] is None:
        return NO_LEVELS
    places = bag_of(scan.levels, levels, known=True)
    return (scan, tuple(places)) if places else NO_DISC


def examples_of(bags: Sequence[Bag]) -> Examples:
    """Give bags as the means of their discs' features."""
    features = [bag.scan.features[list(bag.places)].mean(axis=0) for bag in bags]
    return Examples(np.array(features, np.float32), np.array([bag.present for bag in bags], bool))
