"""The paper's tables for a reader, beside baselines and the paper's own figures."""

import random

import pytest

from config.conditions import Condition, load_conditions, questions
from pipeline.calibration import AnsweredBy, Example
from pipeline.calibration_fitting import fit_calibration
from pipeline.errors import TestedOnCalibration as OnCalibration
from pipeline.reports.comparison import (
    Review,
    baseline_rows,
    calibrate_and_test,
    evaluate_examples,
    published_figures,
    refuse_calibrated,
    review_nearest,
    row_values,
)
from pipeline.reports.labelled import LabelledReport
from pipeline.reports.labelling import Report
from pipeline.values import Standing

MODEL = AnsweredBy("m@sha256:0", None, "float32", "summary/1")
SLIP = Condition(name="slip", definition="A slip.")
CHANCE = random.Random(1)  # noqa: S311  draws examples
REPORTS = [
    LabelledReport(n + 1, Report(str(n), f"Report {n}."), None, {("slip", None): n % 4 == 0}) for n in range(120)
]
EXAMPLES = [
    Example(each.digest, "slip", None, "1", present, (-30 if present else -40) + CHANCE.gauss(0, 3))
    for each in REPORTS
    for present in each.present.values()
]


def test_without_a_calibration_the_answers_are_those_at_one_half() -> None:
    (row,) = evaluate_examples(MODEL, EXAMPLES, asks_summary=True, calibration=None)

    values = row_values(row)
    assert (values["n"], values["positives"], values["threshold"], values["standing"]) == (120, 30, 0.5, "uncalibrated")
    assert (values["balanced_accuracy"], values["f1"]) == (0.5, 0.0)
    assert values["auroc"] > 0.9
    assert (values["model"], values["summary_model"], values["prompt"]) == ("m@sha256:0", "m@sha256:0", "summary/1")
    assert values["interval"]["auroc"][0] < values["auroc"] < values["interval"]["auroc"][1]


def test_a_split_calibrates_on_one_half_and_tests_the_other() -> None:
    calibration, examples, tested = calibrate_and_test(MODEL, EXAMPLES, REPORTS)
    (row,) = evaluate_examples(MODEL, examples, asks_summary=False, calibration=calibration)

    assert {example.report for example in examples}.isdisjoint(calibration.reports)
    assert (row.figures.n, row.figures.positives, len(tested)) == (60, 15, 60)
    assert row.standing is Standing.CALIBRATED_HERE
    assert row.figures.balanced_accuracy is not None
    assert row.figures.balanced_accuracy > 0.85
    refuse_calibrated(tested, calibration)


def test_testing_on_a_report_that_was_calibrated_on_is_refused_with_its_row() -> None:
    calibration = fit_calibration(MODEL, EXAMPLES[:40])
    same_words = LabelledReport(9, Report("other", "REPORT 3"), None, {})

    with pytest.raises(OnCalibration, match=r"rows 1, 9\)") as refused:
        refuse_calibrated([REPORTS[0], REPORTS[50], same_words], calibration)

    assert refused.value.rows == (1, 9)


def test_the_majority_says_the_commoner_answer() -> None:
    (row,) = baseline_rows(REPORTS, [SLIP])

    values = row_values(row)
    assert (values["model"], values["balanced_accuracy"], values["false_positives"]) == ("majority", 0.5, 0)
    assert values["auroc"] is None
    assert baseline_rows(REPORTS, [Condition(name="cancer", definition="A cancer.")]) == []


def test_the_paper_has_figures_for_every_question_that_comes_with_the_product() -> None:
    asked = [(condition.name, level) for condition, level in questions(load_conditions())]

    assert set(published_figures()) == set(asked)
    assert published_figures()["stenosis", "L4-L5"]["balanced_accuracy"] == 0.908


def test_of_the_wrong_answers_those_nearest_to_the_threshold_are_caught_by_a_review_of_a_tenth() -> None:
    def answered(log_odds: float, *, present: bool) -> Example:
        return Example("r", "slip", None, "1", present, log_odds)

    right = [answered(5.0 + n, present=True) for n in range(17)]
    near, far = answered(-0.1, present=True), answered(-9.0, present=True)

    assert review_nearest(MODEL, [*right, far, near], None) == Review(answers=19, reviewed=2, errors=2, caught=1)


def test_questions_of_different_scale_are_reviewed_in_one_order() -> None:
    wide = [Example(f"w{n}", "wide", None, "1", n % 2 == 0, 100.0 if n % 2 == 0 else -100.0) for n in range(40)]
    narrow = [Example(f"n{n}", "narrow", None, "1", n % 2 == 0, 1.0 if n % 2 == 0 else -1.0) for n in range(40)]
    calibration = fit_calibration(MODEL, [*wide, *narrow])
    nearly = Example("x", "wide", None, "1", present=False, log_odds=3.0)  # far in its own numbers, near in its scale

    assert review_nearest(MODEL, [*narrow[:9], nearly], calibration).caught == 1
