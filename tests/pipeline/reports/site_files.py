"""Calibrations as a site has them."""

from pathlib import Path

from pipeline.calibration import AnsweredBy, Calibration, Example, write_calibration
from pipeline.calibration_fitting import fit_calibration
from pipeline.values import Standing


def fit(answered_by: AnsweredBy, *, name: str = "trial", standing: Standing = Standing.CALIBRATED_HERE) -> Calibration:
    """Fit a threshold for stenosis, and for no level of it, at log-odds -6."""
    examples = [Example(f"p{n}", "stenosis", None, "1", True, -4.0 + n) for n in range(20)]
    examples += [Example(f"n{n}", "stenosis", None, "1", False, -8.0 - n) for n in range(20)]
    return fit_calibration(answered_by, examples, name=name, standing=standing)


def write_site_calibration(path: Path, answered_by: AnsweredBy, *, name: str = "trial") -> Calibration:
    """Write a site's calibration for what answers."""
    calibration = fit(answered_by, name=name)
    write_calibration(path, calibration)
    return calibration
