"""Where a report speaks of a condition or a level, by rules over its words."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

from config.conditions import Condition
from pipeline.reports.levels import LUMBAR_LEVELS, find_levels
from pipeline.reports.sections import Sections, split_sections


@dataclass(frozen=True)
class Mention:
    """What a report says of one condition, at one level or anywhere.

    `sentence` is the one that decides, from the conclusion where that speaks of it; None where the report is silent.
    `hedge` is the wording that leaves it open there; None where it is settled.
    """

    sentence: str | None
    hedge: str | None


class ReportText:
    """A report read once for the mentions of many conditions. The history says what was asked, so it does not count."""

    def __init__(self, text: str) -> None:
        self.text = text
        sections = split_sections(text)
        self._sentences = _sentences(sections)
        self._regions = _regions(sections.title)
        self.holds_findings = bool(self._sentences)

    def mention(self, condition: Condition, level: str | None = None) -> Mention:
        """Find the sentence that speaks of a condition; at a level, the one that names both, else the level."""
        terms = _terms_of(condition)
        speaking = [sentence for sentence in self._sentences if terms.are_in(sentence)]
        if level is not None and speaking:
            at_level = [sentence for sentence in self._sentences if level in levels_named(sentence)]
            speaking = [sentence for sentence in at_level if sentence in speaking] or at_level
        if not speaking:
            return Mention(None, None)
        hedges = [_HEDGE.search(sentence) for sentence in speaking]
        hedge = hedges[0] if all(hedges) else None
        settled = speaking[0] if hedge else speaking[hedges.index(None)]
        return Mention(settled, hedge[0].strip() if hedge else None)

    def as_written(self, sentence: str) -> str | None:
        """Give the report's sentence that is nearest to one in other spelling; None where none is near."""
        by_letters = {written.lower(): written for written in self._sentences}
        nearest = get_close_matches(sentence.lower(), by_letters, n=1)
        return by_letters[nearest[0]] if nearest else None

    def shows(self, level: str) -> bool:
        """Tell whether the examined region holds the level: the title says so, is silent, or the text names it."""
        if not self._regions or not self._regions.isdisjoint(_REGIONS_OF[level[0]]):
            return True
        return any(level in levels_named(sentence) for sentence in self._sentences)


def levels_named(sentence: str) -> frozenset[str]:
    """Give the disc levels that a sentence names: `L4/5`, `L4-L5`, `L4 on L5`, ranges like `L2 to S1`, `all levels`."""
    named = {level for mention in find_levels(sentence) for level in mention.levels}
    if _EVERY_LEVEL.search(sentence):
        named.update(LUMBAR_LEVELS)
    return frozenset(named)


def places_of(condition: Condition, sentence: str) -> list[tuple[int, int]]:
    """Give start and end of each word that speaks of a condition where a sentence has all words of its name, else none.

    Words of the same family stand for each other, but not their opposites (`patent` for `stenosis`).
    """
    words = [(match[0].lower(), match.span()) for match in re.finditer(r"[A-Za-z]+", sentence)]
    found: list[tuple[int, int]] = []
    for family in _families_of(condition):
        places = [place for word, place in words if any(_holds([word], stem) for stem in family)]
        if not places:
            return []
        found += places
    return sorted(found)


_EVERY_LEVEL = re.compile(
    r"(?i)\b(?:all|every|each|multi|other|remaining|multiple)[ -]?(?:lumbar |disc )*levels?\b|\bthroughout\b"
)
_HEDGE = re.compile(
    r"""(?ix)\?+ | \bquery\b | \bpossibl[ey]\b | \bprobabl[ey]\b | \b(?:un)?likely\b | (?<!no[ ])\bsuspicious\b |
    \bsuspected\b | \b(?:may|might|could)[ ](?:be|represent|reflect)\b | \bcannot[ ]be[ ]excluded\b |
    \bto[ ](?:be[ ]exclude|exclude|rule[ ]out)d?\b | \br/o\b | \bequivocal\b | \bindeterminate\b | \bquestionable\b |
    \bcorrelat(?:e|ion)[ ]with\b | \bmostly\b | \bcan(?:not|[ ]not|'t)[ ](?:tell|say|be[ ](?:sure|certain))\b |
    \b(?:not|un)[ ]?(?:clear|certain|sure)[ ](?:whether|if)\b | \bwhether\b | \bno[ ]confident\b |
    \bprevents?[ ]a[ ]confident\b | \bcould[ ]equally\b"""
)
_REGIONS_OF = {"C": {"cervical"}, "T": {"thoracic"}, "L": {"lumbar"}}


