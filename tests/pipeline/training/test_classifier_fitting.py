import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from config.conditions import DISC_LEVELS, Condition
from pipeline.training.classifier_fitting import (
    COSTS,
    Examples,
    Question,
    answer_examples,
    equal_error_threshold,
    fit_classifier,
    question_of,
)
from pipeline.training.linear_machine import fit_machines

LOW = DISC_LEVELS[-3:]
PER_DISC = Question("rust", per_disc=True, levels=LOW)


def separable(seed: int, count: int = 60) -> Examples:
    rng = np.random.default_rng(seed)
    present = rng.random(count) < 0.4
    features = rng.normal(size=(count, 5)) + present[:, None] * np.array([6, 0, 0, 0, 0])
    return Examples(features.astype(np.float32), present)


def test_what_can_be_told_apart_is_told_apart_on_other_examples() -> None:
    classifier = fit_classifier(PER_DISC, separable(1), separable(2)).classifier

    answers = answer_examples(classifier, separable(3))
    assert (answers.answer == answers.present).mean() > 0.95


def test_a_feature_that_never_varies_changes_nothing() -> None:
    parts = [separable(seed) for seed in (1, 2, 3)]
    wider = [Examples(np.hstack([part.features, np.full((60, 1), 7, np.float32)]), part.present) for part in parts]

    one, other = (
        answer_examples(fit_classifier(PER_DISC, each[0], each[1]).classifier, each[2]) for each in (parts, wider)
    )

    assert other.log_odds == pytest.approx(one.log_odds, rel=1e-2, abs=1e-2)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10_000), count=st.integers(20, 200), wide=st.integers(2, 60), balanced=st.booleans())
def test_machines_reach_a_loss_as_low_as_scikit_learn_s(seed: int, count: int, wide: int, balanced: bool) -> None:
    rng = np.random.default_rng(seed)
    present = np.arange(count) % 4 == 0
    features = StandardScaler().fit_transform(rng.normal(size=(count, wide)) + present[:, None] * rng.normal(size=wide))
    signs, shares = np.where(present, 1, -1), np.where(present, present.sum(), (~present).sum())
    weights = count / 2 / shares if balanced else np.ones(count)

    def loss(coefficients: np.ndarray, intercept: float, cost: float) -> float:
        lacking = np.maximum(1 - signs * (features @ coefficients + intercept), 0)
        return float(cost * (weights * lacking**2).sum() + coefficients @ coefficients / 2)

    for machine in fit_machines(features.astype(np.float32), present, COSTS, balanced=balanced):
        theirs = LinearSVC(C=machine.cost, class_weight="balanced" if balanced else None, max_iter=20_000)
        theirs.fit(features, present)
        reached = loss(theirs.coef_[0], theirs.intercept_[0], machine.cost)
        assert loss(machine.coefficients, machine.intercept, machine.cost) <= reached * 1.001


@given(
    probabilities=st.lists(st.floats(0, 1).map(lambda p: round(p, 4)), min_size=8, max_size=40),
    data=st.data(),
)
def test_no_other_threshold_has_more_equal_errors(probabilities: list[float], data: st.DataObject) -> None:
    present = np.array(data.draw(st.lists(st.booleans(), min_size=len(probabilities), max_size=len(probabilities))))
    if present.all() or not present.any():
        return
    values = np.array(probabilities)

    def difference(threshold: float) -> float:
        return abs(float((values[present] < threshold).mean() - (values[~present] >= threshold).mean()))

    chosen = equal_error_threshold(values, present)
    ends = np.unique([0.0, 1.0, *probabilities])
    assert difference(chosen) <= min(map(difference, np.round((ends[1:] + ends[:-1]) / 2, 4))) + 1e-9


def test_a_condition_without_labelled_levels_is_asked_of_its_bag() -> None:
    rust = Condition(name="rust", definition="Rust is red.", levels=LOW, bag=("T12-L1", "L2-L3"))

    assert question_of(rust, LOW[1:]) == Question("rust", per_disc=True, levels=LOW[1:])
    assert question_of(rust, ()) == Question("rust", per_disc=False, levels=("T12-L1", "L1-L2", "L2-L3"))


def test_the_cost_rises_for_as_long_as_other_examples_are_told_apart_better() -> None:
    rng = np.random.default_rng(4)
    present = np.arange(80) % 2 == 0
    clear = Examples((present[:, None] + rng.normal(size=(80, 40)) * 0.2).astype(np.float32), present)
    noise = Examples(rng.normal(size=(80, 40)).astype(np.float32), present)

    assert fit_classifier(PER_DISC, clear, clear).cost == COSTS[0]
    assert fit_classifier(PER_DISC, noise, noise).cost > COSTS[0]
