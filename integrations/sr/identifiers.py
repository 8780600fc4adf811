"""UIDs that come out the same whenever the same thing is written again."""

import uuid

_NAMESPACE = uuid.UUID("4f8f5c0e-6a1b-5d0e-9d55-7a6c1f0b2e31")

MANUFACTURER = "Spinelabel"
"""By which we know our own reports again."""


def derived_uid(*parts: str) -> str:
    """Derive a UID from parts; the same parts in the same order give the same UID.

    Source: DICOM PS3.5 section B.2 (root 2.25 and a UUID as a decimal number).
    """
    return f"2.25.{uuid.uuid5(_NAMESPACE, repr(parts)).int}"


def tracking_identifier(condition: str, level: str | None, source: str) -> str:
    """Name a measurement group for people, such as `stenosis/L4-L5/image` or `cancer/report`."""
    return "/".join(part for part in (condition, level, source) if part is not None)
