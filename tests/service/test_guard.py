"""What becomes of work that fails, and of work that ends the process it runs in."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from config.errors import SpinelabelError
from pipeline.reports.errors import ServerAway
from service.errors import TryAgain
from service.guard import MOST_STARTS, Edge, Kept, forgive_stop, guarded
from service.log import configure_log
from service.store.database import reading, writing
from service.store.states import WorkState
from service.store.tables import Study
from tests.service.rows import add_study

KILLS_ITSELF = """
import os, signal, sys
from pathlib import Path
from tests.service.test_guard import perform_once
from service.store.database import open_database
perform_once(open_database(Path(sys.argv[1])), lambda *_: os.kill(os.getpid(), signal.SIGKILL))
"""


def fail(session: Session, subject: int, reason: str) -> None:
    study = session.get_one(Study, subject)
    study.images, study.images_reason = WorkState.FAILED, reason


def perform_once(engine: Engine, perform: Callable[[int, str], None]) -> None:
    edge = Edge(engine, configure_log("work"))
    guarded(edge, perform, Kept(Study, ("last_image",), fail, "images_starts"))(1, "read-1")


def study(engine: Engine) -> Study:
    with reading(engine) as session:
        return session.get_one(Study, 1)


def divide(*_: object) -> None:
    raise ZeroDivisionError("CANARY")


def test_our_own_errors_are_final_and_say_why(engine: Engine) -> None:
    def refuse(*_: object) -> None:
        raise SpinelabelError("The series is oblique.")

    add_study(engine)
    perform_once(engine, refuse)

    assert study(engine).images == WorkState.FAILED
    assert study(engine).images_reason.startswith("The series is oblique. Use `spinelabel retry`")


def test_what_may_pass_is_tried_again_and_given_up_after_some_times(engine: Engine) -> None:
    add_study(engine)
    for _ in range(MOST_STARTS - 1):
        with pytest.raises(TryAgain):
            perform_once(engine, divide)
        assert study(engine).images != WorkState.FAILED

    perform_once(engine, divide)

    assert study(engine).images == WorkState.FAILED


def test_a_language_server_that_is_away_is_waited_for_and_then_named(engine: Engine) -> None:
    def find_nobody(*_: object) -> None:
        raise ServerAway("The server does not answer.")

    add_study(engine)
    for _ in range(MOST_STARTS - 1):
        with pytest.raises(TryAgain):
            perform_once(engine, find_nobody)

    perform_once(engine, find_nobody)

    assert study(engine).images_reason.startswith("The server does not answer. Use `spinelabel retry`")


def test_an_error_that_passes_on_carries_no_value(engine: Engine) -> None:
    add_study(engine)
    with pytest.raises(TryAgain) as failure:
        perform_once(engine, divide)

    assert "CANARY" not in str(failure.value)
    assert failure.value.__cause__ is None


def test_success_after_failures_starts_the_count_anew(engine: Engine) -> None:
    add_study(engine)
    with pytest.raises(TryAgain):
        perform_once(engine, divide)
    assert study(engine).images_starts == 1

    perform_once(engine, lambda *_: None)

    assert study(engine).images_starts == 0


def test_work_that_kills_its_process_each_time_is_given_up_with_a_sentence(engine: Engine, tmp_path: Path) -> None:
    add_study(engine)
    for _ in range(MOST_STARTS):
        died = subprocess.run([sys.executable, "-c", KILLS_ITSELF, str(tmp_path)], check=False, capture_output=True)
        assert died.returncode == -signal.SIGKILL

    perform_once(engine, lambda *_: os.kill(os.getpid(), signal.SIGKILL))

    assert study(engine).images == WorkState.FAILED
    assert f"ended {MOST_STARTS} times" in study(engine).images_reason


def test_a_stop_in_the_middle_does_not_count(engine: Engine) -> None:
    add_study(engine)
    with writing(engine) as session:
        begun = session.get_one(Study, 1)
        begun.images, begun.images_starts = WorkState.QUEUED, 1

    forgive_stop(engine)

    assert study(engine).images_starts == 0
