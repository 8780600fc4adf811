"""The ids of pieces of work: kind, subject, digest of what goes in, version of the settings that decide, attempt.

Asking twice for the same work gives the same id and does it once; another text, other images or other settings are
other work. What failed is tried again under the next attempt, since an id that ended keeps its end.
"""

import hashlib
from datetime import datetime

from config.settings import Settings

DIGITS = 12


def label_id(report_id: int, text: str, attempt: int, settings: Settings) -> str:
    """Name the labelling of a report's text."""
    version = _digest(settings.reports.model_dump_json(), _conditions(settings))
    return f"label-{report_id}-{_digest(text)}-{version}-{attempt}"


def reading_id(study_id: int, images: str, attempt: int, settings: Settings) -> str:
    """Name the reading of a study's images, given by their digest."""
    version = _digest(settings.images.model_dump_json(), _conditions(settings))
    return f"read-{study_id}-{images[:DIGITS]}-{version}-{attempt}"


def writing_id(study_id: int, results: int, settings: Settings) -> str:
    """Name the writing of a study's structured report after its results changed so often."""
    destinations = [destination.model_dump_json() for destination in settings.destinations]
    return f"write-{study_id}-{_digest(*destinations, _conditions(settings))}-{results}"


def delivery_id(delivery: int, attempts: int, due: datetime) -> str:
    """Name the next attempt of a delivery, due at a time that each change of plan moves."""
    return f"deliver-{delivery}-{attempts}-{due.timestamp():.0f}"


def fetch_id(fetch: int, attempts: int, due: datetime) -> str:
    """Name the next attempt to fetch a study, due at a time that each change of plan moves."""
    return f"fetch-{fetch}-{attempts}-{due.timestamp():.6f}"


def _conditions(settings: Settings) -> str:
    return settings.conditions.read_text(encoding="utf-8")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:DIGITS]
