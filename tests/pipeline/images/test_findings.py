from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pipeline.images.findings import abstain_from_all, classify_discs
from pipeline.values import Finding, State
from tests.pipeline.images.invented import CLASSIFIERS, PROVENANCE, evidence

ALL = ("rust", "woodworm")


def findings(scores: dict[str, float | None], *, known: bool = True) -> dict[tuple[str, str | None], Finding]:
    result = classify_discs(CLASSIFIERS, evidence(scores, known=known), ALL, PROVENANCE)
    return {(finding.condition, finding.level): finding for finding in result}


@given(score=st.floats(-20, 20))
def test_the_answer_is_always_probability_against_threshold(score: float) -> None:
    for finding in findings({"L3-L4": score, "L4-L5": 0.4, "L5-S1": 0.41}).values():
        assert finding.probability is not None
        assert finding.threshold is not None
        assert finding.answer == (finding.probability >= finding.threshold)
        assert finding.state == (State.PRESENT if finding.answer else State.ABSENT)


def test_each_level_is_read_from_its_own_disc() -> None:
    found = findings({"L3-L4": -3.0, "L4-L5": 3.0, "L5-S1": -3.0})

    assert [found["rust", level].answer for level in ("L3-L4", "L4-L5", "L5-S1")] == [False, True, False]
    disc = found["rust", "L4-L5"].disc
    assert disc is not None
    assert disc.level == "L4-L5"


def test_a_patient_is_read_from_the_mean_of_the_discs() -> None:
    found = findings({"L3-L4": 9.0, "L4-L5": -3.0, "L5-S1": -3.0})

    assert found["woodworm", None].log_odds == 1.0
    assert found["woodworm", None].disc is None


def test_unknown_levels_leave_each_level_uncertain_without_a_number_and_read_the_patient() -> None:
    found = findings({"a": 3.0, "b": 3.0}, known=False)

    assert {f.state for f in found.values() if f.level} == {State.UNCERTAIN}
    assert {f.probability for f in found.values() if f.level} == {None}
    assert all("sacrum is not in view" in f.reason for f in found.values())
    assert found["woodworm", None].answer is True


def test_a_patient_read_from_another_scan_says_from_which() -> None:
    wide = replace(evidence({"L4-L5": 3.0}), scan=" of the series T2 SPINE")

    result = classify_discs(CLASSIFIERS, wide, ALL, PROVENANCE)

    assert result[-1].reason == "read from 1 discs of the series T2 SPINE"


def test_a_level_outside_the_series_is_not_imaged() -> None:
    found = findings({"L4-L5": 3.0, "L5-S1": 3.0})

    assert (found["rust", "L3-L4"].state, found["rust", "L3-L4"].answer) == (State.NOT_IMAGED, None)


def test_a_disc_that_could_not_be_encoded_is_uncertain_with_the_reason() -> None:
    found = findings({"L4-L5": None, "L5-S1": 3.0})

    assert (found["rust", "L4-L5"].state, found["rust", "L4-L5"].reason) == (State.UNCERTAIN, "too dark")


def test_without_discs_the_patient_is_uncertain() -> None:
    found = findings({})

    assert (found["woodworm", None].state, found["woodworm", None].answer) == (State.UNCERTAIN, None)


def test_conditions_that_are_not_asked_are_left_out() -> None:
    result = classify_discs(CLASSIFIERS, evidence({"L5-S1": 1.0}), ["woodworm"], PROVENANCE)

    assert [finding.condition for finding in result] == ["woodworm"]


def test_without_a_series_every_question_is_not_imaged_with_the_reason() -> None:
    result = abstain_from_all(CLASSIFIERS, ALL, "gap, 8.8 mm", PROVENANCE)

    assert [(f.condition, f.level) for f in result] == [
        ("rust", "L3-L4"),
        ("rust", "L4-L5"),
        ("rust", "L5-S1"),
        ("woodworm", None),
    ]
    assert {(f.state, f.answer, f.probability, f.reason) for f in result} == {
        (State.NOT_IMAGED, None, None, "gap, 8.8 mm")
    }
