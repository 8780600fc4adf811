"""Figures against figures known by hand, by scikit-learn, and by simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from pipeline.evaluation import (
    Answers,
    equal_error,
    measure_answers,
    positives_needed,
    published_equal_error_rate,
)


def answers_of(positives: list[float], negatives: list[float]) -> Answers:
    """Give answers that say yes from log-odds 0 up."""
    log_odds = np.array([*positives, *negatives], dtype=float)
    present = np.arange(len(log_odds)) < len(positives)
    return Answers(present, log_odds >= 0, log_odds, 1 / (1 + np.exp(-log_odds)))


def overlapping(n: int = 150, seed: int = 1) -> Answers:
    generator = np.random.default_rng(seed)
    return answers_of(list(generator.normal(1, 1.5, n)), list(generator.normal(-1, 1.5, 2 * n)))


@pytest.mark.parametrize(
    ("positives", "negatives", "rate"),
    [
        pytest.param([2, 3], [-1, 0], 0.0, id="separated"),
        pytest.param([-1, 0], [2, 3], 1.0, id="the wrong way round"),
        pytest.param([1, 1], [1, 1, 1], 0.5, id="all alike"),
        pytest.param([3, 1], [2, 0], 0.5, id="one of two each"),
        pytest.param([5, 4, 3, 1], [2, 0, -1, -2], 0.25, id="one of four each"),
        pytest.param([5, 4, 1], [2, 0, -1, -2], 0.25, id="between a third and a quarter"),
        pytest.param([3, 1], [1, 0], 0.25, id="inside a tie"),
    ],
)
def test_the_equal_error_rate_is_read_off_the_full_curve(
    positives: list[float], negatives: list[float], rate: float
) -> None:
    answers = answers_of(positives, negatives)

    assert equal_error(answers.present, answers.log_odds).rate == pytest.approx(rate)  # type: ignore[arg-type]


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=30),
    st.lists(st.integers(-5, 5), min_size=1, max_size=30),
)
def test_figures_agree_with_scikit_learn(positives: list[int], negatives: list[int]) -> None:
    answers = answers_of([float(value) for value in positives], [float(value) for value in negatives])

    figures = measure_answers(answers, draws=0)

    assert figures.auroc == pytest.approx(roc_auc_score(answers.present, answers.log_odds))
    assert figures.balanced_accuracy == pytest.approx(balanced_accuracy_score(answers.present, answers.answer))
    assert figures.f1 == pytest.approx(f1_score(answers.present, answers.answer))
    assert figures.true_positives == sum(value >= 0 for value in positives)
    assert figures.false_positives == sum(value >= 0 for value in negatives)
    assert figures.eer is not None
    assert 0 <= figures.eer <= 1


def test_the_published_formula_can_give_no_error_where_classes_overlap() -> None:
    positives = [float(value) for value in range(10, 19)] + [4.5]
    answers = answers_of(positives, [float(value) for value in range(10)])

    assert published_equal_error_rate(answers.present, answers.log_odds) == 0
    assert equal_error(answers.present, answers.log_odds).rate == pytest.approx(0.1)  # type: ignore[arg-type]


def test_the_calibration_error_is_the_mean_gap_of_ten_bins() -> None:
    present = np.array([True, False, True, True])
    answers = Answers(present, present, np.array([0.0, 0, 2, 2]), np.array([0.55, 0.55, 0.85, 1.0]))

    figures = measure_answers(answers, draws=0)

    assert figures.expected_calibration_error == pytest.approx((abs(1 - 1.1) + 0.15 + 0) / 4)


def test_the_same_seed_gives_the_same_intervals_and_they_hold_the_figure() -> None:
    first, second = measure_answers(overlapping()), measure_answers(overlapping())

    assert first == second
    for name, (low, high) in first.intervals.items():
        if name != "expected_calibration_error":  # resampling adds gaps, so its interval lies above
            assert low < getattr(first, name) < high, name
    assert measure_answers(overlapping(), seed=1).intervals != first.intervals


def test_an_interval_narrows_as_examples_grow() -> None:
    few, many = (measure_answers(overlapping(n)).intervals["auroc"] for n in (20, 500))

    assert many[1] - many[0] < (few[1] - few[0]) / 3


def test_resamples_keep_the_number_of_positives() -> None:
    answers = answers_of([1.0], [-1.0, 1.0, 2.0, -3.0])

    assert measure_answers(answers).intervals["f1"][1] == 1.0
    assert measure_answers(answers).balanced_accuracy == 0.75


@pytest.mark.parametrize(
    ("answers", "missing"),
    [
        pytest.param(answers_of([], [1.0, -1.0]), {"balanced_accuracy", "eer", "auroc", "f1"}, id="no positives"),
        pytest.param(answers_of([1.0, -1.0], []), {"balanced_accuracy", "eer", "auroc"}, id="no negatives"),
        pytest.param(
            Answers(np.array([True, False]), np.array([True, True])),
            {"eer", "auroc", "expected_calibration_error"},
            id="a reader without scores",
        ),
    ],
)
def test_a_figure_that_the_examples_cannot_give_is_left_out(answers: Answers, missing: set[str]) -> None:
    figures = measure_answers(answers)

    names = ("balanced_accuracy", "eer", "auroc", "f1", "expected_calibration_error")
    assert {name for name in names if getattr(figures, name) is None} == missing
    assert missing.isdisjoint(figures.intervals)
    assert figures.false_positives == 1 or not (~answers.present).any()


@pytest.mark.parametrize(
    ("width", "accuracy", "needed"),
    [
        pytest.param(0.1, 0.5, 191, id="a coin"),
        pytest.param(0.1, 0.95, 43, id="the paper's kind"),
        pytest.param(0.02, 0.95, 925, id="a narrow one"),
    ],
)
def test_a_narrow_interval_needs_many_positives(width: float, accuracy: float, needed: int) -> None:
    assert positives_needed(width, accuracy) == pytest.approx(needed, rel=0.05)


def test_that_many_positives_do_give_an_interval_that_narrow() -> None:
    n = positives_needed(0.1, 0.9)
    right = np.arange(n) < round(0.9 * n)
    answers = Answers(np.repeat([True, False], n), np.concatenate([right, ~right]))

    low, high = measure_answers(answers).intervals["balanced_accuracy"]

    assert high - low == pytest.approx(0.1, abs=0.015)
