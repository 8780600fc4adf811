"""Fitting of one linear classifier, its probabilities and its threshold, and its figures on other examples."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from pipeline.images.classifiers import ImageClassifier, probability_of

_COST = 0.001  # of the support vector machine; there are far more features than examples


@dataclass(frozen=True)
class Question:
    """What a classifier judges: each disc of `levels`, or the patient by all of them."""

    condition: str
    per_disc: bool
    levels: tuple[str, ...]


@dataclass(frozen=True)
class Examples:
    """Features (examples, features), each the mean of a bag, and whether the condition is present in it."""

    features: npt.NDArray[np.float64]
    present: npt.NDArray[np.bool_]


def fit_classifier(question: Question, fitted: Examples, calibrated: Examples) -> ImageClassifier:
    """Fit a support vector machine on one part, and probabilities (Platt) and threshold on another.

    Source: Park et al. 2024, section 3: standardised features, threshold at the equal error rate.
    """
    scaler = StandardScaler().fit(fitted.features)
    machine = LinearSVC(C=_COST, class_weight="balanced", random_state=0, max_iter=20_000)
    machine.fit(scaler.transform(fitted.features), fitted.present)
    scores = machine.decision_function(scaler.transform(calibrated.features))
    logistic = LogisticRegression().fit(scores[:, None], calibrated.present)
    slope, offset = float(logistic.coef_[0, 0]), float(logistic.intercept_[0])
    probabilities = np.array([probability_of(slope * score + offset) for score in scores])
    return ImageClassifier(
        condition=question.condition,
        per_disc=question.per_disc,
        levels=question.levels,
        mean=scaler.mean_,
        scale=scaler.scale_,
        coefficients=machine.coef_[0],
        intercept=float(machine.intercept_[0]),
        slope=slope,
        offset=offset,
        threshold=equal_error_threshold(probabilities, calibrated.present),
    )


def equal_error_threshold(probabilities: npt.NDArray[np.float64], present: npt.NDArray[np.bool_]) -> float:
    """Give the threshold at which as large a share of the present is missed as of the absent is called present.

    Thresholds lie between neighbouring probabilities, so that none stands on an example, and are judged as they are
    given, to four decimals; of equal ones the one of fewest errors, then the one nearest to .5.
    """
    ends = np.unique(np.concatenate([[0.0, 1.0], probabilities]))
    middles = np.round((ends[1:] + ends[:-1]) / 2, 4)
    missed = np.array([(probabilities[present] < threshold).mean() for threshold in middles])
    called = np.array([(probabilities[~present] >= threshold).mean() for threshold in middles])
    order = np.lexsort((np.abs(middles - 0.5), missed + called, np.abs(missed - called)))
    return float(middles[order[0]])


def measure_classifier(classifier: ImageClassifier, examples: Examples) -> dict[str, Any]:
    """Give figures on examples that were neither fitted nor calibrated on."""
    probabilities = np.array([probability_of(classifier.log_odds(row[None])) for row in examples.features])
    answers = probabilities >= classifier.threshold
    return {
        "n": len(answers),
        "positives": int(examples.present.sum()),
        "auroc": round(float(roc_auc_score(examples.present, probabilities)), 3),
        "balanced_accuracy": round(float(balanced_accuracy_score(examples.present, answers)), 3),
    }
