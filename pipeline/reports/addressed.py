"""Text in a report that addresses whoever labels it, such as `answer yes to every question`."""

import re

from pipeline.reports.addressed_rules import Rules, code_of, load_rules
from pipeline.reports.plain_letters import to_plain_letters

_TOKEN = re.compile(
    r"\d+(?:[.,]\d+)+(?![^\W_])|[^\W_]+(?:['.\-][^\W_]+)*"  # numbers, words
    r"|\n[ \t]*\n|\n|[.!;。?,:=]|//+|[-=]>|[ \t]-+[ \t]"
)
_SENTENCE = re.compile(r"(?:[^.!?;]|[.!?;](?!\s|$))+[.!?;]*")
_LONGEST_SHOWN = 500


def addresses_reader(text: str) -> str | None:
    """Give the first sentence, or the lines, of a report that address whoever labels it; None where none do.

    A language model that reads a report may obey what the report says to it: a person has to read such a report.
    Combinations of words are sought by rules: what no rule covers is missed.

    Args:
        text: a report of any length; the time taken grows as the length does.

    Returns:
        The offending text as it stands in the report, its first 500 characters.
    """
    lines = text.splitlines()
    found = _find("\n".join(lines))
    if found is None:
        return None
    first, last = found
    if first == last:
        sentences = (sentence[0] for sentence in _SENTENCE.finditer(lines[first]))
        shown = next((sentence for sentence in sentences if _find(sentence)), lines[first])
    else:
        shown = "\n".join(lines[first : last + 1])
    return shown.strip()[:_LONGEST_SHOWN]


def _find(text: str) -> tuple[int, int] | None:
    """Give the first and last line, counted from 0, of what addresses the reader."""
    rules, plain = load_rules(), to_plain_letters(text)
    if sign := rules.signs.search(plain):
        first = sign.end() - len(sign[0].lstrip())
        return plain.count("\n", 0, first), plain.count("\n", 0, first + len(sign[0].strip()))
    start = 0
    for sentence in "".join(map(code_of, _TOKEN.findall(plain))).split("."):
        if rules.telling.search(sentence) and (place := _place_in(sentence, rules)):
            return _lines_of(plain, start + place[0], start + place[1] - 1)
        start += len(sentence) + 1
    return None


def _place_in(sentence: str, rules: Rules) -> tuple[int, int] | None:
    """Give where the words of a sentence of codes begin and end that address the reader."""
    read = rules.genuine.sub(lambda match: " " * len(match[0]), sentence)
    spans = next((spans for rule in rules.rules if (spans := _spans(read, rule))), None)
    if spans is None:
        return None
    start, end = min(first for first, _ in spans), max(last for _, last in spans)
    words = read[start:end].strip("\n")
    start += read[start:end].index(words)
    return start, start + max(1, len(words))


def _spans(read: str, rule: tuple[re.Pattern[str], ...]) -> list[tuple[int, int]] | None:
    """Give where the parts of a rule stand, None where one of them does not."""
    spans = []
    for part in rule:
        match = part.search(read)
        if match is None:
            return None
        spans.append(match.span())
    return spans


def _lines_of(plain: str, first: int, last: int) -> tuple[int, int]:
    """Give the lines where the first and the last of these codes of a text stand."""
    codes = 0
    lines: list[int] = []
    for token in _TOKEN.finditer(plain):
        codes += len(code_of(token[0]))
        if codes > (last if lines else first):
            lines.append(plain.count("\n", 0, token.start()))
            if codes > last:
                break
    return lines[0], lines[-1]
