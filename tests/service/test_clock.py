"""The clock's jobs."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from service.log import configure_log
from service.roles.clock import start_jobs
from tests.waiting import wait_until


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    stop = threading.Event()
    yield stop
    stop.set()


def test_a_job_runs_at_the_start_however_seldom_it_is_due(stop: threading.Event) -> None:
    ran = []

    start_jobs([(lambda: ran.append("once a day"), timedelta(days=1))], configure_log("clock"), stop)

    wait_until(lambda: ran, "the job")


def test_a_job_that_fails_is_said_by_the_class_of_its_error_and_runs_again(
    capsys: pytest.CaptureFixture[str], stop: threading.Event
) -> None:
    tried = []

    def fail() -> None:
        tried.append(1)
        raise ValueError("CANARY")

    start_jobs([(fail, timedelta(seconds=0.05))], configure_log("clock"), stop)

    wait_until(lambda: len(tried) > 1, "the second round")
    said = capsys.readouterr().err
    assert "ValueError" in said
    assert "CANARY" not in said


def test_a_job_that_takes_long_holds_up_no_other_and_runs_no_second_time_beside_itself(stop: threading.Event) -> None:
    begun, others, go_on = [], [], threading.Event()

    def take_long() -> None:
        begun.append(1)
        go_on.wait(20)

    jobs = [(take_long, timedelta(seconds=0.01)), (lambda: others.append(1), timedelta(seconds=0.01))]
    start_jobs(jobs, configure_log("clock"), stop)

    wait_until(lambda: len(others) > 5, "rounds of the other")
    assert len(begun) == 1
    go_on.set()
    wait_until(lambda: len(begun) > 1, "the next round")
