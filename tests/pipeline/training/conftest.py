"""The tiny models that labelling is tested with."""

from tests.pipeline.reports.conftest import make_model

__all__ = ["make_model"]
