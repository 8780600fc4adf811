"""Times as HL7 sends them: any precision, with or without an offset (HL7 2.x chapter 2A, TS and DTM)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_TIME = re.compile(
    r"([0-9]{4})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:\.([0-9]*))?)?)?)?)?)?"
    r"(?:([+-])([0-9]{2}):?([0-9]{2}))?"
)
_TO_THE_DAY = 3


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
    found = _TIME.fullmatch(value.strip())
    if found is None:
        return None
    *digits, fraction, sign, hours, minutes = found.groups()
    numbers = [int(part) for part in digits if part is not None]
    try:
        where = _offset(sign, hours, minutes) if sign else zone
        moment = datetime(*_filled(numbers), int((fraction or "0")[:6].ljust(6, "0")), where)
        moment.astimezone(UTC)  # the first and last day of the calendar cannot be told in every zone
    except (ValueError, OverflowError):
        return None
    if len(numbers) > _TO_THE_DAY:
        return HospitalTime(moment.isoformat(timespec="milliseconds" if fraction else "seconds"), moment)
    return HospitalTime("-".join(part for part in digits if part is not None), moment)


def offset_of(time: HospitalTime | None, sent: str) -> tzinfo | None:
    """Give the offset that `sent`, the field that `time` was read from, carries itself; None where it has none."""
    return time.earliest.tzinfo if time is not None and re.search(r"[+-]", sent) else None


def _offset(sign: str, hours: str, minutes: str) -> timezone:
    distance = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-distance if sign == "-" else distance)


def _filled(numbers: list[int]) -> tuple[int, int, int, int, int, int]:
    year, month, day, hour, minute, second = numbers + [1, 1, 0, 0, 0][len(numbers) - 1 :]
    return year, month, day, hour, minute, second
