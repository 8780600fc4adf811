"""A second reader of reports: rules over its sentences, with no model."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from config.conditions import DISC_LEVELS, Condition
from pipeline.reports.levels import LUMBAR_LEVELS, find_levels
from pipeline.reports.mentions import places_of
from pipeline.reports.rule_scopes import Cues, Scopes, one_of
from pipeline.reports.rule_sentences import Sentence, read_sentences
from pipeline.reports.sections import split_sections


def read_by_rules(text: str, condition: Condition, level: str | None = None) -> bool:
    """Tell whether a report states a condition, at a level or anywhere, by rules over its words.

    What is hedged counts as stated; what is denied, past, asked for or advised does not. A condition without rules of
    its own is read by the words of its name and definition. An addendum corrects what stands before it.
    """
    return _reading_of(text).states(condition, level)


def sentence_by_rules(text: str, condition: Condition, level: str | None = None) -> str | None:
    """Give the sentence in which the rules find a condition, in small letters and with its spelling put right.

    One that states the condition comes before one that denies it.
    """
    return _reading_of(text).sentence_on(condition, level)


def rule_reader_knows(condition: Condition) -> bool:
    """Tell whether there are rules for this very condition, not only for its words."""
    return condition.name.lower() in _rules()


@dataclass(frozen=True)
class Statement:
    """One place where a report speaks of a condition. No levels where it names none."""

    sentence: Sentence
    levels: frozenset[str]
    is_denied: bool
    is_hedged: bool


class RuleReading:
    """A report read once for many questions."""

    def __init__(self, text: str) -> None:
        sections = split_sections(text)
        sentences, moved = _corrected(read_sentences(sections))
        self._sentences = tuple(_stating(sentences))
        self._moved_levels = moved
        self._named = frozenset(
            level
            for sentence in self._sentences
            if sentence.names_levels
            for stretch in sentence.stretches
            for level in stretch.levels
        )
        self._shows_lumbar = _shows_lumbar(sections.title, self._named)
        self._statements: dict[str, list[Statement]] = {}

    def sentence_on(self, condition: Condition, level: str | None = None) -> str | None:
        """Give the sentence that speaks of a condition, at a level or anywhere; None where none does."""
        found = [s for s in self._statements_on(condition) if level is None or level in s.levels]
        return min(found, key=lambda s: s.is_denied).sentence.text if found else None

    def states(self, condition: Condition, level: str | None = None) -> bool:
        """Tell whether the report states a condition, at a level or anywhere."""
        statements = self._statements_on(condition)
        stated = [s for s in statements if not s.is_denied and not _is_corrected(s, statements, level)]
        if level is None:
            settled = any(not s.is_hedged for s in stated)
            ruled_out = any(s.is_denied and s.sentence.section != "findings" and not s.levels for s in statements)
            in_conclusion = any(s.sentence.section != "findings" for s in stated)
            return bool(stated) and (settled or in_conclusion or not ruled_out)
        return any(level in statement.levels for statement in stated)

    def _statements_on(self, condition: Condition) -> list[Statement]:
        if condition.name not in self._statements:
            self._statements[condition.name] = self._find(condition)
        return self._statements[condition.name]

    def _find(self, condition: Condition) -> list[Statement]:
        rules = _rules().get(condition.name.lower())
        if rules is None:
            return [
                self._statement(sentence, 0, len(sentence.text), is_denied=_denied_throughout(sentence, condition))
                for sentence in self._sentences
                if places_of(condition, sentence.text)
            ]
        found: list[Statement] = []
        for sentence in self._sentences:
            if rules.any_found.search(sentence.text):
                found += self._statements_in(sentence, rules)
        return found

    def _statements_in(self, sentence: Sentence, rules: "_Rules") -> list[Statement]:
        scopes, found = embedded_scopes(), []
        text = rules.look_alike.sub(lambda match: "#" * len(match[0]), sentence.text)
        places = [match.span() for match in rules.found.finditer(text)]
        places += [(text.rindex(" ", 0, match.end()) + 1, match.end()) for match in rules.found_last.finditer(text)]
        for start, end in places:
            is_denied = scopes.deny(sentence.text, start, end)
            found.append(self._statement(sentence, start, end, is_denied=is_denied))
            exception = scopes.exception_behind(sentence.text, end) if is_denied else None
            if exception is not None and (excepted := find_levels(sentence.text[exception:])):
                levels = frozenset(level for mention in excepted for level in mention.levels)
                found.append(Statement(sentence, levels, is_denied=False, is_hedged=False))
        for stretch in sentence.stretches[1:] if found else ():
            told = text[stretch.start : stretch.end]
            is_graded = _ELLIPSIS.search(told) and not rules.any_found.search(told) and not _NORMAL.search(told)
            if is_graded or (not found[0].is_denied and _ONLY_PLACE.fullmatch(told)):
                found.append(Statement(sentence, stretch.levels, is_denied=False, is_hedged=False))
        return found

    def _levels_meant(self, sentence: Sentence, place: int) -> frozenset[str]:
        """Give the levels at a place, only the last or first of them after `the latter` or `the former`."""
        levels = sentence.levels_at(place)
        pointers = list(_POINTER.finditer(sentence.text, 0, place)) if len(levels) > 1 else []
        if not pointers:
            return levels
        in_order = sorted(levels, key=DISC_LEVELS.index)
        return frozenset(in_order[-1:] if pointers[-1][0] == "latter" else in_order[:1])

    def _statement(self, sentence: Sentence, start: int, end: int, *, is_denied: bool) -> Statement:
        levels = self._levels_meant(sentence, start)
        if not sentence.names_levels and self._shows_lumbar:
            if _OTHER_LEVELS.search(sentence.text):
                levels = frozenset(LUMBAR_LEVELS) - self._named
            elif _EVERY_LEVEL.search(sentence.text):
                levels = frozenset(LUMBAR_LEVELS)
            elif _MULTILEVEL.search(sentence.text):
                levels = frozenset() if self._named.intersection(LUMBAR_LEVELS) else frozenset(LUMBAR_LEVELS)
        if not levels:
            levels = _levels_of_root(sentence.text, start, end)
        if sentence.section != "addendum":
            levels = frozenset(self._moved_levels.get(level, level) for level in levels)
        return Statement(sentence, levels, is_denied, is_hedged=bool(_HEDGE.search(sentence.text)))


class _Rules(NamedTuple):
    any_found: re.Pattern[str]
    found: re.Pattern[str]
    found_last: re.Pattern[str]
    look_alike: re.Pattern[str]


_ELLIPSIS = re.compile(
    r"\b(?:minimal|minor|slight|mild|moderate|severe|marked|critical|also|worse|worst|similar\w*|likewise|lesser|greater|less|more)\b"
)
_NORMAL = re.compile(
    r"\b(?:no|not|none|nil|ok|fine|intact|negative|maintained|without|normal|patent|adequate|preserved|clear|free|unremarkable|bulg\w+|arthro\w+|hypertroph\w*|degenerat\w+|desiccat\w+|oedema|loss)\b"
)
_ONLY_PLACE = re.compile(
    r"(?:[\s,&()/.+-]|\b(?:and|at|the|levels?|also|both|left|right|lt|rt|sided?|central|centrally|para-?central|foraminal|"
    r"bilateral|bilaterally|sub-?articular|dis[ck]s?|on|[ctdls]?\d{1,2}|s1)\b)+"
)
_POINTER = re.compile(r"\b(?:latter|former)\b")
_OTHER_LEVELS = re.compile(r"\b(?:other|remaining|rest of the) (?:lumbar |disc )*levels?\b|\belsewhere\b")
_EVERY_LEVEL = re.compile(r"\b(?:all|every|each) (?:of the )?(?:lumbar |disc |these )*levels?\b|\bthroughout\b")
_MULTILEVEL = re.compile(r"\b(?:multi-?levels?|multiple levels|several levels)\b")
_HEDGE = re.compile(
    r"\?|\b(?:possibl[ey]|probabl[ey]|suspicious|suspected|may|might|could|indeterminate|equivocal|questionable|differential"
    r"|excluded|query|concerning|consider\w*)\b"
)
_ROOT = re.compile(
    r"(?P<which>exit\w*|travers\w*|descend\w*)?\s*(?:left|right|lt|rt|both)?\s*\(?(?P<root>[l][345]|s1)\)?\s+(?:spinal\s+|nerve\s+)*(?:roots?|nerves?|gangli\w+)"
)
_REPLACED = re.compile(
    r"^.*?\b(?:should|ought to|must|to)\s+(?:have\s+)?(?:instead\s+)?(?:read|be\s+read|say|state)\s*(?:as|:)?\s*"
)
_LEVEL_FOR_LEVEL = re.compile(r"^(?P<wrong>.*?)\b(?:should|must|to)\s+(?:read|be)\b(?P<right>.*)$")


def _is_corrected(stated: Statement, statements: Sequence[Statement], level: str | None) -> bool:
    """Tell whether an addendum denies what stands before it, at a level or for all that was stated."""
    if stated.sentence.section == "addendum":
        return False
    asked = stated.levels if level is None else {level}
    return any(
        s.is_denied and s.sentence.section == "addendum" and (not s.levels or (asked and asked <= s.levels))
        for s in statements
    )


def _stating(sentences: Sequence[Sentence]) -> Iterator[Sentence]:
    """Leave out what tells why the study was asked for or what to do next."""
    is_opening = True
    for place, sentence in enumerate(sentences):
        is_last = place == len(sentences) - 1
        is_opening = is_opening and not is_last and embedded_scopes().is_complaint(sentence.text)
        if not is_opening and not embedded_scopes().is_told_of(sentence.text):
            yield sentence


def _corrected(sentences: tuple[Sentence, ...]) -> tuple[tuple[Sentence, ...], dict[str, str]]:
    """Read `A should read B` as B, and tell which level was written for which."""
    kept: list[Sentence] = []
    moved: dict[str, str] = {}
    for sentence in sentences:
        swap = _LEVEL_FOR_LEVEL.match(sentence.text) if sentence.section == "addendum" else None
        wrong = find_levels(swap["wrong"]) if swap else []
        right = find_levels(swap["right"]) if swap else []
        if wrong and right and wrong[-1].levels != right[0].levels:
            if len(wrong[-1].levels) == len(right[0].levels) == 1:
                moved[min(wrong[-1].levels)] = min(right[0].levels)
            continue
        replaced = _REPLACED.match(sentence.text)
        if replaced:
            cut = replaced.end()
            stretches = tuple(
                s._replace(start=max(s.start - cut, 0), end=s.end - cut) for s in sentence.stretches if s.end > cut
            )
            sentence = Sentence(sentence.text[cut:], sentence.section, stretches, sentence.names_levels)
        kept.append(sentence)
    return tuple(kept), moved


def _shows_lumbar(title: str, named: frozenset[str]) -> bool:
    if re.search(r"(?i)lumb|\bl[ -.]*s?[ -.]*spine|\blss\b|whole|\bl/?s\b|sacr", title):
        return True
    if re.search(r"(?i)cervic|thorac|dorsal|\b[ctd][ -.]*spine", title):
        return False
    return not named or not named.isdisjoint(LUMBAR_LEVELS)


def _levels_of_root(text: str, start: int, end: int) -> frozenset[str]:
    """Infer the disc from the nerve root: a root is pressed in its canal above its foramen, or in the foramen."""
    match = _ROOT.search(text, max(0, start - 60), min(len(text), end + 60))
    if not match:
        return frozenset()
    if match["root"] == "s1":
        return frozenset({"L5-S1"})
    number = int(match["root"][1])
    if (match["which"] or "").startswith("exit"):
        return frozenset({f"L{number}-L{number + 1}" if number < 5 else "L5-S1"})
    return frozenset({f"L{number - 1}-L{number}"})


def _denied_throughout(sentence: Sentence, condition: Condition) -> bool:
    """Tell whether each word of a condition that has no rules of its own is denied in a sentence."""
    places = places_of(condition, sentence.text)
    return all(embedded_scopes().deny(sentence.text, start, end) for start, end in places)


@lru_cache(maxsize=128)  # more than are labelled at once, since who asks for labels may ask for the rules' as well
def _reading_of(text: str) -> RuleReading:
    return RuleReading(text)


@cache
def _read_file() -> dict[str, Any]:
    """Read the rules once, with the named word lists put in."""
    text = Path(__file__).with_name("rule_reader.yaml").read_text(encoding="utf-8")
    rules: dict[str, Any] = yaml.safe_load(text)
    words = {name.upper(): pattern.strip() for name, pattern in rules.pop("words").items()}

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [filled(entry) for entry in value]
        return re.sub("|".join(words), lambda match: words[match[0]], value)

    filled_rules: dict[str, Any] = filled(rules)
    return filled_rules


@cache
def _rules() -> dict[str, _Rules]:
    conditions = _read_file()["conditions"]
    return {
        name: _Rules(
            one_of([*rules["found"], *rules.get("found_last", ())]),
            one_of(rules["found"]),
            one_of(rules.get("found_last", ())),
            one_of(rules["look_alike"]),
        )
        for name, rules in conditions.items()
    }


@cache
def embedded_scopes() -> Scopes:
    """Give the denying and past-telling words that come with the rules, with their reach."""
    return Scopes(embedded_cues())


def embedded_cues() -> Cues:
    """Give the words that make up `embedded_scopes`, for a reader that changes some of them."""
    cues: Cues = _read_file()["scopes"]
    return cues
