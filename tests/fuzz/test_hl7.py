"""Mutated trouble cases through the HL7 reader: no crash, no hang, memory in bounds."""

import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.hl7_target import TOKENS, Reached, seeds, try_stream

SEEDS = seeds()
SLOWEST_SECONDS = 2.0
MOST_MEMORY = 64 * 1024 * 1024


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A trouble case with pieces cut out, put in, doubled, or taken from another case."""
    data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(0, 6))):
        place, length = draw(st.integers(0, len(data))), draw(st.integers(0, 60))
        piece = draw(
            st.sampled_from(TOKENS)
            | st.binary(max_size=8)
            | st.just(data[place : place + length])
            | st.sampled_from(SEEDS).map(lambda seed: seed[10:200])
        )
        data = data[:place] + piece + data[place + draw(st.sampled_from([0, 1, length])) :]
    return data


def run(examples: int) -> Reached:
    reached = Reached()

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(data=mutated())
    def survive(data: bytes) -> None:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        began = time.thread_time()
        try_stream(data, reached)
        assert time.thread_time() - began < SLOWEST_SECONDS
        _, peak = tracemalloc.get_traced_memory()
        assert peak - before < MOST_MEMORY  # of this input, since what Hypothesis remembers of all of them grows

    survive()
    return reached


def test_mutated_cases_are_read_or_refused() -> None:
    reached = run(300)

    assert reached.text > reached.inputs / 4


@pytest.mark.long
def test_five_thousand_mutated_cases_are_read_or_refused() -> None:
    tracemalloc.start()
    try:
        reached = run(5000)
    finally:
        tracemalloc.stop()

    assert reached.inputs >= 5000
    assert reached.text > reached.inputs / 4


@pytest.mark.parametrize(
    "piece",
    [
        b"OBR|1||||||||||||||||||||||||||||P^F\r",
        b"ORC|RE\r",
        b"OBX|1|TX|||<p\r",
        b"OBX|1|TX|||{\\E\\rtf1 {\r",
        b"OBX|1|TX|||\\X0D\\\\C2842\\\\M2442\\\r",
        b"~",
        b"NTE|1||x\r",
        b"PID|1||7^^^A^MR\r",
        b'<b a="x" ',
        b"\nMSH|",
    ],
)
def test_a_message_of_one_piece_repeated_is_read_in_time_that_grows_with_its_length(piece: bytes) -> None:
    head = b"MSH|^~\\&|A|B|||2026||ORU^R01|1|P|2.5\rPID|1||7^^^A^MR\rOBR|1||A\rOBX|1|TX|||"

    def seconds(size: int) -> float:
        began = time.thread_time()
        try_stream(b"\x0b" + head + b"\r" * (piece[:1].isupper()) + piece * (size // len(piece)) + b"\x1c\r", Reached())
        return time.thread_time() - began

    # The best of some, since a collection of what all other tests left may come in the middle.
    short, long = (min(seconds(size) for _ in range(3)) for size in (50_000, 200_000))
    assert long < 8 * short + 0.5, (short, long)
