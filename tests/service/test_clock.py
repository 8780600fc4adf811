"""The clock's jobs."""

from datetime import timedelta

import pytest

from service.log import configure_log
from service.roles import clock
from service.store.columns import utc_now
from tests.waiting import wait_until


def test_a_job_runs_at_the_start_however_long_that_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    monkeypatch.setattr(clock, "utc_now", lambda: utc_now() - timedelta(minutes=1))
    scheduler = clock.scheduled([(lambda: ran.append("once a day"), timedelta(days=1))], configure_log("clock"))

    scheduler.start()

    wait_until(lambda: ran, "the job")
    scheduler.shutdown()


def test_a_job_that_fails_is_said_by_the_class_of_its_error_and_runs_again(capsys: pytest.CaptureFixture[str]) -> None:
    tried = []

    def fail() -> None:
        tried.append(1)
        raise ValueError("CANARY")

    scheduler = clock.scheduled([(fail, timedelta(seconds=0.05))], configure_log("clock"))

    scheduler.start()

    wait_until(lambda: len(tried) > 1, "the second round")
    scheduler.shutdown()
    said = capsys.readouterr().err
    assert "ValueError" in said
    assert "CANARY" not in said
