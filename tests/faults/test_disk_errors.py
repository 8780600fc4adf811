"""A disk that fails under live roles: what comes is refused with a reason, and taken once the fault is over."""

import json
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path

import psutil
import pytest
import yaml

from config.settings import load_settings
from service.daemon import Supervisor, supervise
from service.endpoints import endpoint, last_sign
from service.heartbeat import BEAT_SECONDS
from service.log import configure_log
from service.store.database import BUSY_SECONDS, DATABASE, open_database
from service.store.upgrade import upgrade_database
from tests.faults.accounts import Account, Thing, assert_sound, together, unnamed
from tests.faults.disks import loop_disk
from tests.faults.senders import CUT, MessageSender, Sending, line, messages, send_again
from tests.faults.sites import RECEIVING, receiving_site
from tests.faults.syscalls import injected
from tests.peers.daemon import Daemon
from tests.waiting import wait_until

TAKEN, REFUSED = {"0000", "AA"}, {"A700", "AR"}
THINGS = 8


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("site")
    with receiving_site(folder, folder / "data") as daemon:
        yield daemon


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.node.name)  # noqa: S311  # which bytes, not secrets


def send(daemon: Daemon, role: str, chance: random.Random) -> Account:
    """Send some things to a role on one connection, and give what was told of them."""
    sender, things = line(daemon, role, chance)
    account = Account()
    for thing in islice(things, THINGS):
        account.note(thing, sender.send(thing))
    sender.close()
    return account


def outlive(daemon: Daemon, role: str, fault: str, chance: random.Random) -> Account:
    """Send to a role while system calls of its fail, then again; gives what was told at first."""
    before = daemon.processes(*RECEIVING)
    with injected(daemon.pid(role), fault):
        account = send(daemon, role, chance)
    again = send_again(daemon, account.left)
    assert again.left == [], again.told
    assert_sound(daemon, (account + again).taken)
    assert daemon.processes(*RECEIVING) == before
    return account


@pytest.mark.parametrize(
    ("role", "fault"),
    [
        pytest.param("receive", "fsync:error=EIO", id="an object is not synchronised"),
        pytest.param("receive", "fsync:error=EIO:when=7+13", id="some folders and objects are not synchronised"),
        pytest.param("receive", "fdatasync:error=EIO", id="the rows of an object are not synchronised"),
        pytest.param("receive", "write:error=ENOSPC", id="an object is not written"),
        pytest.param("receive", "write:error=EIO:when=9+40", id="some writes of an object fail"),
        pytest.param("receive", "pwrite64:error=ENOSPC", id="there is no room for the rows of an object"),
        pytest.param("receive", "pwrite64:error=EIO:when=25+400", id="some writes of the rows of an object fail"),
        pytest.param("receive", "rename:error=EIO", id="an object does not get its name"),
        pytest.param("receive", "mkdir:error=ENOSPC", id="there is no room for a folder"),
        pytest.param("receive", "openat:error=EROFS:when=5+13", id="some files are not opened for want of writing"),
        pytest.param("receive", "openat:error=EMFILE:when=6+11", id="some files are not opened for too many are"),
        pytest.param("listen", "fdatasync:error=EIO", id="a message is not synchronised"),
        pytest.param("listen", "fdatasync:error=EIO:when=2+3", id="some messages are not synchronised"),
        pytest.param("listen", "pwrite64:error=ENOSPC", id="there is no room for a message"),
        pytest.param("listen", "pwrite64:error=EIO:when=25+400", id="some writes of a message fail"),
        pytest.param("listen", "pwrite64:error=EROFS:when=12+470", id="some writes of a message meet a read-only disk"),
    ],
)
def test_what_the_disk_does_not_take_is_refused_and_taken_by_the_same_roles_once_it_does(
    role: str, fault: str, site: Daemon, chance: random.Random
) -> None:
    account = outlive(site, role, fault, chance)

    print(f"{role} {fault}: {dict(account.told)}")  # noqa: T201
    assert set(account.told) <= TAKEN | REFUSED
    assert account.left != []
    assert unnamed(site.data) == []


