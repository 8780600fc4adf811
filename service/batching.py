"""One batcher for the language model: requests of several workers at the same time go through it together."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

BATCH_SECONDS = 5.0
"""A batch should not last longer, so that what comes in meanwhile waits seconds."""


@dataclass(frozen=True)
class Batches(Generic[Asked]):
    """How requests are put together.

    Attributes:
        largest: how many go together at most.
        alone: tells of a request whether it goes alone, as one does that may have ended the process before.
        begin: is called with each batch before the first try to answer it.
        clock: gives seconds that only grow.
    """

    largest: int
    alone: Callable[[Asked], bool] = lambda _: False
    begin: Callable[[Sequence[Asked]], None] = lambda _: None
    clock: Callable[[], float] = time.monotonic


class Batcher(Generic[Asked, Answered]):
    """Gathers what is asked for while the last batch is under way, and answers it in one call of `answer`.

    `answer` gives one answer per request, in order. Where it raises, the batch is halved until the request that cannot
    be answered stands alone, so that the failure reaches only who asked for it.
    """

    def __init__(self, answer: Callable[[Sequence[Asked]], Sequence[Answered]], batches: Batches[Asked]) -> None:
        self._answer = answer
        self._batches = batches
        self._seconds_each = BATCH_SECONDS / batches.largest
        self._waiting: queue.SimpleQueue[tuple[Asked, Future[Answered]]] = queue.SimpleQueue()
        self._next: tuple[Asked, Future[Answered]] | None = None
        threading.Thread(target=self._run, name="batcher", daemon=True).start()

    def ask(self, asked: Asked) -> Answered:
        """Give the answer; blocks until its batch is done."""
        future: Future[Answered] = Future()
        self._waiting.put((asked, future))
        return future.result()

    def _run(self) -> None:
        while True:
            batch = self._gather()
            started = self._batches.clock()
            try:
                self._batches.begin([asked for asked, _ in batch])
            except Exception as error:  # noqa: BLE001  # it belongs to whoever asked
                for _, future in batch:
                    future.set_exception(error)
                continue
            self._answer_all(batch)
            self._seconds_each = (self._batches.clock() - started) / len(batch)

    def _gather(self) -> list[tuple[Asked, Future[Answered]]]:
        """Take what waits, as much as can be answered in the time of a batch."""
        first = self._next or self._waiting.get()
        self._next = None
        batch = [first]
        in_time = int(BATCH_SECONDS / max(self._seconds_each, 0.001))
        while (
            len(batch) < min(self._batches.largest, in_time)
            and not self._batches.alone(first[0])
            and not self._waiting.empty()
        ):
            following = self._waiting.get()
            if self._batches.alone(following[0]):
                self._next = following
                break
            batch.append(following)
        return batch

    def _answer_all(self, batch: Sequence[tuple[Asked, Future[Answered]]]) -> None:
        try:
            answers = self._answer([asked for asked, _ in batch])
        except Exception as error:  # noqa: BLE001  # it belongs to whoever asked what cannot be answered
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            half = len(batch) // 2
            self._answer_all(batch[:half])
            self._answer_all(batch[half:])
        else:
            for (_, future), answered in zip(batch, answers, strict=True):
                future.set_result(answered)
