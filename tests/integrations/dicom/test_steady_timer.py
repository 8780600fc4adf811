"""The timers of associations."""

import time

import pytest
from pynetdicom.timer import Timer

from integrations.dicom.steady_timer import SteadyTimer
from tests.waiting import wait_until


@pytest.fixture(params=[-86400, 86400], ids=["set back", "set forward"])
def jump(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> object:
    """Set the clock by a day when called."""
    now = time.time
    return lambda: monkeypatch.setattr(time, "time", lambda: now() + request.param)


def test_a_clock_that_is_set_ends_no_association_and_keeps_none(jump: object) -> None:
    timer, theirs = SteadyTimer(30), Timer(30)
    for each in (timer, theirs):
        each.start()
    assert callable(jump)

    jump()

    assert not timer.expired
    assert 29 < timer.remaining <= 30
    assert not 29 < theirs.remaining <= 30


def test_it_expires_after_its_time_and_not_once_it_was_stopped_before() -> None:
    running, stopped, endless = SteadyTimer(0.01), SteadyTimer(0.01), SteadyTimer(None)
    for each in (running, stopped, endless):
        each.start()
    stopped.stop()
    wait_until(lambda: running.expired, "its time to be over")

    assert [each.expired for each in (running, stopped, endless)] == [True, False, False]
