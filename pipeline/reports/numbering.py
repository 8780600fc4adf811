"""Words by which a report says that its vertebrae are numbered in an unusual way."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import yaml

from pipeline.reports.rule_reader import embedded_cues
from pipeline.reports.rule_scopes import Scopes, one_of

_BULLET = re.compile(r"\s*(?:[-*\u2022\u00b7>]+(?!\d)|\(?\d{1,2}[.)](?!\d)|\(?[a-e]\))\s")
_LABEL = re.compile(r"\s*[\w/ -]{2,40}:")
_UNFINISHED = re.compile(
    r"(?:[,:/-]|\b(?:the|a|an|of|and|or|at|with|to|in|on|by|no|not|without|is|are|from|for|\w+ing))$"
)
_CAPITALISED = re.compile(r"[A-Z][a-z]|[A-Z] ")
_SENTENCE_END = re.compile(r"(?<=[.;!?])\s+")
_REACH = 300  # characters, so that no text takes long; few sentences are longer
_HYPHENS = dict.fromkeys(range(0x2010, 0x2016), "-")


def unusual_numbering(text: str) -> str | None:
    """Give the words by which a report numbers its vertebrae in an unusual way; None where it does not.

    Such a report speaks of a transitional, missing or additional vertebra, or says that it counted from above: levels
    that are counted up from the sacrum may then have other names than the report gives them. Only a denial takes that
    away: what a spine was like before, it is like today.
    """
    words = _words()
    for sentence in _sentences(text):
        read = words.usual.sub(lambda match: "#" * len(match[0]), sentence)
        for match in words.unusual.finditer(read):
            clause, start = _clause_around(sentence, match.start(), match.end())
            if not words.scopes.deny(clause, match.start() - start, match.end() - start):
                return " ".join(match[0].split())
    return None


def _sentences(text: str) -> Iterator[str]:
    """Cut a report into sentences in small letters, all white space a blank.

    A line's end inside a sentence stays where the next line may be a thought of its own: `no fracture`, newline,
    `Sacralization of L5`. What is named may lie across it, what is denied may not.
    """
    for paragraph in re.split(r"\n\s*\n", text.translate(_HYPHENS).replace("\r\n", "\n").replace("\r", "\n")):
        lines = [re.sub(r"\s+", " ", line).strip() for line in paragraph.strip().split("\n")]
        joined = lines[0] + "".join(f"{_between(before, line)}{line}" for before, line in pairwise(lines))
        for part in joined.split("\0"):
            yield from _SENTENCE_END.split(part.lower())


def _between(before: str, line: str) -> str:
    """Give what stands for a line's end: a blank where the line was wrapped, NUL where another item begins."""
    if _BULLET.match(f"{line} ") or _LABEL.match(line):
        return "\0"
    if _UNFINISHED.search(before.lower()):
        return " "
    return "\n" if _CAPITALISED.match(line) or (line.isupper() and " " in line) else " "


def _clause_around(sentence: str, start: int, end: int) -> tuple[str, int]:
    """Give the part of a sentence in which a denial reaches what stands from `start` to `end`, and where it begins.

    Commas end it, but for those of a list: `no fracture, lysis or transitional vertebra`.
    """
    nearest = max(0, start - _REACH)
    first = max(nearest, sentence.rfind("\n", nearest, start) + 1)
    clause = sentence[first:end] + sentence[end : end + _REACH].partition("\n")[0]
    if re.search(r"\bn?or\b", clause):
        return clause, first
    comma = clause.rfind(",", 0, start - first) + 1
    return clause[comma:], first + comma


@dataclass(frozen=True)
class _Words:
    """What names an unusual numbering, what only looks like it, and what denies it."""

    unusual: re.Pattern[str]
    usual: re.Pattern[str]
    scopes: Scopes


@cache
def _words() -> _Words:
    words = yaml.safe_load(Path(__file__).with_name("numbering.yaml").read_text(encoding="utf-8"))
    unusual, usual = (
        one_of([pattern.replace(" ", r"\s") for pattern in words[kind]]) for kind in ("unusual", "look_alike")
    )
    return _Words(unusual, usual, Scopes({**embedded_cues(), **words["scopes"]}))
