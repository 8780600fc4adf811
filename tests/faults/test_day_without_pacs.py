"""A day without a PACS, in minutes."""

from pathlib import Path

import pytest

from service.store.states import DeliveryState
from tests.faults.away import BACK, day_without_pacs

STUDIES = 40


@pytest.mark.long
@pytest.mark.timeout(600)
def test_after_a_day_without_a_pacs_it_gets_every_report_once_and_none_was_given_up(tmp_path: Path) -> None:
    away = day_without_pacs(tmp_path, STUDIES)

    assert away.states == {DeliveryState.DELIVERED: STUDIES}
    assert away.at_pacs == away.written
    assert len(set(away.written)) == STUDIES
    assert away.attempts_while_away < STUDIES
    assert away.longest_wait < BACK
    assert away.ledger_closed
