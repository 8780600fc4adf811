import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.batching import BATCH_SECONDS, Batcher, Batches
from tests.waiting import wait_until


def test_requests_that_wait_together_are_answered_together_each_with_its_own_answer() -> None:
    batches: list[list[int]] = []
    first_is_under_way, go_on = threading.Event(), threading.Event()

    def double(numbers: Sequence[int]) -> list[int]:
        batches.append(list(numbers))
        first_is_under_way.set()
        go_on.wait(10)
        return [2 * number for number in numbers]

    batcher = Batcher(double, Batches[int](8))
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

    batcher = Batcher(fail_on_zero, Batches[int](1))

    with pytest.raises(ZeroDivisionError):
        batcher.ask(0)
    assert batcher.ask(1) == 1


def test_one_request_that_cannot_be_answered_costs_no_other_in_its_batch() -> None:
    first_is_under_way, go_on = threading.Event(), threading.Event()

    def invert(numbers: Sequence[int]) -> list[float]:
        first_is_under_way.set()
        go_on.wait(10)
        return [1 / number for number in numbers]

    batcher = Batcher(invert, Batches[int](8))
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(batcher.ask, 1)
        first_is_under_way.wait(10)
        others = [threads.submit(batcher.ask, number) for number in (2, 0, 4)]
        wait_until(lambda: batcher._waiting.qsize() == 3, "all to have asked")
        go_on.set()

        assert [first.result(10), others[0].result(10), others[2].result(10)] == [1, 0.5, 0.25]
        with pytest.raises(ZeroDivisionError):
            others[1].result(10)


def test_a_batch_that_fails_is_halved_until_the_one_that_cannot_be_answered_stands_alone() -> None:
    tried: list[list[int]] = []
    first_is_under_way, go_on = threading.Event(), threading.Event()

    def invert(numbers: Sequence[int]) -> list[float]:
        first_is_under_way.set()
        go_on.wait(10)
        tried.append(list(numbers))
        return [1 / number for number in numbers]

    batcher = Batcher(invert, Batches[int](8))
    with ThreadPoolExecutor(9) as threads:
        asked = [threads.submit(batcher.ask, 1)]
        first_is_under_way.wait(10)
        for number in (1, 2, 3, 0, 5, 6, 7, 8):
            asked.append(threads.submit(batcher.ask, number))
            wait_until(lambda: batcher._waiting.qsize() == len(asked) - 1, "it to have asked")
        go_on.set()
        failed = [future.exception(10) is not None for future in asked]

    assert failed == [number == 4 for number in range(9)]
    assert tried[1:] == [[1, 2, 3, 0, 5, 6, 7, 8], [1, 2, 3, 0], [1, 2], [3, 0], [3], [0], [5, 6, 7, 8]]


def gathered(numbers: Sequence[int], batches: Batches[int]) -> list[int]:
    """Ask for all while the first is under way, and give the sizes of the batches."""
    sizes: list[int] = []
    first_is_under_way, go_on = threading.Event(), threading.Event()

    def answer(batch: Sequence[int]) -> Sequence[int]:
        sizes.append(len(batch))
        first_is_under_way.set()
        go_on.wait(10)
        return batch

    batcher = Batcher(answer, batches)
    with ThreadPoolExecutor(len(numbers)) as threads:
        first = threads.submit(batcher.ask, numbers[0])
        first_is_under_way.wait(10)
        others = []
        for number in numbers[1:]:
            others.append(threads.submit(batcher.ask, number))
            wait_until(lambda: batcher._waiting.qsize() == len(others), "it to have asked")
        go_on.set()
        for future in (first, *others):
            future.result(10)
    return sizes


def test_a_slow_model_gets_smaller_batches_so_that_live_work_waits_seconds() -> None:
    seconds = iter(range(0, 10_000, 2))  # the first request takes two seconds alone
    batches: Batches[int] = Batches(8, clock=lambda: float(next(seconds)))

    sizes = gathered(list(range(9)), batches)

    assert sizes[:2] == [1, int(BATCH_SECONDS / 2)]


def test_what_may_have_ended_the_process_before_goes_alone() -> None:
    assert gathered([0, 1, 2, 13, 3, 4], Batches(8, alone=lambda number: number == 13)) == [1, 2, 1, 2]


def test_a_batch_is_counted_before_it_is_tried() -> None:
    events: list[str] = []

    def answer(batch: Sequence[int]) -> Sequence[int]:
        events.append("answered")
        return batch

    Batcher(answer, Batches[int](8, begin=lambda batch: events.append(f"begun {batch}"))).ask(1)

    assert events == ["begun [1]", "answered"]
