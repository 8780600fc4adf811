"""Which reports are calibrated on and which are tested on, and which patients' images."""

from collections import Counter

import pytest

from pipeline.splits import SplitItem, part_of_patient, report_digest, split_reports

ITEMS = [
    SplitItem(report_digest(f"report {n}"), f"p{n // 2}", frozenset({"slip"} if n % 10 < 2 else set()))
    for n in range(200)
]


def calibration_digests(items: list[SplitItem], seed: int = 0) -> set[str]:
    return {items[place].digest for place in split_reports(items, seed=seed).calibration}


def test_every_report_is_on_one_side() -> None:
    split = split_reports(ITEMS)

    assert sorted(split.calibration + split.test) == list(range(200))


def test_the_split_follows_the_texts_and_not_the_order_of_the_rows() -> None:
    shuffled = ITEMS.copy()
    shuffled.reverse()

    assert calibration_digests(shuffled) == calibration_digests(ITEMS)
    assert calibration_digests(ITEMS, seed=1) != calibration_digests(ITEMS)


def test_a_rare_label_is_shared_out_evenly() -> None:
    split = split_reports(ITEMS)

    assert sum("slip" in ITEMS[place].present for place in split.calibration) == 20
    assert len(split.calibration) == 100


def test_reports_of_one_patient_stay_together() -> None:
    split = split_reports(ITEMS)

    patients = [{ITEMS[place].patient for place in side} for side in (split.calibration, split.test)]
    assert patients[0].isdisjoint(patients[1])


def test_reports_that_patients_share_join_those_patients() -> None:
    items = [
        SplitItem(digest, patient, frozenset())
        for n in range(20)
        for digest, patient in ((f"a{n}", f"p{n}"), (f"b{n}", f"q{n}"), (f"a{n}", f"q{n}"))
    ]

    split = split_reports(items)

    assert {place // 3 for place in split.calibration}.isdisjoint(place // 3 for place in split.test)
    assert len(split.calibration) == 30


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param("MRI LUMBAR SPINE:  no slip", True, id="case, spaces and punctuation"),
        pytest.param("MRI lumbar spine. Slip.", False, id="another word"),
        pytest.param("MRI lumbar spine. No slip of L4.", False, id="a word more"),
    ],
)
def test_a_report_is_known_by_its_words(other: str, same: bool) -> None:
    assert (report_digest("MRI lumbar spine.\nNo slip.") == report_digest(other)) is same


def test_a_share_is_that_of_the_calibration_side() -> None:
    assert len(split_reports(ITEMS, share=0.25).calibration) == 50


def test_three_of_five_patients_are_fitted_on_and_one_each_calibrated_and_tested_on() -> None:
    parts = Counter(part_of_patient(f"somebody {number}") for number in range(5000))

    assert {part: round(count / 5000, 1) for part, count in parts.items()} == {
        "fitted": 0.6,
        "calibrated": 0.2,
        "tested": 0.2,
    }


def test_a_patient_s_part_is_the_same_for_ever() -> None:
    assert [part_of_patient(f"P{number}") for number in range(6)] == [
        "fitted",
        "tested",
        "calibrated",
        "calibrated",
        "tested",
        "fitted",
    ]
