"""What a calibration changes in a finding."""

from dataclasses import replace

import pytest

from config.conditions import load_conditions
from pipeline.reports.labelling import Labeller, Report, label_reports
from pipeline.reports.prompts import load_prompt
from pipeline.values import Finding, ReportLabels, Standing, State
from tests.pipeline.reports.fixed_engines import ReadingEngine
from tests.pipeline.reports.site_files import fit

STENOSIS = next(condition for condition in load_conditions() if condition.name == "stenosis")
LUMBAR = Report("a", "MRI LUMBAR SPINE\nFINDINGS: L4-5 canal narrowed.")


def labeller(log_odds: float) -> Labeller:
    return Labeller(ReadingEngine(lambda _report, _question: log_odds), load_prompt("direct"), "test")


def calibrated(log_odds: float, standing: Standing = Standing.CALIBRATED_HERE) -> Labeller:
    """Give a labeller whose threshold for stenosis, and for no level of it, is at log-odds -6."""
    asked = labeller(log_odds)
    return replace(asked, calibration=fit(asked.answered_by, standing=standing))


def finding(asked: Labeller, level: str | None = None) -> Finding:
    [outcome] = label_reports(asked, [LUMBAR], [STENOSIS])
    assert isinstance(outcome, ReportLabels)
    return next(found for found in outcome.findings if found.level == level)


@pytest.mark.parametrize(
    ("log_odds", "answer", "state"),
    [
        pytest.param(-5.0, True, State.PRESENT, id="above the threshold and below one half"),
        pytest.param(-6.0, True, State.UNCERTAIN, id="at the threshold"),
        pytest.param(-6.05, False, State.UNCERTAIN, id="within the engine's noise of it"),
        pytest.param(-7.0, False, State.UNCERTAIN, id="below, where the rules say otherwise"),
        pytest.param(0.0, True, State.PRESENT, id="at one half, far from the threshold"),
    ],
)
def test_the_calibrated_threshold_decides(log_odds: float, answer: bool, state: State) -> None:
    found = finding(calibrated(log_odds))

    assert (found.answer, found.state, found.log_odds) == (answer, state, log_odds)
    assert found.probability is not None
    assert found.threshold is not None
    assert (found.probability >= found.threshold) is answer


@pytest.mark.parametrize("standing", [Standing.CALIBRATED, Standing.CALIBRATED_HERE, Standing.DEMONSTRATION])
def test_a_finding_names_its_calibration_and_has_its_standing(standing: Standing) -> None:
    asked = calibrated(1.0, standing)

    found = finding(asked)

    assert asked.calibration is not None
    assert (found.standing, found.provenance.calibration) == (standing, asked.calibration.name)


def test_a_level_without_an_entry_is_answered_at_one_half_and_says_uncalibrated() -> None:
    found = finding(calibrated(-1.0), "L4-L5")

    assert (found.answer, found.threshold, found.standing) == (False, 0.5, Standing.UNCALIBRATED)
    assert found.provenance.calibration is None


def test_a_calibration_of_another_data_type_does_not_count() -> None:
    asked = labeller(-5.0)
    other = fit(replace(asked.answered_by, data_type="bfloat16"), standing=Standing.CALIBRATED)

    found = finding(replace(asked, calibration=other))

    assert (found.answer, found.threshold, found.standing) == (False, 0.5, Standing.UNCALIBRATED)
