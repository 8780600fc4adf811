from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.hl7.times import offset_of, read_time

moments = st.datetimes(
    min_value=datetime(1900, 1, 1),
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@pytest.mark.parametrize(
    ("sent", "iso"),
    [
        ("1970", "1970"),
        ("197001", "1970-01"),
        ("19700102", "1970-01-02"),
        ("1970010203", "1970-01-02T03:00:00+00:00"),
        ("197001020304", "1970-01-02T03:04:00+00:00"),
        ("19700102030405.6", "1970-01-02T03:04:05.600+00:00"),
        ("19700102030405-0330", "1970-01-02T03:04:05-03:30"),
        (" 19700102 ", "1970-01-02"),
        ("19700102030405Z", "1970-01-02T03:04:05+00:00"),
        ("197001020304-08", "1970-01-02T03:04:00-08:00"),
        ("197001020304+05:30", "1970-01-02T03:04:00+05:30"),
        ("19701231240000", "1971-01-01T00:00:00+00:00"),
        ("20161231235960", "2017-01-01T00:00:00+00:00"),
        ("20161231185960-0500", "2016-12-31T19:00:00-05:00"),
        ("1970-01-02", "1970-01-02"),
        ("1970-01-02T03:04:05.25+01:00", "1970-01-02T03:04:05.250+01:00"),
        ("1970-01-02 03:04", "1970-01-02T03:04:00+00:00"),
    ],
)
def test_a_time_is_as_precise_as_it_was_sent(sent: str, iso: str) -> None:
    time = read_time(sent, UTC)

    assert time is not None
    assert time.iso == iso


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "soon",
        "20261320",
        "20260230",
        "2026030125",
        "197",
        "00000101",
        "00000000",
        "19700102240001",
        "197001020304+25:00",
        "1970/01/02",
        "1970010\N{FULLWIDTH DIGIT TWO}",
    ],
)
def test_what_is_no_time_is_none(sent: str) -> None:
    assert read_time(sent, UTC) is None


@given(moment=moments)
def test_any_moment_is_read_back(moment: datetime) -> None:
    time = read_time(moment.strftime("%Y%m%d%H%M%S.%f%z")[:26], UTC)

    assert time is not None
    assert time.earliest == moment


@given(value=st.text(max_size=24) | st.from_regex(r"[0-9]{4,16}([+-][0-9]{4})?", fullmatch=True))
def test_any_text_is_a_time_or_none(value: str) -> None:
    time = read_time(value, UTC)

    assert time is None or time.earliest.tzinfo is not None


@pytest.mark.parametrize(
    ("sent", "has_one"),
    [("20260301120000+0100", True), ("20260301120000Z", True), ("2026-03-01", False), ("20260301120000", False)],
)
def test_an_offset_is_told_from_a_date_with_hyphens(sent: str, has_one: bool) -> None:
    assert (offset_of(read_time(sent, UTC), sent) is not None) is has_one
