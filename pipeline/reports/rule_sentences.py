"""A report as the sentences that rules read: what is stated, spelling put right, with the levels each part is about."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.reports.levels import LUMBAR_LEVELS, LevelMention, find_levels, level_beside
from pipeline.reports.sections import Sections
from pipeline.reports.spelling import put_right


class Stretch(NamedTuple):
    """A stretch of a sentence that is about the same levels; no levels where it names none and none carry over."""

    start: int
    end: int
    levels: frozenset[str]


@dataclass(frozen=True)
class Sentence:
    """A sentence in small letters. `names_levels` is false where its levels carry over from an earlier one."""

    text: str
    section: str
    stretches: tuple[Stretch, ...]
    names_levels: bool

    def levels_at(self, place: int) -> frozenset[str]:
        """Give the levels that the sentence is about at a place in its text."""
        return next(
            stretch.levels for stretch in self.stretches if place < stretch.end or stretch.end >= len(self.text)
        )


def read_sentences(sections: Sections) -> tuple[Sentence, ...]:
    """Cut a report into sentences; the history, technique and comparison state nothing and are left out."""
    found: list[Sentence] = []
    if told := _EXAMINATION_TOLD.search(sections.history):
        found += _sentences_of(sections.history[told.end() :], "findings")
    for section in ("findings", "conclusion", "addendum"):
        found += _sentences_of(getattr(sections, section), section)
    if not found:
        found += _sentences_of(_untold(sections), "findings")
    return tuple(found)


# An examination named in front of its findings, on the line that the history stands on.
_EXAMINATION_TOLD = re.compile(
    r"(?i)\bMRI? (?:of the )?(?:(?:whole|lumbar|cervical|thoracic|lumbosacral|l|c|t)[ -])?spine\b\s*(?:[-:.]|\n)"
)
_LONGEST_SENTENCE = 600
_BULLET = re.compile(r"\s*(?:[-*\u2022\u00b7.>]+(?!\d)|\(?\d{1,2}[.)](?!\d)|\(?[a-e]\))\s*")
_ABBREVIATED = r"(?<!\bapprox)(?<!\blt)(?<!\brt)(?<!\bvs)(?<!\bcf)(?<!\be\.g)(?<!\bi\.e)(?<!\bdr)(?<!\bno)(?<!\bfig)"
_SENTENCE_END = re.compile(
    rf";+\s*|/{{2,}}\s*|(?:!+|\?+(?!\s*(?:no|none|nil|not)\b))\s+|(?<![\s\d]){_ABBREVIATED}(?<!\b[a-z])\.+\s+|(?<=\s)\.\s*(?=\D)|(?<=\d)\.+\s+(?=\D|\d[.)])"
    r"|(?<=[a-z]{4})\.(?=[a-z]{4})|(?<=\s)(?=\(?\d[.)]\s)"
)
_UNFINISHED = re.compile(r"(?:,|\b(?:the|a|an|of|and|or|at|with|to|in|on|by|no|without|is|are|\w+ing))$")
# A sentence about these is about no level that was named before it.
_OTHER_SUBJECT = re.compile(
    r"""(?x)^\W*(?:the\s+|no\s+other\s+|no\s+|normal\s+|other\s+|there\s+(?:is|are)\s+)*
    (?:conus|cord|spinal\s+cord|alignment|marrow|bone\s+marrow|vertebral?|paraspinal|paravertebral|pre-?vertebral|
    sacro-?iliac|si\s+joints?|remaining|remainder|rest|other|elsewhere|otherwise|nb|multi-?level|lordosis|scoliosis|
    impression|conclusion|feature|features|schmorl|bladder|kidney|incidental|cervical|thoracic|dorsal|generali[sz]ed)\b|\bcauda\b"""
)
_BONE = re.compile(
    r"""(?x)\b(?:[ctd]\d{1,2}(?!\s*(?:nerve|root|gangl))|
    l\d\s+(?:vertebra\w*|body|compression|burst|wedge|fracture|metasta\w*|lesion|deposit|haemangioma|hemangioma))\b"""
)
_BESIDE = re.compile(
    r"\blevel\s+(?:just\s+|immediately\s+|directly\s+)?(above|below)\b|\b(above|below)\s+this\s+level\b"
)
_LOWEST = re.compile(
    r"\b(?:lower|last|lowest|bottom)\s+(two|2|three|3)?\s*(?:lumbar\s+)?(?:levels?|dis[ck]s?|spaces?)\b"
)
_JOINED = re.compile(
    r"""(?x)(?:\s|[,&+/()]|\band\b|\bn\b|\bor\b|\bat\b|\bthe\b|\blevels?\b|\bdis[ck]s?\b|\bas\s+well\s+as\b|
    \bin\b|\balso\b|\bboth\b|\bmore\s+so\b|\bspaces?\b|
    \bto\s+a\s+(?:lesser|greater|smaller)\s+(?:extent|degree)\b)*"""
)
_EMPHASISED = re.compile(
    r"\b(?:noticeably|notably|mainly|mostly|especially|particularly|predominantly|more|most|worse|worst|largest|greatest)"
    r"\W+(?:\w+\W+){0,3}$"
)
_SEPARATOR = re.compile(
    r"(?:,|;|\||\()\s*(?:and|but|while|whereas|with)?\b|\b(?:but|while|whereas|however|and|with|otherwise)\b|\s[-\u2013]\s"
)


def _untold(sections: Sections) -> str:
    return sections.comparison or ("" if sections.technique or sections.history else sections.title)


def _sentences_of(body: str, section: str) -> Iterator[Sentence]:
    carried: frozenset[str] = frozenset()
    after_label = False
    for line in _lines(body):
        bullet = _BULLET.match(line)
        is_item = bool(bullet)
        if not line.strip() or (is_item and not after_label):
            carried = carried if after_label else frozenset()
        for part in _parts_of(line[bullet.end() :] if bullet else line):
            sentence = _with_levels(part, section, carried)
            carried = next((s.levels for s in reversed(sentence.stretches) if s.levels), frozenset())
            after_label = sentence.names_levels and len(re.findall(r"[a-z]{3,}", part)) < 3
            yield sentence


def _lines(body: str) -> list[str]:
    """Give the lines in small letters; a wrapped line goes on in the same one, and a table's row tells its columns."""
    body = re.sub(r"(?<=[a-z)]) (?=(?:No|There (?:is|are)) [a-z])", ". ", body)
    body = re.sub(r"(?<=[a-z])(?=[CTDL]\d)", " ", body).replace("\u00a0", " ")
    body = put_right(re.sub(r"\*\*|__|[\"\u201c\u201d]", "", body).lower())
    body = re.sub(r"(?<=:)[ \t]*\n+", " ", re.sub(r"[ \f\v]+", " ", body))
    lines: list[str] = []
    columns: list[str] = []
    for line in body.split("\n"):
        cells = [cell.strip() for cell in re.split(r"\||\t+", line.strip().strip("|"))]
        if len(cells) < 3:
            columns = []
        elif not columns:
            columns, cells = cells, []
            if find_levels(line):
                line = line.replace("|", " ; ")
            else:
                continue
        elif len(cells) == len(columns):
            if not line.strip(" |-:\t"):
                continue
            told = (f"{column} {cell}" for column, cell in zip(columns[1:], cells[1:], strict=True))
            line = f"{cells[0]}: {', the '.join(told)}"
        stripped = line.strip()
        if lines and _goes_on(lines[-1].rstrip(), stripped):
            lines[-1] = f"{lines[-1].rstrip()} {stripped}"
        else:
            lines.append(line)
    return lines


