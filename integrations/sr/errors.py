"""Errors of structured reports.

SrError
├── NothingToWrite
├── NoEvidence
├── MixedStudy
├── InconsistentFinding
├── UnwritableSr
└── UnreadableSr
"""

from integrations.errors import SrError


class NothingToWrite(SrError):
    """No finding is left for this destination, so it gets no structured report."""


class NoEvidence(SrError):
    """No image of the study was given, or not the one that a finding was read on. Write the report once it is here."""


class MixedStudy(SrError):
    """The images belong to several studies or patients. A person must decide before a report is written."""


class InconsistentFinding(SrError):
    """A finding contradicts itself or another one. Label the study again; tell the maintainers if it comes back."""


class UnwritableSr(SrError):
    """The report could not be put together from this study's identifiers. Look at the UIDs of its images."""


class UnreadableSr(SrError):
    """The object is no structured report of this product."""
