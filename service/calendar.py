"""When a cron schedule is due, in the wall time of a zone, through changes of its offset.

A time that a spring day skips comes as long after the gap as it lies in it, and one that an autumn day has twice comes
the first time, so that a daily schedule runs once each day. A schedule with `*` as its hour follows real time instead:
it skips the gap and runs in both of the doubled hours. APScheduler's trigger knows the calendar, but not its own last
time where an hour is doubled (it gives that hour again and again), so it is asked in wall time only.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

SHIFT = timedelta(hours=3)
"""More than daylight saving moves the clocks of any zone."""

SPANS = tuple(timedelta(hours=hours) for hours in (1, 24, 8 * 24, 40 * 24, 400 * 24, 28 * 366 * 24))
"""How far back the last slot is looked for, the nearest first: a schedule may be every minute, or every 29 February."""

_NUMBERED_WEEKDAY = re.compile(r"(?<![/\d])\d")  # a number after a stroke is a step


def check_cron(cron: str) -> None:
    """Refuse what is no schedule, or would run at other times than its author meant.

    Raises:
        ValueError: says what is wrong, as the end of a sentence about the schedule.
    """
    CronTrigger.from_crontab(cron)
    if _NUMBERED_WEEKDAY.search(cron.split()[4]):
        raise ValueError("names a weekday by a number, which cron counts from Sunday and others do not; use mon to sun")
    whole_cycle = datetime(2000, 1, 1), datetime(2028, 1, 1)  # weekdays and leap years repeat after 28 years
    if next(_slots(cron, ZoneInfo("UTC"), *whole_cycle), None) is None:
        raise ValueError("names a day that never comes")


def due_slot(cron: str, zone: ZoneInfo, since: datetime, now: datetime) -> datetime | None:
    """Give the last slot after `since` and not after `now`, in UTC, or None where none lies between them."""
    wall = now.astimezone(zone).replace(tzinfo=None)
    for span in SPANS:
        slots = [slot for slot in _slots(cron, zone, wall - span - SHIFT, wall + SHIFT) if since < slot <= now]
        if slots:
            return max(slots)
        if now - span < since:
            return None
    return None


def next_slot(cron: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Give the first slot after `now`, in UTC, or None where there is none within 28 years."""
    wall = now.astimezone(zone).replace(tzinfo=None)
    for span in SPANS:
        slots = [slot for slot in _slots(cron, zone, wall - SHIFT, wall + span) if slot > now]
        if slots:
            return min(slots)
    return None


def _slots(cron: str, zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[datetime]:
    """Give the slots whose wall time lies between two wall times."""
    trigger = CronTrigger.from_crontab(cron, timezone=UTC)
    trigger.end_date = last.replace(tzinfo=UTC)  # else a day that never comes is looked for until the year 9999
    follows_real_time = cron.split()[1].startswith("*")
    looked_at = first.replace(tzinfo=UTC)
    while (found := trigger.get_next_fire_time(None, looked_at)) is not None:
        yield from _instants(found.replace(tzinfo=None), zone, both=follows_real_time)
        looked_at = found + timedelta(microseconds=1)


def _instants(wall: datetime, zone: ZoneInfo, *, both: bool) -> Iterator[datetime]:
    """Give the moment of a wall time, in UTC; with `both`, each moment that has it, which may be none or two."""
    earlier = wall.replace(tzinfo=zone).astimezone(UTC)
    later = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    exists = earlier.astimezone(zone).replace(tzinfo=None) == wall
    if exists or not both:
        yield earlier
    if both and exists and later != earlier:
        yield later
