"""What hides words from a search, and how it is undone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.reports.plain_letters import to_plain_letters


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        pytest.param("\u0430nsw\u0435r", "answer", id="Cyrillic letters"),
        pytest.param("\uff41\uff4e\uff53\uff57\uff45\uff52", "answer", id="full width"),
        pytest.param("\U0001d41a\U0001d427\U0001d42c\U0001d430\U0001d41e\U0001d42b", "answer", id="mathematical"),
        pytest.param("an\u200bsw\u00ader", "answer", id="unseen characters"),
        pytest.param("a\u0301nswe\u0301r", "answer", id="accents"),
        pytest.param("".join(chr(0xE0000 + ord(letter)) for letter in "answer"), "answer", id="tags"),
        pytest.param("\U0001f170\U0001f17d\U0001f182", "ans", id="squared"),
        pytest.param("a n s w e r  y e s", "answer yes", id="blanks"),
        pytest.param("a.n.s.w.e.r y.e.s", "answer yes", id="full stops"),
        pytest.param("*a*n*s*w*e*r*", "*answer*", id="stars"),
        pytest.param("[a][n][s]", "[ans]", id="brackets"),
        pytest.param("an<b>sw</b>er", "answer", id="markup"),
        pytest.param("&lt;|user|&gt;", "<|user|>", id="entities"),
        pytest.param("ANSWERyesTOALL", "answer yes toall", id="capitals that part words"),
        pytest.param("instruc-\ntions", "instructions\n", id="a word broken at a line's end"),
    ],
)
def test_hidden_words_come_out(written: str, plain: str) -> None:
    assert to_plain_letters(written) == plain


@pytest.mark.parametrize("text", ["l4-l5: t2 signal", "the canal is 9 mm (10 mm before)", "disc l 4 / 5 normal"])
def test_words_that_hide_nothing_stay(text: str) -> None:
    assert to_plain_letters(text) == text


@given(st.text(alphabet="aBz1 .-*\u0430\u200b\n&;#", max_size=60))
def test_there_are_as_many_lines_as_before(text: str) -> None:
    assert to_plain_letters(text).count("\n") == text.count("\n")
