import numpy as np
import pytest

from config.conditions import DISC_LEVELS
from pipeline.training.classifier_fitting import Question
from pipeline.training.scan_discs import (
    NO_DISC,
    NO_DISCS,
    NO_LEVELS,
    NO_SERIES,
    LabelledDiscs,
    ScanDiscs,
    StudyDiscs,
    examples_of,
    find_bags,
)

LOW = DISC_LEVELS[-3:]
PER_DISC = Question("rust", per_disc=True, levels=LOW)
PER_PATIENT = Question("rust", per_disc=False, levels=LOW)
WHOLE = Question("rust", per_disc=False, levels=DISC_LEVELS[5:])


def scan(*levels: str | None, first: float = 0.0) -> ScanDiscs:
    features = np.arange(4.0 * len(levels), dtype=np.float32).reshape(-1, 4) + first
    return ScanDiscs(levels, features)


def study(discs: ScanDiscs | str, present: dict[str | None, bool], whole: ScanDiscs | None = None) -> LabelledDiscs:
    read = discs if isinstance(discs, str) else StudyDiscs(discs, whole or discs)
    return LabelledDiscs("somebody", read, {("rust", level): answer for level, answer in present.items()})


def test_each_disc_has_the_label_of_its_own_level() -> None:
    found = find_bags(PER_DISC, [study(scan("L2-L3", "L4-L5", "L5-S1"), {"L4-L5": True, "L5-S1": False})])

    assert [(bag.places, bag.present) for bag in found.bags] == [((1,), True), ((2,), False)]


def test_a_patient_is_the_mean_of_the_discs_of_the_bag() -> None:
    found = find_bags(PER_PATIENT, [study(scan("L2-L3", "L4-L5", "L5-S1"), {None: True})])

    assert examples_of(found.bags).features.tolist() == [[6, 7, 8, 9]]


def test_silence_is_no_label() -> None:
    studies = [study(scan(*LOW), {"L4-L5": False}), study(scan(*LOW), {})]

    assert [bag.places for bag in find_bags(PER_DISC, studies).bags] == [(1,)]
    assert find_bags(PER_PATIENT, studies).bags == ()


@pytest.mark.parametrize(
    ("discs", "reason"),
    [
        pytest.param(NO_SERIES, NO_SERIES, id="a study that was not read"),
        pytest.param(scan(), NO_DISCS, id="no discs"),
        pytest.param(scan(None, None), NO_LEVELS, id="levels unknown"),
        pytest.param(scan("L1-L2"), NO_DISC, id="a level that is not there"),
    ],
)
def test_what_is_labelled_and_not_read_is_counted_with_its_reason(discs: ScanDiscs | str, reason: str) -> None:
    assert find_bags(PER_DISC, [study(discs, {"L4-L5": True, "L5-S1": True})]).left_out == {reason: 2}
    assert find_bags(PER_PATIENT, [study(discs, {None: True})]).left_out == {reason: 1}


def test_a_bag_beyond_the_lumbar_spine_is_taken_from_the_scan_of_the_whole_spine() -> None:
    both = study(scan("L5-S1"), {None: True, "L5-S1": True}, whole=scan("L5-S1", first=100.0))

    assert examples_of(find_bags(WHOLE, [both]).bags).features[0, 0] == 100
    assert examples_of(find_bags(PER_PATIENT, [both]).bags).features[0, 0] == 0
    assert examples_of(find_bags(PER_DISC, [both]).bags).features[0, 0] == 0
