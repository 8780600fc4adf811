"""Schedules in wall time, on the days that have 23 or 25 hours above all."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.calendar import check_cron, due_slot, next_slot

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")


def slots(cron: str, zone: str, start: datetime, looks: list[timedelta]) -> list[datetime]:
    """Give the slots that a clock finds which looks at these distances, as the daemon does after each run."""
    found, since, now = [], start, start
    for pause in looks:
        now += pause
        slot = due_slot(cron, ZoneInfo(zone), since, now)
        if slot is not None:
            found.append(slot)
            since = slot
    return found


@pytest.mark.parametrize(
    ("cron", "zone", "day", "expected"),
    [
        pytest.param("30 2 * * *", "Europe/Berlin", date(2026, 3, 29), ["01:30"], id="a time that spring skips"),
        pytest.param("30 2 * * *", "Europe/Berlin", date(2026, 10, 25), ["00:30"], id="a time that autumn has twice"),
        pytest.param("30 2 * * *", "America/New_York", date(2026, 3, 8), ["07:30"], id="spring in New York"),
        pytest.param("30 1 * * *", "America/New_York", date(2026, 11, 1), ["05:30"], id="autumn in New York"),
        pytest.param("15 2 * * *", "Australia/Lord_Howe", date(2026, 10, 3), ["15:45"], id="a gap of half an hour"),
        pytest.param("45 1 * * *", "Australia/Lord_Howe", date(2026, 4, 4), ["14:45"], id="half an hour twice"),
        pytest.param("0 8 * * *", "Asia/Kolkata", date(2026, 3, 29), ["02:30"], id="a zone without changes"),
    ],
)
def test_a_daily_time_comes_once_on_a_day_that_changes_the_offset(
    cron: str, zone: str, day: date, expected: list[str]
) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)

    found = slots(cron, zone, midnight, [timedelta(minutes=5)] * (24 * 12))

    assert [f"{slot:%H:%M}" for slot in found] == expected


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25), date(2026, 7, 1)], ids=str)
def test_an_hourly_schedule_follows_real_time(day: date) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=2)

    found = slots("0 * * * *", "Europe/Berlin", midnight, [timedelta(minutes=5)] * (24 * 12))

    assert len(found) == 24
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(hours=1)}


@given(
    zone=st.sampled_from(ZONES),
    start=st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1)),
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    looks=st.lists(st.integers(1, 9 * 60), min_size=1, max_size=40),
)
def test_each_local_day_has_one_daily_slot_whenever_the_clock_looks(
    zone: str, start: datetime, minute: int, hour: int, looks: list[int]
) -> None:
    begin = start.replace(tzinfo=UTC)
    pauses = [timedelta(minutes=look) for look in looks]

    found = slots(f"{minute} {hour} * * *", zone, begin, pauses)

    end = begin + sum(pauses, timedelta())
    days = [slot.astimezone(ZoneInfo(zone)).date() for slot in found]
    assert len(days) == len(set(days))
    # One that looks at least every nine hours misses no day that lies wholly between.
    first, last = begin.astimezone(ZoneInfo(zone)).date(), end.astimezone(ZoneInfo(zone)).date()
    whole = {first + timedelta(days=number) for number in range(1, (last - first).days)}
    assert whole <= set(days)


def test_many_missed_slots_are_one_run() -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)

    assert slots("0 2 * * *", "UTC", start, [timedelta(days=9)]) == [datetime(2026, 3, 10, 2, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        pytest.param("* * * * *", datetime(2026, 3, 2, 12, 0, tzinfo=UTC), id="every minute"),
        pytest.param("0 3 1 1 *", datetime(2026, 1, 1, 3, tzinfo=UTC), id="once a year"),
        pytest.param("0 3 29 2 *", datetime(2024, 2, 29, 3, tzinfo=UTC), id="on a leap day"),
        pytest.param("30 2 * * sat", datetime(2026, 2, 28, 2, 30, tzinfo=UTC), id="weekly"),
    ],
)
def test_the_last_slot_is_found_however_far_back(cron: str, expected: datetime) -> None:
    now = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)

    assert due_slot(cron, ZoneInfo("UTC"), datetime(2020, 1, 1, tzinfo=UTC), now) == expected


def test_what_lay_before_the_schedule_began_is_not_due() -> None:
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)

    assert due_slot("0 11 * * *", ZoneInfo("UTC"), now - timedelta(minutes=59), now) is None


@given(
    zone=st.sampled_from(ZONES),
    now=st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1)),
    cron=st.sampled_from(["30 2 * * *", "0 * * * *", "*/20 1-3 * * *", "15 2 * * sun"]),
)
def test_the_next_slot_is_due_once_it_has_come_and_not_before(zone: str, now: datetime, cron: str) -> None:
    at, where = now.replace(tzinfo=UTC), ZoneInfo(zone)

    upcoming = next_slot(cron, where, at)

    assert upcoming is not None
    assert due_slot(cron, where, at, upcoming) == upcoming
    assert due_slot(cron, where, at, upcoming - timedelta(seconds=1)) is None


BERLIN_CHANGES = (datetime(2026, 3, 29, 1), datetime(2026, 10, 25, 1))  # in UTC
NEW_YORK_CHANGES = (datetime(2026, 3, 8, 7), datetime(2026, 11, 1, 6))


@given(
    zone=st.sampled_from(ZONES[:2]),
    change=st.sampled_from(BERLIN_CHANGES + NEW_YORK_CHANGES),
    before=st.integers(0, 180),
    late=st.integers(0, 300),
    cron=st.sampled_from(["45 1 * * *", "30 2 * * *", "15 3 * * *", "10,50 * * * *"]),
)
def test_what_has_come_is_due_however_late_the_clock_looks_around_a_change_of_offset(
    zone: str, change: datetime, before: int, late: int, cron: str
) -> None:
    since, where = change.replace(tzinfo=UTC) - timedelta(minutes=before), ZoneInfo(zone)
    upcoming = next_slot(cron, where, since)
    assert upcoming is not None

    due = due_slot(cron, where, since, upcoming + timedelta(minutes=late))

    assert due is not None
    assert due >= upcoming


@pytest.mark.parametrize(
    ("cron", "what"),
    [
        pytest.param("0 0 30 2 *", "never comes", id="30 February"),
        pytest.param("30 2 * * 6", "use mon to sun", id="a weekday by its number"),
        pytest.param("30 2 * * 1-5", "use mon to sun", id="weekdays by their numbers"),
        pytest.param("99 2 * * *", "is higher than the maximum", id="a minute that there is not"),
        pytest.param("sometimes", "Wrong number of fields", id="no schedule"),
    ],
)
def test_a_schedule_that_would_not_do_what_it_says_is_refused(cron: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        check_cron(cron)


@pytest.mark.parametrize("cron", ["0 3 29 2 *", "0 3 29 2 mon", "*/5 * * * mon-fri/2", "30 2 1 * *"])
def test_a_rare_or_stepped_schedule_is_one(cron: str) -> None:
    check_cron(cron)
