"""Misspelt deciding words of reports, put right."""

import re
from collections.abc import Collection
from functools import cache, lru_cache
from pathlib import Path

import yaml

_WORD = re.compile(r"\b[a-z]{6,24}\b")


def put_right(text: str) -> str:
    """Replace words that are almost a deciding word by it, in a text of small letters: `comressing`, `stensois`.

    A word counts as almost another with the same first letter and one slip (a letter too many, too few, wrong or
    swapped), or two from nine letters on. Words that are English as they stand are left alone.
    """
    return _WORD.sub(lambda match: _right_word(match[0]), text)


def slips_between(one: str, other: str, most: int) -> int:
    """Count the letters added, left out, changed or swapped with their neighbour; `most + 1` stands for more.

    Source: the optimal string alignment distance, a restricted Damerau-Levenshtein distance.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        before, last, row = row, before, [i]
        for j, compared in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != compared))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == compared:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]


@lru_cache(maxsize=4096)
def _right_word(word: str) -> str:
    words = _words()
    if word in words["left_alone"]:
        return word
    best, fewest = word, 3
    for candidate in words[word[0]]:
        allowed = 2 if min(len(word), len(candidate)) >= 9 else 1
        slips = slips_between(word, candidate, min(allowed, fewest - 1))
        if slips <= allowed and slips < fewest:
            best, fewest = candidate, slips
    return best


@cache
def _words() -> dict[str, Collection[str]]:
    """Give the deciding words by their first letter, and under `left_alone` all words that need no look."""
    lists = yaml.safe_load(Path(__file__).with_name("spelling.yaml").read_text(encoding="utf-8"))
    deciding: list[str] = lists["deciding"]
    words: dict[str, Collection[str]] = {letter: [] for letter in "abcdefghijklmnopqrstuvwxyz"}
    for letter in words:
        words[letter] = [word for word in deciding if word[0] == letter]
    words["left_alone"] = frozenset(deciding) | frozenset(lists["left_alone"])
    return words
