"""Errors of the method.

SpinelabelError
└── PipelineError
    ├── ReportError: see `reports/`
    └── ImageError: see `images/`
"""

from config.errors import SpinelabelError


class PipelineError(SpinelabelError):
    """A report or an image could not be read by the method."""


class ReportError(PipelineError):
    """A report could not be labelled."""


class ImageError(PipelineError):
    """A series could not be read."""
