"""A report's sections, found by its headings."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import yaml


@dataclass(frozen=True)
class Sections:
    """The text of each section without its heading; empty where the report has none.

    `title` is what stands before the first section, such as the name of the examination. Sections of the same kind are
    joined in their order.
    """

    title: str = ""
    history: str = ""
    technique: str = ""
    comparison: str = ""
    findings: str = ""
    conclusion: str = ""
    addendum: str = ""


def split_sections(text: str) -> Sections:
    """Split a report by its headings; without any, all of it but a title line is findings.

    Headings may stand alone on a line, in front of text, or after a sentence on the same line. Labels of levels
    (`L4-5:`), of structures (`Cord:`) and `NB:` are text.
    """
    joined: dict[str, list[str]] = {}
    for part in _parts(text):
        if body := _trimmed(text[part.body : part.end], line_ends_are_commas=":," in text):
            joined.setdefault(part.section, []).append(body)
    return Sections(**{section: "\n".join(bodies) for section, bodies in joined.items()})


def without_sections(text: str, leave_out: Collection[str]) -> str:
    """Give a report without the named sections and their headings; every other character stays as it is.

    Leaving out the history also leaves out what stands before the first heading, unless that only names the
    examination: reports that are not divided well tell the history there.
    """
    kept = []
    for part in _parts(text):
        untitled_history = (
            part.section == "title" and "history" in leave_out and not _names_examination(text[part.body : part.end])
        )
        if part.section not in leave_out and not untitled_history:
            kept.append(text[part.start : part.end])
    return "".join(kept).strip()


def cut_section(text: str, sections: Sequence[str]) -> tuple[str, str] | None:
    """Give the text of the first of the named sections that a report has under a heading, and the report without it.

    What is findings only because nothing else is headed so is no section here. None where the report has none of them.
    """
    parts = _parts(text)
    for section in sections:
        cut = [part for part in parts if part.section == section]
        bodies = [_trimmed(text[part.body : part.end], line_ends_are_commas=":," in text) for part in cut]
        if any(bodies) and any(part.body > part.start for part in cut):
            rest = "".join(text[part.start : part.end] for part in parts if part.section != section)
            return "\n".join(filter(None, bodies)), rest.strip()
    return None


class _Part(NamedTuple):
    """A stretch of the report: its heading from `start`, its text from `body` to `end`."""

    section: str
    start: int
    body: int
    end: int


class _Headings(NamedTuple):
    section_of: dict[str, str]
    pattern: re.Pattern[str]
    examination_names: frozenset[str]
    examination_words: frozenset[str]


@cache
def _headings() -> _Headings:
    """Read the headings once and put them into one pattern, the longest first."""
    lists = yaml.safe_load(Path(__file__).with_name("headings.yaml").read_text(encoding="utf-8"))
    examination = lists.pop("examination")
    section_of = {heading: section for section, headings in lists.items() for heading in headings}
    choices = "|".join(heading.replace(" ", "[ ]+") for heading in sorted(section_of, key=len, reverse=True))
    pattern = rf"""
        (?: ^[ \t]*(?:[#*_-]+[ \t]*)? | (?<=[.!?;)])\s+ | (?<=//)\s* | (?<=,) )
        (?P<heading>{choices}) (?:[ ]\d{{1,2}}(?=[ ]*:))?
        (?P<close>
            [ \t]*(?:\*\*|__)?[ \t]*:(?:\*\*|__)?,?
          | [ \t]*(?:\*\*|__)
          | [ \t]+[-\u2013\u2014](?=\s)
          | \.(?=\s)
          | [ \t]*$(?:\n[ \t]*[-=_~]{{3,}}[ \t]*$)?
          | (?=[ \t]+\S)
        )"""
    return _Headings(
        section_of,
        re.compile(pattern, re.IGNORECASE | re.MULTILINE | re.VERBOSE),
        frozenset(examination["names"]),
        frozenset(examination["words"]),
    )


def _parts(text: str) -> list[_Part]:
    """Cut the report into parts that cover all of it, in order."""
    headings = _headings()
    found = [match for match in headings.pattern.finditer(text) if _is_heading(match)]
    starts = [match.end() - len(match[0].lstrip()) for match in found] + [len(text)]
    parts = [_Part("title", 0, 0, starts[0])] if text[: starts[0]].strip() else []
    for match, (start, end) in zip(found, pairwise(starts), strict=True):
        section = headings.section_of[" ".join(match["heading"].lower().split())]
        parts += _split_at_examinations(text, _Part(section, start, match.end(), end))
    if any(part.section == "findings" for part in parts):
        return parts
    return _find_unheaded_findings(text, parts)


def _is_heading(match: re.Match[str]) -> bool:
    """Tell a heading from the same word in a sentence, by its place, its case and what follows it."""
    text, heading, close = match.string, match["heading"], match["close"].strip()
    line_start = text.rfind("\n", 0, match.start("heading")) + 1
    lead = text[line_start : match.start("heading")]
    if lead.endswith(","):
        return heading.isupper() and close == ":,"
    abbreviated = close == "." and (heading.isupper() or len(heading) <= 4)
    if lead.strip(" \t#*_-"):
        return heading[0].isupper() and (abbreviated or close[:1] in {":", "-", "\u2013", "\u2014"})
    if close == ".":
        return abbreviated
    if close and not close.startswith(("--", "==", "__", "~~")):
        return True
    followed = text[match.end() :].split("\n", 1)[0].split()
    if followed:
        return heading.isupper() and not followed[0].isupper()
    return heading[0].isupper()


def _split_at_examinations(text: str, part: _Part) -> list[_Part]:
    """Start a new title at each line inside a section that names another examination."""
    if part.section == "title":
        return [part]
    parts, start, body = [], part.start, part.body
    for line in re.finditer(r"(?m)^.+$", text[part.body : part.end]):
        if line.start() and _names_examination(line[0]):
            title_start, title_end = part.body + line.start(), part.body + line.end()
            parts.append(_Part(part.section, start, body, title_start))
            parts.append(_Part("title", title_start, title_start, title_end))
            part, start, body = part._replace(section="findings"), title_end, title_end
    return [*parts, _Part(part.section, start, body, part.end)]


def _find_unheaded_findings(text: str, parts: list[_Part]) -> list[_Part]:
    """Take as findings what stands without a heading of its own behind a title, history, technique or comparison.

    The section keeps its first paragraph, line or sentence: findings lost with a history are worse than history kept.
    """
    if parts and parts[0].section == "title":
        title_end = _title_end(text, parts[0])
        if text[title_end : parts[0].end].strip():
            head = [parts[0]._replace(end=title_end)] if title_end > parts[0].body else []
            return [*head, _Part("findings", title_end, title_end, parts[0].end), *parts[1:]]
    before = [i for i, part in enumerate(parts) if part.section in {"title", "history", "technique", "comparison"}]
    if not before:
        return parts
    last = parts[before[-1]]
    body = text[last.body : last.end]
    for own_words in (r"\s*\S(?s:.*?)\n[ \t]*\n", r"\s*\S[^\n]*\n", r"\s*\S[^\n]*?\.\s+(?=[A-Z])"):
        cut = re.match(own_words, body)
        if cut and body[cut.end() :].strip():
            middle = last.body + cut.end()
            split = [last._replace(end=middle), _Part("findings", middle, middle, last.end)]
            return [*parts[: before[-1]], *split, *parts[before[-1] + 1 :]]
    return parts


def _title_end(text: str, part: _Part) -> int:
    """Find where the examination's name ends: its line, or its first sentence, or at the start where there is none."""
    line = re.match(r"\s*[^\n]*", text[part.body : part.end])
    sentence = re.match(r"\s*[^\n.:]*[.:](?=\s)", text[part.body : part.end])
    for candidate in (line, sentence):
        if candidate and _names_examination(candidate[0]):
            return part.body + candidate.end()
    return part.body + line.end() if line and part.body > part.start else part.body


def _names_examination(line: str) -> bool:
    words = re.findall(r"[a-z]+", re.sub(r"\(.*?\)", "", line.lower()))
    headings = _headings()
    return (
        len(words) > 1
        and not headings.examination_names.isdisjoint(words)
        and headings.examination_words.issuperset(words)
    )


def _trimmed(body: str, *, line_ends_are_commas: bool) -> str:
    return body.strip().strip(",").strip() if line_ends_are_commas else body.strip()
