"""Disc levels as reports write them: styles, lists and ranges."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from config.conditions import DISC_LEVELS

LEVELS_OF = {
    "lumbar": tuple(level for level in DISC_LEVELS if level.startswith("L")),
    "cervical": tuple(level for level in DISC_LEVELS if level.startswith("C") and level != "C2-C3"),
    "thoracic": DISC_LEVELS[DISC_LEVELS.index("T5-T6") : DISC_LEVELS.index("T12-L1")],
}
_ASKED, _OTHERS = {"L3-L4": 22, "L4-L5": 30, "L5-S1": 28}, 9
"""How often a level is drawn: the last three lumbar ones, which are asked about, more often than others."""
_STYLES = ("{a}/{d}", "{a}-{d}", "{a}-{b}", "{a}/{b}", "{a} - {b}", "{a} / {b}", "{a}{d}")
_WEIGHTS = (30, 28, 22, 14, 3, 2, 1)


class LevelStyle(NamedTuple):
    """How one report writes its levels."""

    pattern: str
    thoracic_letter: str


def draw_style(draw: random.Random) -> LevelStyle:
    """Choose a style for a report."""
    return LevelStyle(draw.choices(_STYLES, _WEIGHTS)[0], draw.choice(["T", "T", "D"]))


def draw_levels(draw: random.Random, levels: Sequence[str], count: int) -> list[str]:
    """Choose different levels, in no order."""
    weights = [_ASKED.get(level, _OTHERS) for level in levels]
    chosen: list[str] = []
    while len(chosen) < count:
        level = draw.choices(levels, weights)[0]
        if level not in chosen:
            chosen.append(level)
    return chosen


def level_name(level: str, style: LevelStyle, draw: random.Random) -> str:
    """Write one level; now and then in words or in another style, as dictated reports do."""
    if level == "L5-S1" and draw.random() < 0.05:
        return draw.choice(["the lumbosacral junction", "the lumbosacral disc"])
    pattern = style.pattern if draw.random() < 0.92 else draw.choice(_STYLES[:4])
    upper, lower = level.split("-")
    digits = lower[1:] if upper[0] == lower[0] else lower
    text = pattern.format(a=upper, b=lower, d=digits)
    return text.replace("T", style.thoracic_letter) if level[0] == "T" and lower[0] == "T" else text


def levels_name(levels: Sequence[str], style: LevelStyle, draw: random.Random) -> str:
    """Write several levels, in order, as a list or, where they follow each other, as a range."""
    names = [level_name(level, style, draw) for level in levels]
    if len(names) == 1:
        return names[0]
    places = [DISC_LEVELS.index(level) for level in levels]
    in_a_row = places == list(range(places[0], places[0] + len(places)))
    if in_a_row and draw.random() < (0.6 if len(names) > 2 else 0.15):
        return draw.choice(_ranges(levels, names))
    joint = draw.choice([" and ", " & ", " and ", " &", "& ", " as well as "])
    return ", ".join(names[:-1]) + joint + names[-1]


def _ranges(levels: Sequence[str], names: Sequence[str]) -> list[str]:
    ranges = [f"{names[0]} to {names[-1]}", f"{names[0]} through {names[-1]}", f"{names[0]} down to {names[-1]}"]
    if len(levels) > 2:
        ranges.append(f"all levels from {levels[0].split('-')[0]} to {levels[-1].split('-')[1]}")
    if list(levels) == ["L3-L4", "L4-L5", "L5-S1"]:
        ranges += ["the lower three lumbar levels", "the last three discs"]
    if list(levels) == ["L4-L5", "L5-S1"]:
        ranges += ["the lower two lumbar levels", "the last two discs"]
    return ranges


def slots_of(level: str, written: str) -> dict[str, str]:
    """Give the slots of a phrase at a level; the traversing root is named by the lower vertebra."""
    upper, lower = level.split("-")
    return {"level": written, "upper": upper, "lower": lower, "root": lower, "vertebra": upper}
