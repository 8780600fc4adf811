"""Where a text names disc levels, as people write them."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from config.conditions import DISC_LEVELS

LUMBAR_LEVELS = tuple(level for level in DISC_LEVELS if level.startswith("L"))


class LevelMention(NamedTuple):
    """A stretch of a text that names levels: one (`L4/5`), several (`L3/4/5`) or a range (`L2-3 to L5-S1`)."""

    start: int
    end: int
    levels: frozenset[str]


def find_levels(text: str) -> list[LevelMention]:
    """Find every stretch that names disc levels, in order; vertebrae alone (`L4`) and sizes (`L4 5 mm`) are none.

    A pair without its letter counts right after another (`L3/4, 4/5 and 5/1`).
    """
    found: list[LevelMention] = []
    for match in _CHAIN.finditer(text):
        if match["junction"]:
            found.append(LevelMention(match.start(), match.end(), frozenset({_JUNCTIONS[match["junction"].lower()]})))
            continue
        levels = set(_levels_of_chain(match[0]))
        if levels and not (levels == {"T1-T2"} and _IMAGE_WEIGHTING.match(text, match.end())):
            found.append(LevelMention(match.start(), match.end(), frozenset(levels)))
            found += _bare_pairs_after(text, match.end(), region=match[0].lstrip()[0].upper())
    return found


def level_beside(level: str, step: int) -> str | None:
    """Give the level `step` discs further down (up where negative); None beyond the spine's ends."""
    place = DISC_LEVELS.index(level) + step
    return DISC_LEVELS[place] if 0 <= place < len(DISC_LEVELS) else None


_VERTEBRAE = [level.split("-")[0] for level in DISC_LEVELS] + ["S1"]
_JUNCTIONS = {"lumbosacral": "L5-S1", "lumbo-sacral": "L5-S1", "thoracolumbar": "T12-L1", "cervicothoracic": "C7-T1"}
_STEP = r"""\s*[-\u2013\u2014/_\\]+\s*(?:[ctdls]\s?)?(?:\d{1,2}(?!\d|[.,]\d|\s?(?:mm|cm|%))|(?<=[-/\s])si\b)
    | \s*\b(?:(?:down|up)\s+to|to|thr(?:ough|u)|until|on|onto|over|upon)\s+(?:the\s+)?[ctdls]\s?\d{1,2}
    | \s?[ctdls]\s?\d{1,2}(?!\d)"""
_CHAIN = re.compile(
    rf"""(?ix) (?: (?<![a-z\d])[ctdl] | (?<=[a-z])(?-i:[CTDL]) ) [ ]?\d{{1,2}} (?:{_STEP}){{1,5}}
    | \b(?P<junction>lumbo-?sacral|thoracolumbar|cervicothoracic)[ ](?=junction|level|dis[ck]\b)"""
)
_VERTEBRA = re.compile(r"(?i)(?P<sep>.*?)(?P<letter>[ctdls]?)\s?(?P<number>\d{1,2})")
_BARE_PAIR = re.compile(
    r"(?i)(?:levels?|dis[ck]s?|,|&|\+|\band\b|\s)+(\d{1,2})[-/](s?\d{1,2})(?![\d/-]|[.,]\d|\s?(?:mm|cm|%|power))"
)
_IMAGE_WEIGHTING = re.compile(
    r"(?i)\W{0,3}(?:\w+\W+)?(?:weight|w\b|signal|imag|seq|hyper|hypo|bright|dark|intens|stir)"
)


def _levels_of_chain(chain: str) -> Iterable[str]:
    upper, pairs = "", 0
    for match in _VERTEBRA.finditer(re.sub(r"(?i)si\b", "S1", chain)):
        letter, number = match["letter"].upper().replace("D", "T"), match["number"]
        region = letter or ("S" if (upper, number) == ("L5", "1") else upper[:1])
        vertebra, separator = region + number, match["sep"].strip().lower()
        if upper:
            between = list(_between(upper, vertebra, either_way=separator.endswith(("to", "through", "thru"))))
            adjacent_only = not separator or separator in {"on", "onto", "over", "upon"}
            if not (adjacent_only and (pairs > 0 or len(between) > 1)):
                yield from between
            pairs = 0 if not separator and pairs else pairs + 1
        upper = vertebra


def _bare_pairs_after(text: str, start: int, region: str) -> Iterable[LevelMention]:
    while match := _BARE_PAIR.match(text, start):
        upper, lower = region.replace("D", "T") + match[1], match[2].upper().removeprefix("S")
        levels = frozenset(_between(upper, "S1" if upper == "L5" and lower == "1" else upper[0] + lower))
        if len(levels) != 1:
            return
        yield LevelMention(match.start(1), match.end(), levels)
        start = match.end()


def _between(upper: str, lower: str, *, either_way: bool = False) -> Iterable[str]:
    """Give the discs between two vertebrae; none where one does not exist or they stand the wrong way round."""
    if upper not in _VERTEBRAE or lower not in _VERTEBRAE:
        return []
    first, last = _VERTEBRAE.index(upper), _VERTEBRAE.index(lower)
    if either_way and first > last:
        first, last = last, first
    return DISC_LEVELS[first:last]
