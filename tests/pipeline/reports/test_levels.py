"""Which disc levels a text names, and where."""

import pytest

from pipeline.reports.levels import find_levels, level_beside


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("L4_L5 is dry", {"L4-L5"}),
        ("L4L5 and L5S1", {"L4-L5", "L5-S1"}),
        ("bulge at L5/SI", {"L5-S1"}),
        ("L5/S 1 level", {"L5-S1"}),
        ("L1-2 through L3-4 negative", {"L1-L2", "L2-L3", "L3-L4"}),
        ("from L5-S1 up to L3-4", {"L3-L4", "L4-L5", "L5-S1"}),
        ("L3/4, 4/5 and 5/1", {"L3-L4", "L4-L5", "L5-S1"}),
        ("L2/L3 L5/S1", {"L2-L3", "L5-S1"}),
        ("L3/L4/&L4/5", {"L3-L4", "L4-L5"}),
        ("at the lumbosacral junction", {"L5-S1"}),
        ("L4-5 7 mm protrusion", {"L4-L5"}),
        ("slip of L4 5 mm", set()),
        ("lesions of L2 and L5", set()),
        ("L2 on L5", set()),
        ("T1/T2 weighted images", set()),
    ],
)
def test_levels_are_found_as_people_write_them(text: str, levels: set[str]) -> None:
    assert {level for mention in find_levels(text) for level in mention.levels} == levels


def test_a_mention_tells_where_it_stands() -> None:
    (mention,) = find_levels("tight at L4/5 today")

    assert "tight at L4/5 today"[mention.start : mention.end] == "L4/5"


@pytest.mark.parametrize(
    ("level", "step", "beside"),
    [("L4-L5", -1, "L3-L4"), ("L4-L5", 1, "L5-S1"), ("T12-L1", 1, "L1-L2"), ("L5-S1", 1, None), ("C2-C3", -1, None)],
)
def test_the_level_beside_is_none_beyond_the_ends(level: str, step: int, beside: str | None) -> None:
    assert level_beside(level, step) == beside