def _goes_on(line: str, following: str) -> bool:
    """Tell whether a line was wrapped: it stops in the midst of a phrase, and no item or level starts the next one."""
    if not line or not following or _BULLET.match(following) or re.match(r"[ctdl]\d", following):
        return False
    return bool(_UNFINISHED.search(line))


def _parts_of(line: str) -> Iterator[str]:
    """Cut a line into sentences; what goes on without end is cut too, so that no text takes the rules long."""
    start = 0
    for end in [*(match.span() for match in _SENTENCE_END.finditer(line)), (len(line), len(line))]:
        part = line[start : end[1]].strip()
        if re.search(r"\w", line[start : end[0]]):
            start = end[1]
            while len(part) > _LONGEST_SENTENCE:
                cut = part.rfind(" ", 1, _LONGEST_SENTENCE)
                cut = cut if cut > 0 else _LONGEST_SENTENCE
                yield part[:cut]
                part = part[cut:].strip()
            yield part


def _with_levels(text: str, section: str, carried: frozenset[str]) -> Sentence:
    mentions = sorted([*find_levels(text), *_relative_levels(text, carried)])
    if not mentions:
        stays = not (_OTHER_SUBJECT.search(text) or (_BONE.search(text) and "migrat" not in text))
        return Sentence(text, section, (Stretch(0, len(text), carried if stays else frozenset()),), names_levels=False)
    groups = [mentions[0]]
    for mention in mentions[1:]:
        last = groups[-1]
        if _JOINED.fullmatch(text, last.end, mention.start) and not _starts_label(text, mention):
            groups[-1] = LevelMention(last.start, mention.end, last.levels | mention.levels)
        elif mention.levels <= last.levels and _EMPHASISED.search(text, last.end, mention.start):
            continue
        else:
            groups.append(mention)
    stretches: list[Stretch] = []
    for group, following in zip(groups, [*groups[1:], None], strict=True):
        start = stretches[-1].end if stretches else 0
        end = len(text) if following is None else _boundary(text, group.end, following)
        stretches.append(Stretch(start, end, group.levels))
    return Sentence(text, section, tuple(stretches), names_levels=True)


def _starts_label(text: str, mention: LevelMention) -> bool:
    """Tell `L3/4: dry, L4/5: tight` from a list of levels before one colon: the label before was closed by a colon."""
    return bool(re.match(r"\s*(?:levels?)?\s*:", text[mention.end :])) and ":" in text[: mention.start]


def _boundary(text: str, start: int, following: LevelMention) -> int:
    """Find where what is said of one group of levels ends and what is said of the next begins."""
    if re.match(r"\s*(?:levels?)?\s*:", text[following.end :]):
        return following.start
    separators = list(_SEPARATOR.finditer(text, start, following.start))
    return separators[-1].start() if separators else following.start


def _relative_levels(text: str, carried: frozenset[str]) -> Iterator[LevelMention]:
    """Find `the level above` the one last named, and `the last two levels`."""
    for match in _BESIDE.finditer(text):
        named = [mention.levels for mention in find_levels(text[: match.start()])]
        nearest = sorted(named[-1] if named else carried)
        up = "above" in match[0]
        if nearest and (beside := level_beside(nearest[0] if up else nearest[-1], -1 if up else 1)):
            yield LevelMention(match.start(), match.end(), frozenset({beside}))
    for match in _LOWEST.finditer(text):
        plural = match[0].endswith("s")
        count = {"two": 2, "2": 2, "three": 3, "3": 3}.get(match[1] or "", 2 if plural else 1)
        yield LevelMention(match.start(), match.end(), frozenset(LUMBAR_LEVELS[-count:]))
