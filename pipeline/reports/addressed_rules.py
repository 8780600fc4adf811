"""The rules by which text that addresses a report's reader is found, as regular expressions over codes of words.

A text is written with one character for each word or sign, so that a rule sees words as an expression sees letters.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from pipeline.reports.plain_letters import to_plain_letters

_OTHER, _NUMBER, _FIRST_WORD = " ", "9", 0xE000
_SIGNS = {"\n": "\n", "?": "?", ",": ",", ":": ":", "=": ":", "->": ":", "=>": ":"}
_BUILT_IN = {
    "START": r"(?:^|(?<=[:?,\n]))",
    "END": r"(?:(?=[:?,\n])|$)",
    "LAST": "$",
    "COLON": ":",
    "COMMA": ",",
    "QUESTIONMARK": r"\?",
    "NUMBER": _NUMBER,
}
_ITEM = re.compile(
    r"~(?P<gap>\d) ?|(?P<name>[A-Z_]{2,})|(?P<word>[a-z][a-z0-9]*|[01])| *(?P<meta>\(\?<?[=!]|[()|]) *| +"
)
_DIGITS_ONLY = re.compile(r"\d+(?:[.,]\d+)*")
_JOINT = re.compile(r"[.\-']")
_SHORTENED = {"re": "are", "ll": "will", "ve": "have", "d": "would", "m": "am"}
_DIGITS = tuple(str.maketrans("01345789", f"o{one}eastbg") for one in "il")
LONGEST_KEPT = 64
"""Characters of a word whose code is kept; a word of megabytes would fill the memory with few of its kind."""


@dataclass(frozen=True)
class Rules:
    """What is sought.

    Attributes:
        signs: signs of a conversation with a model, in a text of plain small letters.
        codes: the character of each known word.
        telling: any word that not every report has; a sentence without one need not be read further.
        genuine: codes of words that mean nothing of the kind in reports.
        rules: codes of what addresses a reader; the parts of one rule may stand anywhere in one sentence.
        misspelt: known words by themselves and by what they become without one of their letters.
        glued: words by which letters without blanks between them are parted.
    """

    signs: re.Pattern[str]
    codes: dict[str, str]
    telling: re.Pattern[str]
    genuine: re.Pattern[str]
    rules: tuple[tuple[re.Pattern[str], ...], ...]
    misspelt: dict[str, str]
    glued: re.Pattern[str]


@cache
def load_rules() -> Rules:
    """Read the rules that stand beside this module."""
    given = yaml.safe_load(Path(__file__).with_name("addressed.yaml").read_text(encoding="utf-8"))
    codes = _codes(given)
    names = _BUILT_IN | {name: _any_of(words.split(), codes) for name, words in given["classes"].items()}
    for name, part in given["parts"].items():
        names[name] = f"(?:{_expand(part, names, codes)})"
    return Rules(
        signs=re.compile("|".join([*given["signs"], *map(re.escape, to_plain_letters(given["stems"]).split())])),
        codes=codes,
        telling=re.compile(_any_of(sorted(codes.keys() - set(given["quiet"].split())), codes)),
        genuine=re.compile("|".join(_expand(rule, names, codes) for rule in given["genuine"])),
        rules=tuple(
            tuple(re.compile(_expand(part.strip(), names, codes)) for part in rule.split("&"))
            for rule in (*given["rules"], *given["together"])
        ),
        misspelt={key: word for word in given["misspelt"].split() for key in _less_one(word)},
        glued=re.compile("|".join(sorted(given["glued"].split(), key=len, reverse=True))),
    )


def code_of(token: str) -> str:
    """Give the character of a word or sign, `.` for what ends a sentence; several for a word that hides several."""
    return _known_code(token) if len(token) <= LONGEST_KEPT else _code(token)


@lru_cache(maxsize=16384)
def _known_code(token: str) -> str:
    return _code(token)


def _code(token: str) -> str:
    if token in _SIGNS:
        return _SIGNS[token]
    if not token[0].isalnum():
        return ":" if token.strip() and "-" in token else "."
    known = load_rules().codes
    if _DIGITS_ONLY.fullmatch(token):
        return known.get(token, _NUMBER)
    return "".join("." if word == "." else known.get(word, _OTHER) for word in _words_of(token))


def _words_of(token: str) -> list[str]:
    """Give the words that a written word stands for: itself, or what it hides."""
    rules = load_rules()
    if token in rules.codes:
        return [token]
    if not token.isalnum():
        together = _JOINT.sub("", token)
        if together in rules.codes:
            return [together]
        return [word for part in _apart(token) for word in ([part] if part == "." else _words_of(part))]
    if not token.isalpha():
        return [next((read for digits in _DIGITS if (read := token.translate(digits)) in rules.codes), token)]
    if 4 < len(token) < 20:
        for key in _less_one(token):
            if key in rules.misspelt:
                return [rules.misspelt[key]]
    if len(token) > 11:
        return rules.glued.sub(lambda part: f" {part[0]} ", token).split()
    return [token]


def _apart(token: str) -> list[str]:
    """Part a token at its signs, but let a full stop stand; `you're` and its like are two words."""
    if token.count(".") > 2:
        token = token.replace(".", "-")
    parts = re.split(r"(\.)|-|'", token.replace("n't", "-not"))
    return [_SHORTENED.get(part, part) for part in parts if part]


def _less_one(word: str) -> tuple[str, ...]:
    """Give a word and all that it becomes without one of its letters; two words a slip apart share one of these."""
    return (word, *(word[:place] + word[place + 1 :] for place in range(len(word))))


def _codes(given: dict[str, Any]) -> dict[str, str]:
    words = {word for listed in (*given["classes"].values(), given["well_spelt"]) for word in listed.split()}
    for rule in (*given["parts"].values(), *given["genuine"], *given["rules"], *given["together"]):
        words |= {item["word"] for item in _ITEM.finditer(rule) if item["word"]}
    return {word: chr(_FIRST_WORD + place) for place, word in enumerate(sorted(words))}


def _any_of(words: list[str], codes: dict[str, str]) -> str:
    return f"[{''.join(codes[word] for word in words)}]"


def _expand(rule: str, names: dict[str, str], codes: dict[str, str]) -> str:
    """Turn a rule into a regular expression over codes, in which a line may break between any two words."""

    def expanded(item: re.Match[str]) -> str:
        if item["gap"]:
            return rf"(?:[^?\n]\n?){{0,{item['gap']}}}"
        if item["name"]:
            return names[item["name"]]
        if item["word"]:
            return codes[item["word"]]
        if not item["meta"]:
            return r"\n?"
        meta = "(?:" if item["meta"] == "(" else item["meta"]
        before = r"\n?" if item[0].startswith(" (") else ""
        return before + meta + (r"\n?" if item[0].endswith(") ") else "")

    return _ITEM.sub(expanded, rule)