@pytest.mark.parametrize(
    ("role", "fault"),
    [
        pytest.param("receive", "unlink:error=EIO", id="no file can be removed"),
        pytest.param("receive", "utimensat:error=EROFS", id="a role cannot say that it lives"),
        pytest.param("listen", "write:error=ENOSPC", id="there is no room for the log"),
    ],
)
def test_a_fault_that_keeps_nothing_from_being_stored_refuses_nothing(
    role: str, fault: str, site: Daemon, chance: random.Random
) -> None:
    account = outlive(site, role, fault, chance)

    assert set(account.told) <= TAKEN


def test_a_disk_that_turns_read_only_is_told_in_the_middle_and_at_start_and_nothing_is_lost_when_it_is_repaired(
    tmp_path: Path, chance: random.Random
) -> None:
    with loop_disk(tmp_path) as disk:
        data = disk.folder / "data"
        with receiving_site(tmp_path, data) as daemon:
            roles = daemon.processes(*RECEIVING)
            before = send(daemon, "receive", chance) + send(daemon, "listen", chance)
            disk.turn_read_only()
            account = send(daemon, "receive", chance) + send(daemon, "listen", chance)
            assert daemon.processes(*RECEIVING) == roles
        with receiving_site(tmp_path, data) as daemon:
            wait_until(lambda: "has become read-only" in daemon.log.read_text(), "the start to say why it fails")
        disk.repair()
        with receiving_site(tmp_path, data) as daemon:
            again = send_again(daemon, account.left)
            assert_sound(daemon, (before + account + again).taken)

    assert set(before.told) <= TAKEN
    assert set(account.told) <= REFUSED
    assert again.left == []


@pytest.mark.long
def test_a_database_that_another_program_holds_is_told_to_every_sender_and_waited_for_no_longer_than_a_minute(
    site: Daemon, chance: random.Random
) -> None:
    before = site.processes(*RECEIVING)
    lines = [line(site, role, chance) for role in RECEIVING * 3]
    with closing(sqlite3.connect(site.data / DATABASE)) as other, ThreadPoolExecutor(len(lines)) as threads:
        other.execute("begin immediate")
        began = time.monotonic()
        answers = list(threads.map(lambda line: _one(*line), lines))
        took = time.monotonic() - began
        other.rollback()
    account = together(answers)
    again = send_again(site, account.left)

    print(f"told within {took:.0f} s: {dict(account.told)}")  # noqa: T201
    assert set(account.told) <= REFUSED | {CUT}  # an association ends after its network timeout, which is a minute
    assert REFUSED & set(account.told)
    assert BUSY_SECONDS < took < 2 * BUSY_SECONDS + 15
    assert again.left == []
    assert_sound(site, again.taken)
    assert site.processes(*RECEIVING) == before


def _one(sender: Sending, things: Iterator[Thing]) -> Account:
    account = Account()
    thing = next(things)
    account.note(thing, sender.send(thing))
    sender.close()
    return account


@pytest.mark.long
def test_a_role_that_cannot_say_that_it_lives_for_its_disk_is_read_only_is_not_taken_for_a_hung_one(
    tmp_path: Path, chance: random.Random
) -> None:
    config = tmp_path / "site.yaml"
    stop = threading.Event()
    with loop_disk(tmp_path) as disk:
        config.write_text(yaml.safe_dump({"data": str(disk.folder / "data"), "hl7": {"port": 0}}))
        settings = load_settings(config)
        upgrade_database(settings.data)
        engine = open_database(settings.data)
        supervisor = Supervisor(settings, config, configure_log("serve"), engine, hung_seconds=1.5 * BEAT_SECONDS)
        thread = threading.Thread(target=supervise, args=(supervisor, ["listen"], stop))
        thread.start()
        try:
            wait_until(lambda: endpoint(settings.data, "listen") is not None, "the listener", 60)
            first = last_sign(settings.data, "listen")
            wait_until(lambda: last_sign(settings.data, "listen") != first, "a beat", 30)
            pid = json.loads((settings.data / "run" / "listen.json").read_text())["pid"]
            disk.turn_read_only()
            time.sleep(3 * BEAT_SECONDS)  # nothing may come of it

            assert psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
            assert MessageSender(endpoint(settings.data, "listen") or 0).send(next(messages(chance))) == "AR"
        finally:
            stop.set()
            thread.join(30)
            engine.dispose()
