"""Thresholds fitted, kept in a file, and used."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.calibration import (
    AnsweredBy,
    Calibration,
    CalibrationEntry,
    Example,
    FittedOn,
    judge,
    read_calibration,
    reports_calibrated_on,
    write_calibration,
)
from pipeline.calibration_fitting import equal_error_log_odds, fit_calibration, platt_scaling
from pipeline.errors import UnusableCalibration
from pipeline.values import Standing

MODEL = AnsweredBy("m@sha256:0", None, "float32", "direct/1")
ON = FittedOn(20, 10, 1.0, 0.0, 1.0)


def examples(positives: list[float], negatives: list[float], condition: str = "slip") -> list[Example]:
    scores = [*((True, score) for score in positives), *((False, score) for score in negatives)]
    return [Example(f"r{n}", condition, None, "1", present, score) for n, (present, score) in enumerate(scores)]


SEPARATED = examples([7.0 + n for n in range(10)], [3.0 - n for n in range(10)])


def fitted() -> Calibration:
    return fit_calibration(MODEL, [*SEPARATED, *examples([1.0] * 9, [0.0] * 30, "cancer")], name="trial")


@pytest.mark.parametrize(
    ("positives", "negatives", "threshold"),
    [
        pytest.param([5.0, 9.0], [-3.0, 1.0], 3.0, id="the middle of the gap between the classes"),
        pytest.param([-20.0, -19.0], [-30.0, -22.0], -21.0, id="far from a probability of one half"),
        pytest.param([5.0, 4.0, 3.0, 1.0], [2.0, 0.0, -1.0, -2.0], 1.5, id="an error on either side"),
        pytest.param([4.0, 1.0], [1.0, -2.0], 1.0, id="a tie is cut in two"),
        pytest.param([2.0, 2.0], [2.0], 2.0, id="all alike"),
    ],
)
def test_the_threshold_stands_where_both_kinds_of_error_are_equal(
    positives: list[float], negatives: list[float], threshold: float
) -> None:
    scores = np.array([*positives, *negatives])
    present = np.arange(len(scores)) < len(positives)

    assert equal_error_log_odds(present, scores) == pytest.approx(threshold)


def test_on_many_examples_both_kinds_of_error_come_out_equal() -> None:
    generator = np.random.default_rng(1)
    present = generator.random(2000) < 0.15
    scores = generator.normal(-40 + 3 * present, 1.5)

    answer = scores >= equal_error_log_odds(present, scores)

    assert abs((~answer[present]).mean() - answer[~present].mean()) < 0.005


def test_probabilities_that_are_shown_come_true() -> None:
    generator = np.random.default_rng(2)
    truth = generator.normal(-1, 2, 20_000)
    present = generator.random(20_000) < 1 / (1 + np.exp(-truth))

    slope, offset = platt_scaling(present, 8 * truth + 30)

    assert slope == pytest.approx(1 / 8, rel=0.05)
    assert offset == pytest.approx(-30 / 8, rel=0.05)


@pytest.mark.parametrize(
    ("positives", "negatives"),
    [
        pytest.param([100.0, 101.0], [-100.0], id="separated"),
        pytest.param([-1.0, -2.0], [1.0, 2.0], id="the wrong way round"),
        pytest.param([1.0, 1.0], [1.0, 1.0], id="all alike"),
    ],
)
def test_a_higher_score_is_never_shown_as_less_likely(positives: list[float], negatives: list[float]) -> None:
    scores = np.array([*positives, *negatives])

    slope, offset = platt_scaling(np.arange(len(scores)) < len(positives), scores)

    assert slope > 0
    assert np.isfinite([slope, offset]).all()


entries = st.builds(
    CalibrationEntry,
    condition=st.just("slip"),
    level=st.none(),
    definition_version=st.just("1"),
    threshold_log_odds=st.floats(-60, 60),
    slope=st.floats(1e-4, 50),
    offset=st.floats(-60, 60),
    fitted_on=st.just(ON),
)


@settings(deadline=None)
@given(entries, st.floats(-1000, 1000))
def test_the_probability_reaches_the_threshold_exactly_where_the_log_odds_reach_theirs(
    entry: CalibrationEntry, log_odds: float
) -> None:
    at = entry.threshold_log_odds
    for value in (log_odds, at, np.nextafter(at, -np.inf), np.nextafter(at, np.inf)):
        judged = judge(entry, float(value))

        assert judged.answer == (value >= at) == (judged.probability >= judged.threshold)
        assert 0 <= judged.probability <= 1


@settings(deadline=None)
@given(entries, st.lists(st.floats(-1000, 1000), min_size=2, max_size=20))
def test_the_probability_never_falls_as_the_log_odds_rise(entry: CalibrationEntry, log_odds: list[float]) -> None:
    shown = [judge(entry, value).probability for value in sorted([*log_odds, entry.threshold_log_odds])]

    assert shown == sorted(shown)


def test_a_question_with_too_few_positives_stays_uncalibrated_with_the_reason() -> None:
    calibration = fitted()

    assert [entry.condition for entry in calibration.entries] == ["slip"]
    (left,) = calibration.uncalibrated
    assert (left.condition, left.n, left.positives) == ("cancer", 39, 9)
    assert "9 positives and 30 negatives" in left.reason
    assert (judge(None, 0.1).threshold, judge(None, 0.1).answer, judge(None, -0.1).answer) == (0.5, True, False)


def test_an_entry_says_what_it_was_fitted_on() -> None:
    (entry,) = fitted().entries

    assert entry.threshold_log_odds == 5.0
    assert entry.fitted_on == FittedOn(n=20, positives=10, balanced_accuracy=1.0, eer=0.0, auroc=1.0)


@pytest.mark.parametrize(
    ("answered_by", "version"),
    [
        pytest.param(replace(MODEL, model="m@sha256:1"), "1", id="another model"),
        pytest.param(replace(MODEL, adapter="a@sha256:0"), "1", id="another adapter"),
        pytest.param(replace(MODEL, data_type="bfloat16"), "1", id="another data type"),
        pytest.param(replace(MODEL, prompt="summary/1"), "1", id="another prompt"),
        pytest.param(MODEL, "2", id="another wording"),
    ],
)
def test_a_calibration_holds_for_nothing_but_what_it_was_fitted_on(answered_by: AnsweredBy, version: str) -> None:
    assert fitted().entry(MODEL, "slip", None, "1") is not None
    assert fitted().entry(answered_by, "slip", None, version) is None


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_calibration(tmp_path / "c.json", fitted())

    assert read_calibration(tmp_path / "c.json") == fitted()
    assert fitted().name.startswith("trial@sha256:")
    assert fitted().standing is Standing.CALIBRATED_HERE


def test_a_calibration_that_was_edited_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    write_calibration(path, fitted())
    content = json.loads(path.read_text())
    content["entries"][0]["threshold_log_odds"] += 0.1
    path.write_text(json.dumps(content))

    with pytest.raises(UnusableCalibration, match="Calibrate again"):
        read_calibration(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param("{}", "holds no calibration", id="another JSON value"),
        pytest.param("", "holds no calibration", id="an empty file"),
        pytest.param(None, "No such file", id="a missing file"),
    ],
)
def test_a_file_that_is_no_calibration_is_refused(tmp_path: Path, content: str | None, sentence: str) -> None:
    if content is not None:
        (tmp_path / "c.json").write_text(content)

    with pytest.raises(UnusableCalibration, match=sentence):
        read_calibration(tmp_path / "c.json")


def test_the_reports_that_it_was_fitted_on_are_known_even_where_the_question_stayed_uncalibrated() -> None:
    assert reports_calibrated_on(fitted(), ["r38", "new", "r0"]) == [0, 2]


def test_a_renamed_folder_keeps_its_calibration() -> None:
    assert fitted().entry(replace(MODEL, model="renamed@sha256:0"), "slip", None, "1") is not None


def read_twice(n: int, *, rules_right: float, seed: int = 2) -> list[Example]:
    """Answers of a model that is hardly better than chance, beside rules that are right so often."""
    generator = np.random.default_rng(seed)
    examples = []
    for number in range(n):
        present = bool(number % 2)
        right = generator.random() < rules_right
        log_odds = float(generator.normal(0.5 if present else -0.5))
        examples.append(Example(f"r{number}", "slip", None, "1", present, log_odds, present if right else not present))
    return examples


def test_rules_that_read_better_than_the_model_decide_where_they_differ() -> None:
    [entry] = fit_calibration(MODEL, read_twice(400, rules_right=0.95)).entries

    assert judge(entry, -1.0, rules=True).answer
    assert not judge(entry, 1.0, rules=False).answer


def test_rules_that_answer_at_chance_have_no_say() -> None:
    [entry] = fit_calibration(MODEL, read_twice(400, rules_right=0.5)).entries

    assert entry.rules_weight < 0.5
    assert judge(entry, 4.0, rules=False).answer


def test_the_two_readers_together_are_better_than_either() -> None:
    examples = read_twice(4000, rules_right=0.8)
    [entry] = fit_calibration(MODEL, examples[:2000]).entries

    def right(answers: list[bool]) -> float:
        return sum(a == e.present for a, e in zip(answers, examples[2000:], strict=True)) / 2000

    together = right([judge(entry, e.log_odds, e.rules).answer for e in examples[2000:]])
    assert together > right([bool(e.rules) for e in examples[2000:]]) + 0.005
    assert together > right([e.log_odds >= 0 for e in examples[2000:]]) + 0.005


def test_a_condition_without_rules_is_answered_by_the_model_alone() -> None:
    examples = [replace(example, rules=None) for example in read_twice(200, rules_right=0.9)]

    [entry] = fit_calibration(MODEL, examples).entries

    assert entry.rules_weight == 0
    assert judge(entry, 1.0) == judge(entry, 1.0, rules=None)
