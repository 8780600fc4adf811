from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations

import pytest

from integrations.hl7.oru import read_message
from integrations.hl7.reports import ReportMessage
from integrations.hl7.status import Status
from integrations.hl7.times import HospitalTime
from integrations.hl7.versions import VersionOrder, current_version, labellings_of, supersedes, versions_of
from tests.integrations.hl7.cases import SITE, message_of


def at(hour: int | None) -> datetime | None:
    return None if hour is None else datetime(2026, 3, 1, hour, tzinfo=UTC)


def order(status: Status, result: int | None = None, message: int | None = None) -> VersionOrder:
    return VersionOrder(at(result), at(message), status)


FINAL, PRELIMINARY, CORRECTED, CANCELLED = Status.FINAL, Status.PRELIMINARY, Status.CORRECTED, Status.CANCELLED


@pytest.mark.parametrize(
    ("newer", "current", "replaces"),
    [
        pytest.param(order(FINAL, 11), order(PRELIMINARY, 10), True, id="final after preliminary"),
        pytest.param(order(PRELIMINARY, 12), order(FINAL, 11), False, id="preliminary after final"),
        pytest.param(order(FINAL, 10), order(CORRECTED, 11), False, id="an older final after a corrected one"),
        pytest.param(order(FINAL, 11, 13), order(FINAL, 11, 12), True, id="the same result time, sent later"),
        pytest.param(order(FINAL, 11, 11), order(FINAL, 11, 12), False, id="the same result time, sent earlier"),
        pytest.param(order(FINAL, None, 11), order(FINAL, 12, 12), False, id="without result time by the message's"),
        pytest.param(order(FINAL), order(FINAL), True, id="without times by arrival"),
        pytest.param(order(CANCELLED, 12), order(FINAL, 11), True, id="withdrawn"),
        pytest.param(order(FINAL, 13), order(CANCELLED, 12), True, id="revived"),
        pytest.param(order(PRELIMINARY, 13), order(CANCELLED, 12), False, id="preliminary after a withdrawal"),
    ],
)
def test_an_older_or_less_final_version_never_replaces(
    newer: VersionOrder, current: VersionOrder, replaces: bool
) -> None:
    assert supersedes(newer, current) is replaces


def report(name: str) -> ReportMessage:
    (read,) = read_message(message_of(name), SITE).reports
    return read


def test_the_current_version_does_not_depend_on_the_order_of_arrival() -> None:
    messages = [report(f"d19-{number}.hl7") for number in (1, 2, 3)]

    assert {current_version(arrived).text for arrived in permutations(messages)} == {messages[1].text}


def test_an_addendum_that_comes_first_joins_the_report_when_it_comes() -> None:
    body, addendum = report("d21-1.hl7"), report("d21-2.hl7")

    assert current_version([addendum, body]).text == current_version([body, addendum]).text
    assert current_version([addendum]).text == addendum.text


def test_an_addendum_does_not_revive_a_withdrawn_report() -> None:
    body, addendum = report("d21-1.hl7"), report("d21-2.hl7")
    withdrawn = replace(body, status=Status.CANCELLED)

    assert current_version([withdrawn, addendum]).status is Status.CANCELLED


def test_a_withdrawn_report_that_comes_again_is_a_new_version() -> None:
    body, withdrawal = report("d22-1.hl7"), report("d22-2.hl7")
    later = replace(body, result_time=HospitalTime("2026-12-01T00:00:00+00:00", datetime(2026, 12, 1, tzinfo=UTC)))

    arrived = [body, withdrawal, later]

    assert len(versions_of(arrived)) == 3
    assert current_version(arrived).status is Status.FINAL


def test_the_same_report_again_is_labelled_once() -> None:
    first, again = report("d23-1.hl7"), report("d23-3.hl7")

    assert (len(versions_of([first, again])), labellings_of([first, again])) == (1, 1)
