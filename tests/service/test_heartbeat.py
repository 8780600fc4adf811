"""How roles tell that they live, and what is read from it."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from service import heartbeat
from service.endpoints import endpoint, last_sign
from service.heartbeat import SILENT_AFTER, Presence, is_silent, living_hosts, note_death
from service.store.columns import utc_now
from service.store.database import reading, writing
from service.store.states import RoleState
from service.store.tables import RoleRow
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.05)


def row(engine: Engine) -> RoleRow:
    with reading(engine) as session:
        return session.exec(select(RoleRow)).one()


def test_a_role_that_is_up_beats_in_its_row_and_its_file(engine: Engine, tmp_path: Path) -> None:
    presence = Presence(engine, tmp_path, "listen")
    presence.up(2575, lambda: True)
    first, sign = row(engine).beat, last_sign(tmp_path, "listen")

    wait_until(lambda: row(engine).beat > first and last_sign(tmp_path, "listen") != sign, "a beat")
    presence.end(RoleState.STOPPED)

    assert endpoint(tmp_path, "listen") == 2575
    assert row(engine).state == RoleState.STOPPED


def test_a_role_whose_work_has_ended_beats_no_more_though_its_process_runs(engine: Engine, tmp_path: Path) -> None:
    asked: list[int] = []

    def ended() -> bool:
        asked.append(1)
        return False

    presence = Presence(engine, tmp_path, "listen")
    presence.up(2575, ended)
    before = row(engine).beat

    wait_until(lambda: len(asked) > 3, "it to be asked whether it lives")
    presence.end(RoleState.DOWN)

    assert last_sign(tmp_path, "listen") is not None
    assert row(engine).beat - before < timedelta(seconds=5)


def test_a_role_is_silent_after_half_a_minute_unless_it_was_stopped(engine: Engine, tmp_path: Path) -> None:
    presence = Presence(engine, tmp_path, "work")
    presence.end(RoleState.UP)
    last = row(engine).beat

    assert not is_silent(row(engine), last + SILENT_AFTER)
    assert is_silent(row(engine), last + SILENT_AFTER + timedelta(seconds=1))
    assert is_silent(row(engine), last - timedelta(days=1))  # the clock was set back, and nothing has come since
    assert living_hosts(engine, "work", last) == {presence.host}
    assert living_hosts(engine, "work", last + 2 * SILENT_AFTER) == set()
    presence.end(RoleState.STOPPED)
    assert not is_silent(row(engine), last + timedelta(days=1))


def test_deaths_are_counted_and_the_reason_that_the_role_gave_stays(engine: Engine, tmp_path: Path) -> None:
    Presence(engine, tmp_path, "work").end(RoleState.DOWN, "The model folder lacks config.json.")
    note_death(engine, "work", row(engine).pid, "It ended with status 1.")
    assert (row(engine).restarts, row(engine).reason) == (1, "The model folder lacks config.json.")

    Presence(engine, tmp_path, "work").end(RoleState.UP)
    note_death(engine, "work", row(engine).pid, "It was ended by signal 9.")
    assert (row(engine).restarts, row(engine).reason) == (2, "It was ended by signal 9.")


def test_the_role_of_another_daemon_is_not_said_to_be_dead(engine: Engine, tmp_path: Path) -> None:
    Presence(engine, tmp_path, "work").end(RoleState.UP)

    note_death(engine, "work", row(engine).pid + 1, "It ended with status 1.")

    assert (row(engine).state, row(engine).restarts) == (RoleState.UP, 0)


def test_a_role_takes_the_place_of_one_on_a_machine_that_answers_no_more(engine: Engine, tmp_path: Path) -> None:
    long_ago = utc_now() - 2 * SILENT_AFTER
    with writing(engine) as session:
        session.add(RoleRow(role="work", host="old", pid=1, state=RoleState.UP, started=long_ago, beat=long_ago))

    presence = Presence(engine, tmp_path, "work")
    presence.end(RoleState.UP)

    assert row(engine).host == presence.host
