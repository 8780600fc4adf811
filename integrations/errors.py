"""Errors of the protocols.

SpinelabelError
└── IntegrationError
    ├── DicomError: see `dicom/`
    ├── Hl7Error: see `hl7/`
    ├── SrError: see `sr/`
    └── UnusableCertificate
"""

from config.errors import SpinelabelError


class IntegrationError(SpinelabelError):
    """Something at the edge to another system failed."""


class DicomError(IntegrationError):
    """A DICOM object or association cannot be handled."""


class Hl7Error(IntegrationError):
    """An HL7 message cannot be handled."""


class SrError(IntegrationError):
    """A structured report cannot be written."""


class UnusableCertificate(IntegrationError):
    """A certificate or key of the settings cannot be used for TLS."""
