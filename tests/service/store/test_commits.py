"""What several threads write at one time, in one transaction."""

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, select

from service.store import database
from service.store.commits import Commits
from service.store.database import DATABASE, open_database, reading
from service.store.tables import Patient
from service.store.upgrade import upgrade_database
from tests.waiting import wait_until


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    upgrade_database(tmp_path)
    return open_database(tmp_path)


def adding(name: str) -> Callable[[Session], str]:
    def work(session: Session) -> str:
        session.add(Patient(identifier=name))
        session.flush()
        return name

    return work


def one_by_one(session: Session, works: Sequence[Callable[[Session], str]]) -> list[str]:
    return [work(session) for work in works]


def failing(session: Session) -> str:
    session.add(Patient(identifier="of the one that fails"))
    raise ZeroDivisionError


def identifiers(engine: Engine) -> set[str | None]:
    with reading(engine) as session:
        return set(session.exec(select(Patient.identifier)))


def write_together(engine: Engine, works: list[Callable[[Session], str]]) -> tuple[list[object], int]:
    """Bring works while another is written; give what each came back with, and how often was committed in all."""
    commits = Commits(engine, one_by_one)
    committed: list[None] = []
    event.listen(engine, "commit", lambda _: committed.append(None))
    first_is_under_way, go_on = threading.Event(), threading.Event()

    def slow(session: Session) -> str:
        first_is_under_way.set()
        go_on.wait(10)
        return adding("first")(session)

    with ThreadPoolExecutor(len(works) + 1) as threads:
        first = threads.submit(commits.write, slow)
        first_is_under_way.wait(10)
        others = [threads.submit(commits.write, work) for work in works]
        wait_until(lambda: len(commits._waiting) == len(works), "all to wait")
        go_on.set()
        assert first.result(10) == "first"
        outcomes: list[object] = [other.exception(10) or other.result(10) for other in others]
    return outcomes, len(committed)


def test_who_comes_while_another_writes_goes_into_the_next_transaction_with_all_who_wait(engine: Engine) -> None:
    outcomes, commits = write_together(engine, [adding(name) for name in "abcd"])

    assert outcomes == ["a", "b", "c", "d"]
    assert commits == 2
    assert identifiers(engine) == {"first", "a", "b", "c", "d"}


def test_what_fails_costs_nobody_else_and_leaves_nothing(engine: Engine) -> None:
    outcomes, _ = write_together(engine, [adding("a"), failing, adding("b")])

    assert [outcomes[0], type(outcomes[1]), outcomes[2]] == ["a", ZeroDivisionError, "b"]
    assert identifiers(engine) == {"first", "a", "b"}


def test_what_was_written_is_committed_when_its_writer_goes_on(engine: Engine) -> None:
    commits = Commits(engine, one_by_one)

    def write_and_look(name: str) -> bool:
        commits.write(adding(name))
        return name in identifiers(engine)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(write_and_look, [str(number) for number in range(64)]))


def test_a_database_that_another_holds_is_waited_for_once_by_all_who_write_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 1)
    upgrade_database(tmp_path)
    commits = Commits(open_database(tmp_path), one_by_one)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as other, ThreadPoolExecutor(6) as threads:
        other.execute("begin immediate")
        began = time.monotonic()
        writing = [threads.submit(commits.write, adding(name)) for name in "abcdef"]
        assert {type(each.exception(30)) for each in writing} == {OperationalError}
        took = time.monotonic() - began
        other.rollback()

    assert took < 5  # not a second for each
    assert commits.write(adding("g")) == "g"
