"""Figures of yes/no answers against known labels, with bootstrap intervals."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_curve

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Interval = tuple[float, float]

DRAWS = 1000
BINS = 10
_CELLS_AT_ONCE = 2_000_000  # draws times examples held in memory at one time
_Z95 = 1.959964  # of the standard normal distribution


@dataclass(frozen=True)
class Answers:
    """Labels and answers of the same examples, all of shape (examples,).

    `log_odds` and `probability` are None for a reader that only says yes or no.
    """

    present: Flags
    answer: Flags
    log_odds: Floats | None = None
    probability: Floats | None = None


@dataclass(frozen=True)
class Figures:
    """How answers meet labels; a figure that the examples cannot give (no positives, no scores) is None.

    `intervals` holds the 95% interval of each figure that is there, under the figure's name.
    """

    n: int
    positives: int
    true_positives: int
    false_positives: int
    balanced_accuracy: float | None
    eer: float | None
    eer_published: float | None
    auroc: float | None
    f1: float | None
    expected_calibration_error: float | None
    intervals: dict[str, Interval]


@dataclass(frozen=True)
class EqualError:
    """Where a ROC curve has as large a share of missed positives as of false alarms.

    It lies `share` of the way from the curve's point `after` - 1 to its point `after`; point 0 calls nothing present,
    point k what has one of the k highest distinct scores.
    """

    rate: float
    after: int
    share: float


def measure_answers(answers: Answers, *, draws: int = DRAWS, seed: int = 0) -> Figures:
    """Give the figures of Park et al. 2024, Tables 3 and 4, and the expected calibration error over 10 bins.

    Intervals are the middle 95% of `draws` resamples that keep the numbers of positives and negatives; the same seed
    gives the same intervals.
    """
    present, answer = answers.present, answers.answer
    positives, negatives = int(present.sum()), int((~present).sum())
    figures = {name: float(values[0]) for name, values in _figures(answers, np.ones((1, len(present)))).items()}
    resampled: dict[str, list[Floats]] = {name: [] for name in figures}
    if figures:
        for weights in _resamples(present, draws, np.random.default_rng(seed)):
            for name, values in _figures(answers, weights).items():
                resampled[name].append(values)
    intervals = {name: _middle(np.concatenate(values)) for name, values in resampled.items() if draws}
    separable = answers.log_odds is not None and positives > 0 and negatives > 0
    return Figures(
        n=len(present),
        positives=positives,
        true_positives=int((present & answer).sum()),
        false_positives=int((~present & answer).sum()),
        balanced_accuracy=figures.get("balanced_accuracy"),
        eer=figures.get("eer"),
        eer_published=published_equal_error_rate(present, answers.log_odds) if separable else None,
        auroc=figures.get("auroc"),
        f1=figures.get("f1"),
        expected_calibration_error=figures.get("expected_calibration_error"),
        intervals=intervals,
    )


def equal_error(present: Flags, scores: Floats) -> EqualError:
    """Find the equal error on the full ROC curve, interpolated between its points.

    Args:
        present: labels (examples,) with both kinds in them.
        scores: (examples,), higher where the condition is likelier.
    """
    false_alarms, hits = _curves(present, scores, np.ones((1, len(present))))
    rates, after, shares = _equal_errors(false_alarms, hits)
    return EqualError(float(rates[0]), int(after[0]), float(shares[0]))


def published_equal_error_rate(present: Flags, scores: Floats | None) -> float:
    """Give the equal error rate by the formula of the paper's published code, for comparison with its tables only.

    It is the false alarm rate at the nearest point of a thinned curve, and can be 0 where classes overlap.
    """
    false_alarms, hits, _ = roc_curve(present, scores)
    return float(false_alarms[np.nanargmin(np.abs(1 - hits - false_alarms))])


def positives_needed(width: float, accuracy: float) -> int:
    """Say how many positives, beside at least as many negatives, make a 95% interval of balanced accuracy that narrow.

    Args:
        width: of the whole interval, from its low to its high end; above 0.
        accuracy: the balanced accuracy expected, in [0, 1].

    Source: Wilson's score interval, positives and negatives each answered rightly at this rate.
    """
    if not width > 0 or not 0 <= accuracy <= 1:
        raise ValueError("a width is above 0 and an accuracy lies in [0, 1]")
    low, high = 1, 2
    while _wilson_width(2 * high, accuracy) > width:
        high *= 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _wilson_width(2 * middle, accuracy) <= width else (middle + 1, high)
    return low


def _wilson_width(trials: int, rate: float) -> float:
    square = _Z95**2
    return 2 * _Z95 * math.sqrt(rate * (1 - rate) / trials + square / (4 * trials**2)) / (1 + square / trials)


def _figures(answers: Answers, weights: Floats) -> dict[str, Floats]:
    """Give each figure once per row of weights (draws, examples), which say how often an example counts."""
    present, answer = answers.present, answers.answer
    positives, negatives = int(present.sum()), int((~present).sum())
    found: dict[str, Floats] = {}
    hits = weights @ (present & answer)
    false_alarms = weights @ (~present & answer)
    if positives:
        found["f1"] = 2 * hits / (hits + false_alarms + positives)
    if positives and negatives:
        found["balanced_accuracy"] = (hits / positives + 1 - false_alarms / negatives) / 2
        if answers.log_odds is not None:
            rates, shares = _curves(present, answers.log_odds, weights)
            found["auroc"] = ((rates[:, 1:] - rates[:, :-1]) * (shares[:, 1:] + shares[:, :-1])).sum(axis=1) / 2
            found["eer"] = _equal_errors(rates, shares)[0]
    if answers.probability is not None and len(present):
        bins = np.minimum((answers.probability * BINS).astype(int), BINS - 1)
        gaps = (present - answers.probability)[:, None] * np.eye(BINS)[bins]
        found["expected_calibration_error"] = np.abs(weights @ gaps).sum(axis=1) / len(present)
    return found


def _resamples(present: Flags, draws: int, generator: np.random.Generator) -> list[Floats]:
    """Draw weights (draws, examples) in parts that fit into memory; positives and negatives keep their numbers."""
    at_once = max(1, _CELLS_AT_ONCE // max(1, len(present)))
    parts = []
    for start in range(0, draws, at_once):
        weights = np.zeros((min(at_once, draws - start), len(present)))
        for kind in (present, ~present):
            if size := int(kind.sum()):
                weights[:, kind] = generator.multinomial(size, np.full(size, 1 / size), size=len(weights))
        parts.append(weights)
    return parts


def _curves(present: Flags, scores: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Give the full ROC curve of each row of weights: false alarm and hit rates (draws, distinct scores + 1)."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    counted = weights[:, order]

    def rates(kind: Flags) -> Floats:
        summed = np.cumsum(counted * kind[order], axis=1)[:, ends]
        curve: Floats = np.hstack([np.zeros((len(weights), 1)), summed / kind.sum()])
        return curve

    return rates(~present), rates(present)


def _equal_errors(false_alarms: Floats, hits: Floats) -> tuple[Floats, npt.NDArray[np.intp], Floats]:
    """Find on each curve (draws, points) the rate, the point behind it, and how far from the point before it."""
    rows = np.arange(len(hits))
    excess = false_alarms + hits - 1  # -1 at the curve's start, 1 at its end, never falling
    after = np.argmax(excess >= -1e-12, axis=1)
    before = excess[rows, after - 1]
    shares = np.clip(-before / (excess[rows, after] - before), 0, 1)
    start = false_alarms[rows, after - 1]
    return start + shares * (false_alarms[rows, after] - start), after, shares


def _middle(values: Floats) -> Interval:
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)
