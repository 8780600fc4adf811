"""Errors of training on a site's own reports and images.

ReportError
├── TooFewSummaries
├── NothingFits
├── OtherTraining
└── UnusableFolder

ImageError
├── OtherDetectorTraining
├── NoSuchStudy
└── NothingFitted
"""

from collections.abc import Iterable
from pathlib import Path

from pipeline.errors import ImageError, ReportError


class TooFewSummaries(ReportError):
    """There are not enough reports with a summary section to learn from and to measure on."""

    def __init__(self, found: int) -> None:
        super().__init__(
            f"{found} of the reports have a section headed conclusion, impression, summary, findings or the like, text "
            "beside it, and a fitting length, and at least 2 are needed. Give more reports."
        )


class NothingFits(ReportError):
    """Every report to train on, or every held-out one, takes more tokens than the model reads."""

    def __init__(self, context_length: int) -> None:
        super().__init__(
            f"The reports take more than the {context_length} tokens that the model reads. Use a model with a longer "
            "context, or give more reports."
        )


class OtherTraining(ReportError):
    """A folder keeps an unfinished training of other reports, another model or other settings."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} keeps an unfinished training of other reports, another model or other settings. Go on with "
            "those, delete that folder, or name another with --out."
        )


class UnusableFolder(ReportError):
    """A folder holds no texts of reports that can be read; the message names it and what to do."""


class OtherDetectorTraining(ImageError):
    """A folder keeps a training of the detector of other settings or other labelled volumes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} keeps a training of the detector with other settings or other labelled volumes. Go on with "
            "those, delete that folder, or name another with --out."
        )


class NoSuchStudy(ImageError):
    """A table names a study whose images are not there."""


class NothingFitted(ImageError):
    """No condition of a table has examples enough for a classifier, so that no set is written."""

    def __init__(self, reasons: Iterable[str]) -> None:
        super().__init__(f"No classifier was fitted, and nothing was replaced. {' '.join(reasons)}")
