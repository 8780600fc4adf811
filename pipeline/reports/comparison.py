"""The paper's Tables 3 and 4 for any model and prompt, beside readers that need no model and the paper's figures."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from config.conditions import Condition, questions
from pipeline.calibration import (
    AnsweredBy,
    Calibration,
    CalibrationEntry,
    Example,
    Judgement,
    judge,
    reports_calibrated_on,
)
from pipeline.calibration_fitting import fit_calibration
from pipeline.errors import TestedOnCalibration
from pipeline.evaluation import Answers, Figures, measure_answers
from pipeline.reports.label_cells import Asked
from pipeline.reports.labelled import LabelledReport
from pipeline.reports.rule_reader import read_by_rules, rule_reader_knows
from pipeline.splits import split_reports
from pipeline.values import Standing

DIGITS = 4
_REVIEWED = 0.1


@dataclass(frozen=True)
class Row:
    """Figures of one reader on one question; `threshold` is in the scale of the probability, None for a baseline."""

    condition: str
    level: str | None
    model: str
    summary_model: str | None
    prompt: str | None
    threshold: float | None
    standing: Standing | None
    figures: Figures


@dataclass(frozen=True)
class Review:
    """What a person catches who looks at the answers nearest to their threshold: `caught` of `errors`."""

    answers: int
    reviewed: int
    errors: int
    caught: int


def review_nearest(answered_by: AnsweredBy, examples: Sequence[Example], calibration: Calibration | None) -> Review:
    """Count the errors among the tenth of answers, over all questions, that lie nearest to their threshold.

    Near is meant in the log-odds that are shown, so that questions of different scale can be told together; a second
    reader who differs brings an answer nearer.
    """
    doubts = [
        (abs(judged.margin) * (own.entry.slope if own.entry else 1), judged.answer != example.present)
        for own in _judged(answered_by, examples, calibration)
        for example, judged in zip(own.examples, own.judgements, strict=True)
    ]
    doubts.sort(key=lambda doubt: doubt[0])
    reviewed = math.ceil(len(doubts) * _REVIEWED)
    errors = sum(is_wrong for _, is_wrong in doubts)
    return Review(len(doubts), reviewed, errors, sum(is_wrong for _, is_wrong in doubts[:reviewed]))


def evaluate_examples(
    answered_by: AnsweredBy, examples: Sequence[Example], *, asks_summary: bool, calibration: Calibration | None
) -> list[Row]:
    """Give a row per question, answered by the calibration where it has an entry, else by the threshold .5."""
    rows: list[Row] = []
    for own in _judged(answered_by, examples, calibration):
        answers = Answers(
            present=np.array([example.present for example in own.examples]),
            answer=np.array([judged.answer for judged in own.judgements]),
            log_odds=np.array([judged.margin for judged in own.judgements]),
            probability=np.array([judged.probability for judged in own.judgements]),
        )
        rows.append(
            Row(
                condition=own.condition,
                level=own.level,
                model=answered_by.model
                if answered_by.adapter is None
                else f"{answered_by.model}+{answered_by.adapter}",
                summary_model=answered_by.model if asks_summary else None,
                prompt=answered_by.prompt,
                threshold=own.judgements[0].threshold,
                standing=calibration.standing if calibration and own.entry else Standing.UNCALIBRATED,
                figures=measure_answers(answers),
            )
        )
    return rows


class _Judged(NamedTuple):
    """The examples of one question and the answers to them; no entry where the threshold is .5."""

    condition: str
    level: str | None
    entry: CalibrationEntry | None
    examples: Sequence[Example]
    judgements: Sequence[Judgement]


def _judged(answered_by: AnsweredBy, examples: Sequence[Example], calibration: Calibration | None) -> Iterator[_Judged]:
    """Answer by the calibration where it has an entry, question by question."""
    for question in dict.fromkeys((e.condition, e.level, e.definition_version) for e in examples):
        own = [e for e in examples if (e.condition, e.level, e.definition_version) == question]
        entry = calibration.entry(answered_by, *question) if calibration else None
        yield _Judged(*question[:2], entry, own, [judge(entry, each.log_odds, each.rules) for each in own])


def refuse_calibrated(reports: Sequence[LabelledReport], calibration: Calibration) -> None:
    """Refuse to test a calibration on reports that it was fitted on.

    Raises:
        TestedOnCalibration: names the rows.
    """
    places = reports_calibrated_on(calibration, (labelled.digest for labelled in reports))
    if places:
        raise TestedOnCalibration([reports[place].row for place in places], calibration.name.split("@")[0])


def calibrate_and_test(
    answered_by: AnsweredBy, examples: Sequence[Example], reports: Sequence[LabelledReport]
) -> tuple[Calibration, list[Example], list[LabelledReport]]:
    """Calibrate on one half of the reports; give the calibration, and examples and reports of the other half."""
    split = split_reports([labelled.split_item for labelled in reports])
    fitted = {reports[place].digest for place in split.calibration}
    calibration = fit_calibration(answered_by, [e for e in examples if e.report in fitted], name="split")
    return calibration, [e for e in examples if e.report not in fitted], [reports[place] for place in split.test]


def baseline_rows(reports: Sequence[LabelledReport], conditions: Sequence[Condition]) -> list[Row]:
    """Give the rows of readers that need no model: one that always gives the commoner answer, and the rules."""
    rows = []
    for condition, level in questions(conditions):
        known = [labelled for labelled in reports if (condition.name, level) in labelled.present]
        if not known:
            continue
        present = np.array([labelled.present[condition.name, level] for labelled in known], dtype=bool)
        readers = {"majority": np.full(len(known), 2 * present.sum() > len(known))}
        if rule_reader_knows(condition):
            readers["rules"] = np.array([read_by_rules(each.report.text, condition, level) for each in known])
        for reader, answers in readers.items():
            figures = measure_answers(Answers(present, answers))
            rows.append(Row(condition.name, level, reader, None, None, None, None, figures))
    return rows


def row_values(row: Row) -> dict[str, Any]:
    """Give a row as `spinelabel evaluate --json` prints it."""
    figures = row.figures
    return {
        "condition": row.condition,
        "level": row.level,
        "model": row.model,
        "summary_model": row.summary_model,
        "prompt": row.prompt,
        "n": figures.n,
        "positives": figures.positives,
        "true_positives": figures.true_positives,
        "false_positives": figures.false_positives,
        "balanced_accuracy": _rounded(figures.balanced_accuracy),
        "eer": _rounded(figures.eer),
        "eer_published": _rounded(figures.eer_published),
        "auroc": _rounded(figures.auroc),
        "f1": _rounded(figures.f1),
        "expected_calibration_error": _rounded(figures.expected_calibration_error),
        "interval": {name: [_rounded(end) for end in ends] for name, ends in figures.intervals.items()},
        "threshold": row.threshold,
        "standing": row.standing,
    }


@cache
def published_figures() -> Mapping[Asked, Mapping[str, float]]:
    """Give the paper's figures by condition and level."""
    rows = yaml.safe_load(Path(__file__).with_name("published.yaml").read_text(encoding="utf-8"))
    return {
        (row["condition"], row["level"]): {name: float(row[name]) for name in row.keys() - {"condition", "level"}}
        for row in rows
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
