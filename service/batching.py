"""One batcher for the language model: requests of several workers at the same time go through it together."""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class Batcher(Generic[Asked, Answered]):
    """Gathers what is asked for while the last batch is under way, and answers it in one call of `answer`.

    `answer` gives one answer per request, in order. Where it raises, each request of the batch is answered alone, so
    that the failure reaches only who asked for it.
    """

    def __init__(self, answer: Callable[[Sequence[Asked]], Sequence[Answered]], largest: int) -> None:
        self._answer = answer
        self._largest = largest
        self._waiting: queue.SimpleQueue[tuple[Asked, Future[Answered]]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="batcher", daemon=True).start()

    def ask(self, asked: Asked) -> Answered:
        """Give the answer; blocks until its batch is done."""
        future: Future[Answered] = Future()
        self._waiting.put((asked, future))
        return future.result()

    def _run(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while len(batch) < self._largest and not self._waiting.empty():
                batch.append(self._waiting.get())
            self._answer_all(batch)

    def _answer_all(self, batch: list[tuple[Asked, Future[Answered]]]) -> None:
        try:
            answers = self._answer([asked for asked, _ in batch])
        except Exception as error:  # noqa: BLE001  # it belongs to whoever asked what cannot be answered
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            for one in batch:
                self._answer_all([one])
        else:
            for (_, future), answered in zip(batch, answers, strict=True):
                future.set_result(answered)
