"""Encodings to fitted, calibrated classifiers, against scikit-learn: python -m benchmarks.training [--json].

Theirs is LinearSVC, of the same loss and class weights, fitted once on the same standardised array: with the cost
that ours chose, and with the lowest that ours tries, which it fits quickest. Ours standardises, fits machines at
rising costs, chooses one on other examples, fits probabilities and threshold on those, and makes the classifier. The
examples are random, in part correlated, with 3 of 10 present. Sides take turns in one process with one thread; the
best of the rounds counts.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from benchmarks.rows import print_rows
from config.conditions import DISC_LEVELS
from pipeline.training.classifier_fitting import COSTS, Examples, Question, fit_classifier

GOAL = 1.2
PRESENT, CORRELATION, EFFECT, MISTAKEN = 0.3, 0.05, 0.05, 0.15
CALIBRATED = 0.25  # of as many examples as are fitted on
QUESTION = Question("anything", per_disc=True, levels=DISC_LEVELS[-3:])


def invent(count: int, features: int, seed: int) -> Examples:
    """Draw examples of features that are correlated and tell a little each, alike for every seed; some labels err."""
    mixing = np.random.default_rng(0)
    mixed = np.eye(features) + mixing.normal(size=(features, features)) * CORRELATION
    effect = mixing.normal(size=features) * EFFECT
    rng = np.random.default_rng(seed)
    present = rng.random(count) < PRESENT
    drawn = rng.normal(size=(count, features)) @ mixed + present[:, None] * effect
    return Examples(drawn.astype(np.float32), present ^ (rng.random(count) < MISTAKEN))


def seconds(work: Callable[[], object]) -> float:
    """Measure one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(count: int, features: int, rounds: int) -> list[dict[str, object]]:
    """Let the sides take turns on examples of one size; a row for each cost of theirs."""
    fitted, calibrated = invent(count, features, 1), invent(int(count * CALIBRATED), features, 2)
    chosen = fit_classifier(QUESTION, fitted, calibrated).cost
    standardised = StandardScaler().fit_transform(fitted.features.astype(np.float64))
    costs = sorted({chosen, COSTS[0]})
    best = dict.fromkeys([0.0, *costs], float("inf"))  # 0 is ours
    for _ in range(rounds):
        best[0.0] = min(best[0.0], seconds(lambda: fit_classifier(QUESTION, fitted, calibrated)))
        for cost in costs:
            machine = LinearSVC(C=cost, class_weight="balanced", max_iter=20_000)
            best[cost] = min(best[cost], seconds(lambda machine=machine: machine.fit(standardised, fitted.present)))  # type: ignore[misc]
    return [_row(f"{count} encodings of {features} features", best, cost, cost == chosen) for cost in costs]


def _row(case: str, best: dict[float, float], cost: float, is_chosen: bool) -> dict[str, object]:
    ratio = best[0.0] / best[cost]
    return {
        "case": f"{case}, against cost {cost:g}, {'as chosen' if is_chosen else 'the quickest'}",
        "ours": round(best[0.0], 2),
        "theirs": round(best[cost], 2),
        "unit": "s",
        "ratio": round(ratio, 2),
        "goal": GOAL if is_chosen else None,
        "met": ratio <= GOAL if is_chosen else None,
    }


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encodings", type=int, default=17_000, help="examples to fit on")
    parser.add_argument("--features", type=int, nargs="+", default=[512, 1280], help="of an encoding")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each side; the best counts")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        sys.exit("Set OMP_NUM_THREADS=1, since scikit-learn's machine has one thread.")
    rows = [row for wide in arguments.features for row in measure(arguments.encodings, wide, arguments.rounds)]
    if arguments.json:
        print(json.dumps({"name": "training", "rows": rows}))
        return
    print_rows(rows)
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")


if __name__ == "__main__":
    main()
