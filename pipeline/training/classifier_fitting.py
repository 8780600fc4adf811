"""Fitting of one linear classifier, its probabilities and its threshold, and its answers on other examples."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from config.conditions import Condition
from pipeline.calibration_fitting import platt_scaling
from pipeline.evaluation import Answers, measure_answers
from pipeline.images.classifiers import ImageClassifier, needs_whole_spine, probability_of
from pipeline.training.linear_machine import Features, Floats, LinearMachine, fit_machines

COSTS = (0.0001, 0.001, 0.01, 0.1)
"""Costs of an example on the wrong side that are tried."""
Weighting = Literal["balanced", "none"]
_LEAST_RISE = 0.001  # of the AUROC, for which a higher cost is taken
_LEAST_DEVIATION = 1e-6  # of a feature; one that does not vary is left at 0


@dataclass(frozen=True)
class Question:
    """What a classifier judges: each disc of `levels`, or the patient by all of them."""

    condition: str
    per_disc: bool
    levels: tuple[str, ...]

    @property
    def needs_whole_spine(self) -> bool:
        """Whether it is asked of a series of the whole spine, where a study has one."""
        return not self.per_disc and needs_whole_spine(self.levels)


@dataclass(frozen=True)
class Examples:
    """Features (examples, features), each the mean of a bag, and whether the condition is present in it."""

    features: Features
    present: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class FittedClassifier:
    """A classifier and the cost that it was fitted with."""

    classifier: ImageClassifier
    cost: float


def question_of(condition: Condition, levels: Iterable[str]) -> Question:
    """Ask a condition of each disc of the levels that it is labelled at, or of the patient by its bag."""
    own = tuple(levels)
    return Question(condition.name, per_disc=bool(own), levels=own or condition.bag_levels)


def fit_classifier(
    question: Question, fitted: Examples, calibrated: Examples, weighting: Weighting = "balanced"
) -> FittedClassifier:
    """Fit a support vector machine on one part; its cost, probabilities (Platt) and threshold on another.

    The cost is raised for as long as the AUROC on the other part rises.

    Source: Park et al. 2024, section 3: standardised features, threshold at the equal error rate.
    """
    mean = fitted.features.mean(axis=0, dtype=np.float64)
    scale = fitted.features.std(axis=0, dtype=np.float64)
    scale[scale < _LEAST_DEVIATION] = 1.0
    standardised, others = (((part.features - mean) / scale).astype(np.float32) for part in (fitted, calibrated))
    machines = fit_machines(standardised, fitted.present, COSTS, balanced=weighting == "balanced")
    machine, scores = _choose(machines, Examples(others, calibrated.present))
    classifier = _calibrate(question, (mean, scale, machine), scores, calibrated.present)
    return FittedClassifier(classifier, machine.cost)


def _choose(machines: Iterator[LinearMachine], others: Examples) -> tuple[LinearMachine, Floats]:
    """Give the machine after which the AUROC rises no more, or by next to nothing, with its scores of the examples."""

    def score(machine: LinearMachine) -> tuple[float, LinearMachine, Floats]:
        scores = others.features @ machine.coefficients + machine.intercept
        figures = measure_answers(Answers(others.present, scores >= 0, scores), draws=0)
        return figures.auroc or 0.0, machine, scores

    best = score(next(machines))
    for machine in machines:
        further = score(machine)
        if further[0] < best[0] + _LEAST_RISE:
            break
        best = further
    return best[1], best[2]


def _calibrate(
    question: Question,
    fitted: tuple[Floats, Floats, LinearMachine],
    scores: Floats,
    present: npt.NDArray[np.bool_],
) -> ImageClassifier:
    mean, scale, machine = fitted
    slope, offset = platt_scaling(present, scores)
    probabilities = np.array([probability_of(slope * score + offset) for score in scores])
    return ImageClassifier(
        condition=question.condition,
        per_disc=question.per_disc,
        levels=question.levels,
        mean=mean,
        scale=scale,
        coefficients=machine.coefficients,
        intercept=machine.intercept,
        slope=slope,
        offset=offset,
        threshold=equal_error_threshold(probabilities, present),
    )


def equal_error_threshold(probabilities: npt.NDArray[np.float64], present: npt.NDArray[np.bool_]) -> float:
    """Give the threshold at which as large a share of the present is missed as of the absent is called present.

    Thresholds lie between neighbouring probabilities, so that none stands on an example, and are judged as they are
    given, to four decimals; of equal ones the one of fewest errors, then the one nearest to .5.
    """
    ends = np.unique(np.concatenate([[0.0, 1.0], probabilities]))
    middles = np.round((ends[1:] + ends[:-1]) / 2, 4)
    missed = np.searchsorted(np.sort(probabilities[present]), middles) / present.sum()
    called = 1 - np.searchsorted(np.sort(probabilities[~present]), middles) / (~present).sum()
    order = np.lexsort((np.abs(middles - 0.5), missed + called, np.abs(missed - called)))
    return float(middles[order[0]])


def answer_examples(classifier: ImageClassifier, examples: Examples) -> Answers:
    """Answer examples as the product does, by the probability against the threshold."""
    log_odds = np.array([classifier.log_odds(row[None]) for row in examples.features.astype(np.float64)])
    probabilities = np.array([probability_of(value) for value in log_odds])
    return Answers(examples.present, probabilities >= classifier.threshold, log_odds, probabilities)
