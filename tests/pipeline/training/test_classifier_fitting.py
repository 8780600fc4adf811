import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.conditions import DISC_LEVELS
from pipeline.images.errors import TrainingFailed
from pipeline.training.classifier_fitting import (
    Examples,
    Question,
    equal_error_threshold,
    fit_classifier,
    measure_classifier,
)
from pipeline.training.demonstration import ReadStudy, collect_examples

LOW = DISC_LEVELS[-3:]
PER_DISC = Question("rust", per_disc=True, levels=LOW)
PER_PATIENT = Question("rust", per_disc=False, levels=LOW)


def separable(seed: int, count: int = 60) -> Examples:
    rng = np.random.default_rng(seed)
    present = rng.random(count) < 0.4
    features = rng.normal(size=(count, 5)) + present[:, None] * np.array([6, 0, 0, 0, 0])
    return Examples(features, present)


def test_what_can_be_told_apart_is_told_apart_on_other_examples() -> None:
    classifier = fit_classifier(PER_DISC, separable(1), separable(2))

    assert measure_classifier(classifier, separable(3))["balanced_accuracy"] > 0.95


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


def read(levels: tuple[str | None, ...], truth: tuple[str, ...]) -> ReadStudy:
    return ReadStudy(np.arange(4.0 * len(levels), dtype=np.float32).reshape(-1, 4), levels, {"rust": truth})


def test_discs_are_labelled_by_their_own_level_and_patients_by_any() -> None:
    studies = [read(("L2-L3", "L4-L5", "L5-S1"), ("L4-L5",)), read(("L4-L5", "L5-S1"), ())]

    assert collect_examples(PER_DISC, studies).present.tolist() == [True, False, False, False]
    assert collect_examples(PER_PATIENT, studies).present.tolist() == [True, False]
    assert collect_examples(PER_PATIENT, studies).features[0].tolist() == [6, 7, 8, 9]


def test_studies_without_levels_are_passed_over() -> None:
    studies = [read((None, None), ("L4-L5",)), read(LOW, ("L4-L5",)), read(LOW, ())]

    assert len(collect_examples(PER_PATIENT, studies).present) == 2


def test_examples_of_one_answer_alone_are_an_error() -> None:
    with pytest.raises(TrainingFailed, match="rust"):
        collect_examples(PER_PATIENT, [read(LOW, ())])
