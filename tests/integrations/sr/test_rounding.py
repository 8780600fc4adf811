import math

from hypothesis import example, given
from hypothesis import strategies as st

from integrations.sr.rounding import written_numbers


@given(st.floats(0, 1), st.floats(0, 1))
@example(1e-9, 5.6e-9)
@example(math.nextafter(1, 0), 1.0)
@example(0.49999, 0.5)
def test_what_is_written_gives_the_answer_that_was_given(probability: float, threshold: float) -> None:
    answer = probability >= threshold
    shown = written_numbers(probability, threshold, answer=answer)

    assert (shown[0] >= shown[1]) == answer


def test_four_decimals_are_written_where_they_do() -> None:
    assert written_numbers(0.123456, 0.5, answer=False) == (0.1235, 0.5)


def test_a_small_threshold_is_not_written_as_nothing() -> None:
    assert written_numbers(1.23456e-9, 5.6e-9, answer=False) == (1.235e-9, 5.6e-9)
