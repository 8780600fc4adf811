"""Which slips of spelling are put right, and which words are left as they are."""

import pytest

from pipeline.reports.spelling import put_right, slips_between


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("comressing", "compressing"),
        ("stensois", "stenosis"),
        ("heniation", "herniation"),
        ("spondylolithesis", "spondylolisthesis"),
        ("metastsis", "metastasis"),
        ("mild protruion at l4/5", "mild protrusion at l4/5"),
    ],
)
def test_a_misspelt_deciding_word_is_put_right(written: str, meant: str) -> None:
    assert put_right(written) == meant


@pytest.mark.parametrize(
    "word",
    ["extension", "exclusion", "impression", "comprises", "decompression", "depression", "containing", "comparing"],
)
def test_an_english_word_near_a_deciding_one_is_left_alone(word: str) -> None:
    assert put_right(word) == word


@pytest.mark.parametrize(
    ("one", "other", "slips"),
    [("disc", "disc", 0), ("disc", "dics", 1), ("disc", "dis", 1), ("disc", "disk", 1), ("disc", "cord", 3)],
)
def test_slips_are_counted_up_to_one_more_than_the_most(one: str, other: str, slips: int) -> None:
    assert slips_between(one, other, most=2) == slips
