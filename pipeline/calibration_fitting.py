"""Fits a calibration on answers to questions whose answers are known."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from pipeline.calibration import (
    UNCALIBRATED_THRESHOLD,
    AnsweredBy,
    Calibration,
    CalibrationEntry,
    Example,
    FittedOn,
    LeftUncalibrated,
    named_calibration,
)
from pipeline.evaluation import Answers, Flags, Floats, equal_error, measure_answers
from pipeline.values import Standing

FEWEST = 10
"""Positives and negatives, each, that a threshold is fitted on; with fewer it would be chance."""
_LEAST_SLOPE = 0.01  # per standard deviation of the log-odds, so that a higher score is never shown as less likely


def fit_calibration(
    answered_by: AnsweredBy,
    examples: Sequence[Example],
    *,
    name: str = "site",
    standing: Standing = Standing.CALIBRATED_HERE,
) -> Calibration:
    """Fit a threshold and a probability for every question that has at least 10 positives and 10 negatives.

    The threshold is the equal error point of the full ROC curve on the log-odds. Source: Park et al. 2024, section 5.1.
    """
    questions = dict.fromkeys((e.condition, e.level, e.definition_version) for e in examples)
    entries: list[CalibrationEntry] = []
    left: list[LeftUncalibrated] = []
    for question in questions:
        own = [e for e in examples if (e.condition, e.level, e.definition_version) == question]
        present = np.array([e.present for e in own], dtype=bool)
        positives = int(present.sum())
        if min(positives, len(own) - positives) < FEWEST:
            reason = (
                f"{positives} positives and {len(own) - positives} negatives; it takes {FEWEST} of each, "
                f"so the threshold stays {UNCALIBRATED_THRESHOLD}."
            )
            left.append(LeftUncalibrated(question[0], question[1], len(own), positives, reason))
        else:
            entries.append(_fit_entry(question, present, own))
    reports = tuple(sorted({e.report for e in examples}))
    return named_calibration(name, Calibration("", answered_by, standing, tuple(entries), tuple(left), reports))


def equal_error_log_odds(present: Flags, log_odds: Floats) -> float:
    """Give the threshold at the equal error, in log-odds.

    Each point of the ROC curve stands for the middle of the gap in which a threshold gives it, and the threshold is
    interpolated between those middles as the equal error is between the points. Where the classes separate it is
    therefore the middle of the gap between them.
    """
    distinct = np.unique(log_odds)[::-1]
    middles = np.concatenate([distinct[:1], (distinct[1:] + distinct[:-1]) / 2, distinct[-1:]])
    point = equal_error(present, log_odds)
    before, after = middles[point.after - 1], middles[point.after]
    return float(before + point.share * (after - before))


def platt_scaling(present: Flags, log_odds: Floats) -> tuple[float, float]:
    """Fit slope (above 0) and offset of the log-odds that are shown; finite where the classes separate.

    Source: Platt 1999, with his softened targets, and a ridge of 1 on the slope of the standardised log-odds.
    """
    positives, negatives = int(present.sum()), int((~present).sum())
    targets = np.where(present, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    mean, spread = float(log_odds.mean()), float(log_odds.std()) or 1.0
    fitted = _logistic(((log_odds - mean) / spread)[:, None], targets, [_LEAST_SLOPE])
    slope = float(fitted[0]) / spread
    return slope, float(fitted[1]) - slope * mean


def rules_weight(present: Flags, log_odds: Floats, rules: Flags) -> float:
    """Fit how much the second reader's answer counts beside the model's, in the model's log-odds.

    Logistic regression on both, with a ridge of 1 on the standardised log-odds and on the rules' sign; neither can
    count against itself.
    """
    spread = float(log_odds.std()) or 1.0
    features = np.column_stack([(log_odds - log_odds.mean()) / spread, _signs(rules)])
    slope, weight, _ = _logistic(features, present, [_LEAST_SLOPE, 0])
    return float(weight / slope * spread)


def _logistic(features: Floats, targets: Floats | Flags, lowest: Sequence[float]) -> Floats:
    """Fit coefficients, none under its lowest and with a ridge of 1, and the offset, which comes last."""

    def loss(parameters: Floats) -> tuple[float, Floats]:
        coefficients = parameters[:-1]
        shown = features @ coefficients + parameters[-1]
        errors = 0.5 * (1 + np.tanh(shown / 2)) - targets
        value = float((np.logaddexp(0, shown) - targets * shown).sum() + (coefficients**2).sum() / 2)
        return value, np.append(errors @ features + coefficients, errors.sum())

    bounds = [*((low, None) for low in lowest), (None, None)]
    fitted: Floats = minimize(loss, np.append(np.ones(len(lowest)), 0.0), jac=True, bounds=bounds).x
    return fitted


def _signs(rules: Flags) -> Floats:
    return np.where(rules, 1.0, -1.0)


def _fit_entry(question: tuple[str, str | None, str], present: Flags, examples: Sequence[Example]) -> CalibrationEntry:
    log_odds = np.array([example.log_odds for example in examples])
    rules = [example.rules for example in examples if example.rules is not None]
    weight = rules_weight(present, log_odds, np.array(rules)) if len(rules) == len(examples) else 0.0
    if weight:
        log_odds = log_odds + weight * _signs(np.array(rules))
    threshold = equal_error_log_odds(present, log_odds)
    figures = measure_answers(Answers(present, log_odds >= threshold, log_odds), draws=0)
    slope, offset = platt_scaling(present, log_odds)
    return CalibrationEntry(
        condition=question[0],
        level=question[1],
        definition_version=question[2],
        threshold_log_odds=threshold,
        slope=slope,
        offset=offset,
        fitted_on=FittedOn(
            n=figures.n,
            positives=figures.positives,
            balanced_accuracy=round(figures.balanced_accuracy or 0.0, 4),
            eer=round(figures.eer or 0.0, 4),
            auroc=round(figures.auroc or 0.0, 4),
        ),
        rules_weight=weight,
    )
