"""Times as HL7 sends them: any precision, with or without an offset (HL7 2.x chapter 2A, TS and DTM)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_OFFSET = r"(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
_TIME = re.compile(
    r"([0-9]{4})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:[.,]([0-9]*))?)?)?)?)?)?" + _OFFSET
)
_ISO_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2})(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]*))?)?"
    + _OFFSET
    + ")?)?"
)
_TO_THE_DAY = 3
_LEAP_SECOND = 60


@dataclass(frozen=True)
class HospitalTime:
    """A time as precise as it was sent.

    `iso` is ISO 8601 and ends where the sender's precision did: 1970-01 has no day. `earliest` is the first instant
    that it can mean, with a zone; versions are ordered by it.
    """

    iso: str
    earliest: datetime

    @property
    def date(self) -> str:
        """Give year, month and day as far as they were sent."""
        return self.iso.split("T", 1)[0]


def zone_of(name: str) -> tzinfo:
    """Give the zone of the setting `hl7.time_zone`."""
    return ZoneInfo(name)


def read_time(value: str, zone: tzinfo) -> HospitalTime | None:
    """Read a time; one without an offset is in `zone`. None where the value is no time."""
    found = _matched(value)
    if found is None:
        return None
    *digits, fraction, offset = found.groups()
    numbers = [int(part) for part in digits if part is not None]
    try:
        moment = _moment(numbers, fraction, _offset(offset) if offset else zone)
        moment.astimezone(UTC)  # the first and last day of the calendar cannot be told in every zone
    except (ValueError, OverflowError):
        return None
    if len(numbers) > _TO_THE_DAY:
        return HospitalTime(moment.isoformat(timespec="milliseconds" if fraction else "seconds"), moment)
    return HospitalTime("-".join(part for part in digits if part is not None), moment)


def offset_of(time: HospitalTime | None, sent: str) -> tzinfo | None:
    """Give the offset that `sent`, the field that `time` was read from, carries itself; None where it has none."""
    found = _matched(sent)
    return time.earliest.tzinfo if time is not None and found is not None and found.groups()[-1] else None


def _matched(value: str) -> re.Match[str] | None:
    """Match a time as HL7 writes it, or as ISO 8601 does, which some engines send and nothing else can mean."""
    return _TIME.fullmatch(value.strip()) or _ISO_TIME.fullmatch(value.strip())


def _moment(numbers: list[int], fraction: str | None, zone: tzinfo) -> datetime:
    """Give the instant; hour 24 is the next day's first, and a leap second the next minute's first."""
    year, month, day, hour, minute, second = _filled(numbers)
    later = timedelta()
    if (hour, minute, second) == (24, 0, 0):
        hour, later = 0, timedelta(days=1)
    elif second == _LEAP_SECOND:
        second, later = 0, timedelta(minutes=1)
    return datetime(year, month, day, hour, minute, second, int((fraction or "0")[:6].ljust(6, "0")), zone) + later


def _offset(sent: str) -> timezone:
    if sent == "Z":
        return UTC
    distance = timedelta(hours=int(sent[1:3]), minutes=int(sent[3:].strip(":") or 0))
    return timezone(-distance if sent[0] == "-" else distance)


def _filled(numbers: list[int]) -> tuple[int, int, int, int, int, int]:
    year, month, day, hour, minute, second = numbers + [1, 1, 0, 0, 0][len(numbers) - 1 :]
    return year, month, day, hour, minute, second
