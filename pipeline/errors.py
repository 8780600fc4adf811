"""Errors of the method.

SpinelabelError
└── PipelineError
    ├── ReportError: see `reports/`
    ├── ImageError: see `images/`
    ├── UnusableCalibration
    └── TestedOnCalibration
"""

from collections.abc import Sequence

from config.errors import SpinelabelError


class PipelineError(SpinelabelError):
    """A report or an image could not be read by the method."""


class ReportError(PipelineError):
    """A report could not be labelled."""


class ImageError(PipelineError):
    """A series could not be read."""


class UnusableCalibration(PipelineError):
    """A file of thresholds cannot be used; the message names the file and what to do."""


class TestedOnCalibration(PipelineError):
    """Reports that a calibration was fitted on are to be tested with it, which would flatter its figures."""

    def __init__(self, rows: Sequence[int], calibration: str) -> None:
        shown = ", ".join(map(str, rows[:10])) + (", …" if len(rows) > 10 else "")
        super().__init__(
            f"{len(rows)} reports were calibrated on for {calibration} (rows {shown}). Take them out of the file, or "
            "leave the calibration out and use `--split`."
        )
        self.rows = tuple(rows)
