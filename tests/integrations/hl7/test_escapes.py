import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.hl7.delimiters import STANDARD
from integrations.hl7.escapes import unescape


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(r"MRI: \MC2842\ normal.", id="a switch of five digits"),
        pytest.param(r"\C284\ normal.", id="a switch of three digits"),
        pytest.param(r"\X0\ normal.", id="half a byte"),
        pytest.param(r"\Zq7\ normal.", id="a sequence of somebody's own"),
        pytest.param(r"L4\L5", id="a lone escape character"),
    ],
)
def test_what_is_no_escape_sequence_stays_as_it_was_sent(value: str) -> None:
    assert unescape(value, STANDARD, "utf-8") == value


PIECES = st.sampled_from(["\\", "X", "C", "M", ".sp", "28", "4", "2", "F", "L4", " "])


@given(value=st.lists(PIECES, max_size=30).map("".join))
def test_whatever_stands_between_escape_characters_can_be_read(value: str) -> None:
    unescape(value, STANDARD, "utf-8")
