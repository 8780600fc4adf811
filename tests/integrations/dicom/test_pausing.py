"""Holding up the second thread of an association, also in the moment in which it passes."""

import sys
import time
from collections.abc import Iterator

import pytest
from pynetdicom import AE
from pynetdicom.association import Association

from integrations.dicom.pausing import PausePoint

TIMES = 3000


class Passing(Association):
    """The second thread of an association, which does nothing but pass the point and count that."""

    def __init__(self) -> None:
        super().__init__(AE("PASSING"), "requestor")
        self.point = PausePoint(self)
        self.passed = 0

    def run(self) -> None:
        while not self._kill:
            self.point.wait()
            self.passed += 1


@pytest.fixture
def often_changed_threads() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("often_changed_threads")
def test_a_thread_that_is_held_up_passes_no_more() -> None:
    thread = Passing()
    thread.start()
    moved = 0
    for _ in range(TIMES):
        thread.point.clear()
        before = thread.passed
        time.sleep(0)  # gives way to the other thread
        moved += thread.passed - before
        thread.point.set()
    thread._kill = True
    thread.join(10)

    assert moved == 0
    assert thread.passed > 0
    assert not thread.is_alive()


def test_a_thread_that_has_ended_is_not_waited_for() -> None:
    thread = Passing()
    thread._kill = True
    thread.start()
    thread.join(10)

    thread.point.clear()

    assert not thread.is_alive()
