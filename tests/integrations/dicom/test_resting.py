"""Two threads of an association: the one that sends waits for an answer that the other must leave alone."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from integrations.dicom.resting import Checkpoint


def test_a_sender_who_comes_while_the_other_thread_is_let_go_finds_it_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    association: Any = SimpleNamespace(_is_paused=True)
    checkpoint = Checkpoint(association)
    waited: list[bool] = []

    def let_go(_: threading.Event, timeout: float | None = None) -> bool:  # Event's own
        waited.append(association._is_paused)
        if len(waited) == 1:
            checkpoint.clear()  # the sender, who sees that the thread is paused
        else:
            checkpoint.set()  # the sender, who has the answer
        return True

    with monkeypatch.context() as patched:
        patched.setattr(threading.Event, "wait", let_go)
        assert checkpoint.wait()

    assert waited == [True, True]
    assert not association._is_paused


def test_a_sender_who_comes_later_sees_that_the_other_thread_goes_on() -> None:
    association: Any = SimpleNamespace(_is_paused=True)

    assert Checkpoint(association).wait()

    assert not association._is_paused
