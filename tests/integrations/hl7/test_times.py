from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.hl7.times import read_time

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
    ],
)
def test_a_time_is_as_precise_as_it_was_sent(sent: str, iso: str) -> None:
    time = read_time(sent, UTC)

    assert time is not None
    assert time.iso == iso


@pytest.mark.parametrize(
    "sent", ["", "soon", "20261320", "20260230", "2026030125", "197", "00000101", "1970010\N{FULLWIDTH DIGIT TWO}"]
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
