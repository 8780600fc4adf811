"""The paper's Table 5: image classifiers on patients that were neither fitted nor calibrated on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipeline.evaluation import Answers, Figures, measure_answers
from pipeline.images.classifiers import ImageClassifier
from pipeline.splits import Part
from pipeline.training.classifier_fitting import Examples, Question, Weighting, answer_examples, fit_classifier
from pipeline.training.scan_discs import Bag, Bags

DIGITS = 4


@dataclass(frozen=True)
class TableRow:
    """Figures of one method for one condition; `threshold` is None for a reader that only says present or absent."""

    condition: str
    method: str
    threshold: float | None
    figures: Figures


def classifier_row(classifier: ImageClassifier, encoder: str, tested: Examples) -> TableRow:
    """Measure a classifier; the row is named like the paper's, by encoder and kind of machine."""
    machine = "SVM" if classifier.per_disc else "NSK-SVM"
    figures = measure_answers(answer_examples(classifier, tested))
    return TableRow(classifier.condition, f"{encoder.split('@')[0]}+{machine}", classifier.threshold, figures)


def baseline_rows(question: Question, parts: Mapping[Part, Bags], weighting: Weighting) -> Iterator[TableRow]:
    """Measure another project's reader on the same discs, where one read them: its grades, and its encodings fitted.

    A patient is present where any disc of the bag is. Source: Park et al. 2024, section 5.2, rows 2, 3, 5 and 6.
    """
    tested = parts["tested"].bags
    readers = {bag.scan.other.name for part in parts.values() for bag in part.bags if bag.scan.other}
    if len(readers) != 1 or not tested:
        return
    (name,) = readers
    graded = [bag for bag in tested if bag.scan.other and question.condition in bag.scan.other.present]
    if graded:
        answers = Answers(np.array([bag.present for bag in graded]), _grades(question, graded))
        yield TableRow(question.condition, name, None, measure_answers(answers))
    fitted, calibrated, others = (_encodings(parts[part].bags) for part in ("fitted", "calibrated", "tested"))
    if fitted is not None and calibrated is not None and others is not None:
        yield classifier_row(fit_classifier(question, fitted, calibrated, weighting).classifier, name, others)


def _grades(question: Question, bags: Sequence[Bag]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array(
        [bag.scan.other.present[question.condition][list(bag.places)].any() for bag in bags if bag.scan.other]
    )


def _encodings(bags: Sequence[Bag]) -> Examples | None:
    """Give bags as the means of the other reader's encodings; None where it has none, or all are of one kind."""
    encoded = [(bag, bag.scan.other.features) for bag in bags if bag.scan.other]
    features = [own[list(bag.places)].mean(axis=0) for bag, own in encoded if own is not None]
    present = np.array([bag.present for bag in bags], bool)
    if len(features) < len(bags) or len(set(present.tolist())) < 2:
        return None
    return Examples(np.array(features, np.float32), present)


def row_values(row: TableRow) -> dict[str, Any]:
    """Give a row as `spinelabel train images --json` prints it."""
    figures = row.figures
    return {
        "condition": row.condition,
        "method": row.method,
        "n": figures.n,
        "positives": figures.positives,
        "balanced_accuracy": _rounded(figures.balanced_accuracy),
        "eer": _rounded(figures.eer),
        "auroc": _rounded(figures.auroc),
        "f1": _rounded(figures.f1),
        "interval": {name: [_rounded(end) for end in ends] for name, ends in figures.intervals.items()},
        "threshold": row.threshold,
    }


@cache
def published_rows() -> tuple[Mapping[str, Any], ...]:
    """Give the paper's own rows, which are of other patients: `condition`, `method` and figures."""
    return tuple(yaml.safe_load(Path(__file__).with_name("published_images.yaml").read_text(encoding="utf-8")))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