def _regions(title: str) -> frozenset[str]:
    """Give the regions that a title names; none where it names no region or the whole spine."""
    words = title.lower()
    if re.search(r"\bwhole|\btotal|\bentire", words):
        return frozenset()
    patterns = {
        "cervical": r"cervic|\bc[ -/]spine|\bc/",
        "thoracic": r"thorac|dorsal|\bt[ -/]spine|/t\b",
        "lumbar": r"lumb|\bl[ -/]spine|\bl/?s\b|\blss\b|/l\b",
    }
    return frozenset(region for region, pattern in patterns.items() if re.search(pattern, words))


def _sentences(sections: Sections) -> list[str]:
    """Cut what the report states into sentences, the conclusion first; a label line stays with what it labels."""
    found: list[str] = []
    for body in (sections.addendum, sections.conclusion, sections.findings):
        lines = re.sub(r":[ \t]*\n", ": ", body)
        found += [part.strip() for part in re.split(r"\n|/{2,}|(?<=[.;!?])\s+(?=[A-Z0-9(?-])", lines)]
    return [sentence for sentence in found if re.search(r"\w", sentence)]


class _Terms(NamedTuple):
    """Word stems of a condition: all of `named` must stand in a sentence, and one of `telling` where there are any."""

    named: frozenset[str]
    telling: frozenset[str]

    def are_in(self, sentence: str) -> bool:
        words = re.findall(r"[a-z]+", sentence.lower())
        return all(_holds(words, stem) for stem in self.named) and (
            any(_holds(words, stem) for stem in self.telling) or bool(self.named and _NORMAL.search(sentence))
        )


_NORMAL = re.compile(r"(?i)\b(?:normal|unremarkable|intact|free|clear|preserved)\b")


def _holds(words: list[str], stem: str) -> bool:
    """Long stems count inside a word, since "anterolisthesis" is a slip too."""
    return any(stem in word if len(stem) > 5 else word.startswith(stem) for word in words)


@cache
def _lexicon() -> dict[str, list[str]]:
    lexicon: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("lexicon.yaml").read_text(encoding="utf-8"))
    return lexicon


@cache
def _terms_of(condition: Condition) -> _Terms:
    """Draw the words that speak of a condition from its names and the first clause of its definition."""
    named = _content_words(condition.asked_as)
    anatomy = frozenset(stem for stem in _lexicon()["anatomy"] if any(word.startswith(stem) for word in named))
    sources = (condition.name, condition.asked_as, condition.definition.split(";")[0])
    words = {word for source in sources for word in _content_words(source)}
    telling: set[str] = set()
    for word in words:
        if any(word.startswith(stem) for stem in _lexicon()["anatomy"]):
            continue
        rows = [row for row in _lexicon()["same"] if any(stem in word for stem in row)]
        telling.update(*rows) if rows else telling.add(_stem(word))
    return _Terms(anatomy, frozenset(telling))


@cache
def _families_of(condition: Condition) -> tuple[frozenset[str], ...]:
    """Give for each word of a condition's name the stems that can stand for it; opposites are none."""
    families = []
    for word in sorted(_content_words(condition.name) | _content_words(condition.asked_as)):
        anatomy = [stem for stem in _lexicon()["anatomy"] if word.startswith(stem)]
        rows = [row for row in _lexicon()["same"] if any(stem in word for stem in row)]
        stems = anatomy or [stem for row in rows for stem in row] or [_stem(word)]
        families.append(frozenset(stems).difference(_lexicon()["opposite"]))
    return tuple(families)


def _content_words(text: str) -> set[str]:
    words = re.findall(r"[a-z]{3,}", text.lower())
    return {word for word in words if not any(word.startswith(stem) for stem in _lexicon()["everyday"])}


def _stem(word: str) -> str:
    """Cut an English ending where four letters stay."""
    return re.sub(r"(?<=\w{4})(?:ations?|ions?|ings?|ments?|ical|ic|ed|es|s|y)$", "", word)
