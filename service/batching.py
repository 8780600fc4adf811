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

    `answer` gives one answer per request, in order; what it raises is raised to everyone in the batch.
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
            try:
                answers = self._answer([asked for asked, _ in batch])
            except Exception as error:  # noqa: BLE001  # it belongs to those who asked
                for _, future in batch:
                    future.set_exception(error)
            else:
                for (_, future), answered in zip(batch, answers, strict=True):
                    future.set_result(answered)
