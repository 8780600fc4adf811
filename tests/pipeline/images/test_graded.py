"""A detector's own grades as findings, with SpineNet's names of them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.conditions import load_conditions
from pipeline.images.detectors.external import ExternalDetector
from pipeline.images.detectors.protocol import DetectedDiscs, LocatedDisc
from pipeline.images.graded import abstain_from_grades, grade_discs, load_gradings
from pipeline.images.reader import ImageReader
from pipeline.images.reading import read_study
from pipeline.training.drawn_studies import drawn_study
from pipeline.values import Disc, Finding, Provenance, Standing, State
from tests.peers.detector import stand_in
from tests.pipeline.images.phantom import save_all

SPINENET = load_gradings("spinenet")
NAME = "SpineNet 2.1.4 (restricted licence: non-commercial research only)"
PROVENANCE = Provenance(NAME, None, None, None, None, "0", "test")
NONE = {
    "CentralCanalStenosis": (2.0, 0.0, -1.0, -1.0),
    "ForaminalStenosisLeft": (2.0, 0.0),
    "ForaminalStenosisRight": (2.0, 0.0),
    "Spondylolisthesis": (2.0, 0.0, -1.0),
}
Grades = dict[str, tuple[float, ...]]


def findings(discs: dict[str, Grades], *, known: bool = True) -> dict[tuple[str, str | None], Finding]:
    located = tuple(
        LocatedDisc(level if known else None, (5.0, 10.0 * i, 10.0), 0.0, 30.0, None, grades)
        for i, (level, grades) in enumerate(discs.items())
    )
    placed = tuple(Disc(disc.level, f"2.25.{i}", 1, 1, (0, 0, 0), 0, None, ((0, 0),)) for i, disc in enumerate(located))
    reason = "counted up from the sacrum" if known else "levels unknown: the sacrum is not in view"
    result = grade_discs(SPINENET, DetectedDiscs(located, known, reason), placed, PROVENANCE)
    return {(finding.condition, finding.level): finding for finding in result}


def test_the_conditions_and_levels_that_grades_answer_are_known_to_the_conditions_file() -> None:
    levels = {condition.name: condition.levels for condition in load_conditions()}

    assert {grading.condition: grading.levels for grading in SPINENET if grading.per_disc} == {
        "stenosis": levels["stenosis"]
    }
    assert {grading.condition for grading in SPINENET} <= set(levels)


@pytest.mark.parametrize("grade", ["CentralCanalStenosis", "ForaminalStenosisLeft", "ForaminalStenosisRight"])
def test_any_of_the_three_stenosis_grades_above_none_is_stenosis_at_that_level_alone(grade: str) -> None:
    narrowed = NONE | {grade: (0.0, *[1.0] * (len(NONE[grade]) - 1))}

    found = findings({"L3-L4": NONE, "L4-L5": narrowed, "L5-S1": NONE})

    assert [found["stenosis", level].answer for level in ("L3-L4", "L4-L5", "L5-S1")] == [False, True, False]
    assert found["stenosis", "L4-L5"].log_odds == 1.0
    assert found["spondylolisthesis", None].answer is False


def test_a_slip_at_any_disc_from_l3_to_s1_is_the_patient_s() -> None:
    slipped = NONE | {"Spondylolisthesis": (0.0, -1.0, 3.0)}

    assert findings({"L4-L5": NONE, "L5-S1": slipped})["spondylolisthesis", None].answer is True
    assert findings({"L2-L3": slipped, "L5-S1": NONE})["spondylolisthesis", None].answer is False


@given(
    scores=st.lists(st.floats(-30, 30), min_size=4, max_size=4),
    left=st.tuples(st.floats(-30, 30), st.floats(-30, 30)),
)
def test_the_answer_is_spinenet_s_own(scores: list[float], left: tuple[float, float]) -> None:
    grades = NONE | {"CentralCanalStenosis": tuple(scores), "ForaminalStenosisLeft": left}
    finding = findings({"L5-S1": grades})["stenosis", "L5-S1"]

    own = scores.index(max(scores)) > 0 or left[1] > left[0]
    assert finding.probability is not None
    if abs(finding.log_odds or 0) > 1e-9:  # at a tie both are the likeliest
        assert finding.answer is own
    assert finding.answer == (finding.probability >= 0.5) == (finding.state is State.PRESENT)


def test_grades_stand_as_uncalibrated_and_name_their_licence() -> None:
    for finding in findings({"L5-S1": NONE}).values():
        assert finding.standing is Standing.UNCALIBRATED
        assert finding.provenance.restricted_by == (NAME,)
        assert finding.provenance.calibration is None


def test_nothing_is_made_up_where_there_are_no_grades() -> None:
    found = findings({"L4-L5": {}, "L5-S1": NONE})

    assert (found["stenosis", "L4-L5"].state, found["stenosis", "L4-L5"].answer) == (State.UNCERTAIN, None)
    assert found["stenosis", "L3-L4"].state is State.NOT_IMAGED
    assert findings({"L5-S1": {}})["spondylolisthesis", None].answer is None
    assert findings({})["spondylolisthesis", None].reason == "no discs were found"
    assert load_gradings("embedded") == load_gradings("spineps") == ()


def test_unknown_levels_leave_each_level_uncertain_and_read_the_patient_from_all_discs() -> None:
    found = findings({"a": NONE, "b": NONE}, known=False)

    assert {finding.state for (_, level), finding in found.items() if level} == {State.UNCERTAIN}
    assert "all 2 graded discs were read" in found["spondylolisthesis", None].reason


def test_without_a_series_every_question_is_not_imaged_with_the_reason() -> None:
    found = abstain_from_grades(SPINENET, "gap, 8.8 mm", PROVENANCE)

    assert [(each.condition, each.level) for each in found] == [
        ("stenosis", "L3-L4"),
        ("stenosis", "L4-L5"),
        ("stenosis", "L5-S1"),
        ("spondylolisthesis", None),
    ]
    assert {(each.state, each.reason) for each in found} == {(State.NOT_IMAGED, "gap, 8.8 mm")}


GRADED = """
grades = {"CentralCanalStenosis": [0, 1, 2, 0], "ForaminalStenosisLeft": [1, 0], "ForaminalStenosisRight": [1, 0],
          "Spondylolisthesis": [3, 1, 1]}
disc = {"level": "L5-S1", "centre": [5, 100, 90], "tilt": 0.2, "width": 35, "confidence": None, "grades": grades}
answer(levels_known=True, reason="counted", discs=[disc])
"""


def test_a_study_gets_the_findings_that_are_asked_from_its_detector_s_grades(tmp_path: Path) -> None:
    detector = ExternalDetector(stand_in(tmp_path, GRADED), NAME)
    reader = ImageReader(detector, None, "test", SPINENET)
    files = save_all(drawn_study(41, {}).datasets, tmp_path)

    reading = read_study(reader, files, ("stenosis",))

    assert {finding.level: finding.answer for finding in reading.findings} == {
        "L3-L4": None,
        "L4-L5": None,
        "L5-S1": True,
    }
    assert {finding.provenance.model for finding in reading.findings} == {NAME}
    assert "no image classifiers" not in reading.reason
    assert reading.discs[0].confidence is None
    assert {each.state for each in read_study(reader, files[:2], ("stenosis",)).findings} == {State.NOT_IMAGED}
