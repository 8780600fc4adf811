"""De-identification of the rows that researchers get: pseudonyms, shifted dates, capped ages.

Each function says in `describe` what it does; the data dictionary of an export is written from there.
"""

import hashlib
import hmac
from datetime import date, timedelta
from typing import Literal

from integrations.errors import IntegrationError

MAX_SHIFT_DAYS = 182
OLDEST_AGE = 90
"""Stands for every age over 89."""

_SHORTEST_KEY = 16
_DIGEST_CHARACTERS = 20


class UnusableKey(IntegrationError):
    """The key of the pseudonyms is too short to keep them secret. Set one of at least 16 random bytes."""


class NoIdentity(IntegrationError):
    """An empty identifier has no pseudonym, since all who lack one would become the same person."""


class UnusableDate(IntegrationError):
    """A date lies at the end of the calendar, as placeholders do, and cannot be moved. Leave it out."""


def pseudonym(key: bytes, kind: Literal["patient", "study", "accession"], value: str) -> str:
    """Give the pseudonym of an identifier, such as `patient-3f0c…`: the same key and value give the same one.

    Raises:
        UnusableKey: the key is shorter than 16 bytes.
        NoIdentity: the value is empty.
    """
    return f"{kind}-{_keyed(key, kind, value).hex()[:_DIGEST_CHARACTERS]}"


def shifted_date(key: bytes, patient: str, day: date) -> date:
    """Move a date by the patient's own number of days, so that intervals within a patient stay true.

    The shift is between -182 and 182 days and never 0.

    Raises:
        UnusableKey: the key is shorter than 16 bytes.
        NoIdentity: the patient identifier is empty.
        UnusableDate: the date cannot be moved, such as a placeholder of year 1.
    """
    step = int.from_bytes(_keyed(key, "shift", patient)[:8]) % (2 * MAX_SHIFT_DAYS)
    days = step - MAX_SHIFT_DAYS if step < MAX_SHIFT_DAYS else step - MAX_SHIFT_DAYS + 1
    try:
        return day + timedelta(days=days)
    except OverflowError as error:
        raise UnusableDate("A date lies at the end of the calendar. Leave it out or correct it.") from error


def age_at_study(born: date, studied: date) -> int | None:
    """Give the age in whole years at the study, from the true dates; 90 stands for every age over 89.

    None where the study lies before birth, since one of the dates is wrong.
    """
    if studied < born:
        return None
    age = studied.year - born.year - ((studied.month, studied.day) < (born.month, born.day))
    return min(age, OLDEST_AGE)


def describe() -> dict[str, str]:
    """Say for the data dictionary what was done, by the name of the column."""
    return {
        "patient": "Pseudonym of the patient: HMAC-SHA256 of the identifier under the site's key, "
        f"{_DIGEST_CHARACTERS} hexadecimal digits. The same patient has the same one under the same key.",
        "study": "Pseudonym of the study: HMAC-SHA256 of the identifier under the site's key, "
        f"{_DIGEST_CHARACTERS} hexadecimal digits.",
        "accession": "Pseudonym of the accession number: HMAC-SHA256 of it under the site's key, "
        f"{_DIGEST_CHARACTERS} hexadecimal digits.",
        "study_date": f"Date of the study, moved by between 1 and {MAX_SHIFT_DAYS} days earlier or later. All dates of "
        "a patient move alike, so intervals within a patient are true; seasons and intervals between patients are not.",
        "age": f"Age in whole years at the study, from the true dates. {OLDEST_AGE} stands for every age over "
        f"{OLDEST_AGE - 1}.",
    }


def _keyed(key: bytes, purpose: str, value: str) -> bytes:
    if len(key) < _SHORTEST_KEY:
        raise UnusableKey(f"The key has {len(key)} bytes. Set one of at least {_SHORTEST_KEY} random bytes.")
    if not value.strip():
        raise NoIdentity("An identifier is empty. Leave the row out or have the patient identified.")
    # The separator keeps a purpose and a value from running into one another.
    return hmac.new(key, f"{purpose}\0{value}".encode(), hashlib.sha256).digest()
