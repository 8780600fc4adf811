import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.batching import Batcher
from tests.waiting import wait_until


def test_requests_that_wait_together_are_answered_together_each_with_its_own_answer() -> None:
    batches: list[list[int]] = []
    first_is_under_way, go_on = threading.Event(), threading.Event()

    def double(numbers: Sequence[int]) -> list[int]:
        batches.append(list(numbers))
        first_is_under_way.set()
        go_on.wait(10)
        return [2 * number for number in numbers]

    batcher = Batcher(double, largest=8)
    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(batcher.ask, 0)
        first_is_under_way.wait(10)
        others = [threads.submit(batcher.ask, number) for number in range(1, 9)]
        wait_until(lambda: batcher._waiting.qsize() == 8, "all to have asked")
        go_on.set()
        answers = [first.result(10), *(other.result(10) for other in others)]

    assert answers == [2 * number for number in range(9)]
    assert [len(batch) for batch in batches] == [1, 8]


def test_a_failure_reaches_those_in_its_batch_and_the_next_are_answered() -> None:
    def fail_on_zero(numbers: Sequence[int]) -> list[int]:
        return [1 // number for number in numbers]

    batcher = Batcher(fail_on_zero, largest=1)

    with pytest.raises(ZeroDivisionError):
        batcher.ask(0)
    assert batcher.ask(1) == 1


def test_one_request_that_cannot_be_answered_costs_no_other_in_its_batch() -> None:
    first_is_under_way, go_on = threading.Event(), threading.Event()

    def invert(numbers: Sequence[int]) -> list[float]:
        first_is_under_way.set()
        go_on.wait(10)
        return [1 / number for number in numbers]

    batcher = Batcher(invert, largest=8)
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(batcher.ask, 1)
        first_is_under_way.wait(10)
        others = [threads.submit(batcher.ask, number) for number in (2, 0, 4)]
        wait_until(lambda: batcher._waiting.qsize() == 3, "all to have asked")
        go_on.set()

        assert [first.result(10), others[0].result(10), others[2].result(10)] == [1, 0.5, 0.25]
        with pytest.raises(ZeroDivisionError):
            others[1].result(10)
