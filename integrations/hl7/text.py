"""The text of a report: OBX-5 and the notes below it, whatever type of value a sender chose.

TX, FT and ST have no components; repetitions and rows are lines, empty ones too (HL7 2.x chapters 2A and 7).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from integrations.hl7.documents import decoded, is_base64_document, is_marked_up, left_open, plain, text_of
from integrations.hl7.errors import UnreadableDocument
from integrations.hl7.escapes import lines_of, plain_text, unescape
from integrations.hl7.identifiers import points_to_study
from integrations.hl7.places import FieldPlace
from integrations.hl7.segments import Parsed, Segment
from integrations.hl7.status import ROW_DELETED

CODED = {"CE", "CWE", "CNE", "CF"}
POINTERS = {"HD", "RP", "UI", "EI"}
MEASURES = {"NM", "SN", "DT", "TM", "TS", "DTM", "CQ", "SI", "NA", "MA"}
READING_TEXT = (2, 5, 9, 1)
"""Components of a coded value that its text is taken from, the first that holds one."""


class Section(StrEnum):
    """Part of the report that the suffix of OBX-3 names."""

    BODY = "body"
    CONCLUSION = "conclusion"
    ADDENDUM = "addendum"


SUFFIXES = {"GDT": Section.BODY, "IMP": Section.CONCLUSION, "ADT": Section.ADDENDUM}


@dataclass(frozen=True)
class TextBlock:
    """Consecutive lines of one section; None where OBX-3 carries no suffix."""

    section: Section | None
    text: str


@dataclass(frozen=True)
class ReportText:
    """The text under one order.

    `codes` are OBX-11 of the rows that are text. `review` says why a person must look; `notes` are for the log.
    `rows` tells a report of empty lines (some) from an order without text (0).
    """

    blocks: tuple[TextBlock, ...]
    codes: tuple[str, ...]
    rows: int
    notes: tuple[str, ...]
    review: tuple[str, ...]


@dataclass(frozen=True)
class _Row:
    section: Section | None
    text: str
    code: str
    place: FieldPlace
    is_document: bool = False


def read_text(segments: Sequence[Segment], parsed: Parsed) -> ReportText:
    """Read the text of an order's OBX and NTE segments, which stand in the order of the message."""
    rows: list[_Row] = []
    notes: list[str] = []
    review: list[str] = []
    section: Section | None = None
    for segment in segments:
        place = FieldPlace(segment.name, 5 if segment.name == "OBX" else 3, segment.number)
        code = ""
        if segment.name == "OBX":
            code = segment.field(11).strip().upper()
            section = _section(segment, parsed)
        if code == ROW_DELETED:
            notes.append(f"text: {place} is a deleted row")
            continue
        try:
            text = _value(segment, parsed)
        except UnreadableDocument as error:
            review.append(f"{place}: {error}")
            continue
        if text is not None:
            rows.append(_Row(section, text, code, place, _is_document(segment, parsed)))
        elif segment.field(2).strip().upper() in MEASURES:
            notes.append(f"text: {place} is a measured value and no line of the report")
        else:
            notes.append(f"text: {place} points to something that is not in the message")
    documents = _without_renditions(_convert(rows, review), notes)
    codes = tuple(row.code for row in rows if row.code)
    return ReportText(_blocks(documents), codes, len(rows) + len(review), tuple(notes), tuple(review))


def _section(obx: Segment, parsed: Parsed) -> Section | None:
    identifier = parsed.delimiters.component_of(obx.field(3), 1)
    parts = (part.strip().upper() for part in identifier.split(parsed.delimiters.subcomponent))
    return next((SUFFIXES[part] for part in parts if part in SUFFIXES), None)


def _value(segment: Segment, parsed: Parsed) -> str | None:
    """Give the text of one OBX or NTE, None where it holds no text."""
    delimiters = parsed.delimiters

    def read(value: str) -> str:
        return unescape(value, delimiters, parsed.codec)

    if segment.name == "NTE":
        return lines_of(delimiters.repetitions(segment.field(3)), read)
    kind = segment.field(2).strip().upper()
    value = segment.field(5)
    if kind in POINTERS or kind in MEASURES or points_to_study(segment, parsed):
        return None
    if _is_document(segment, parsed):
        return _encapsulated(value, parsed) if _has_parts(value, parsed) else _misplaced(read(value), parsed.codec)
    if kind in CODED:
        return lines_of((_reading_text(each, parsed) for each in delimiters.repetitions(value)), read)
    # A type that HL7 does not know never costs the report: its value is read as text.
    return lines_of(delimiters.repetitions(value), read)


def _is_document(segment: Segment, parsed: Parsed) -> bool:
    """Tell whether an OBX holds a document, whatever OBX-2 says: ED, ED under another name, or bare base64."""
    if segment.name != "OBX":
        return False
    kind, value = segment.field(2).strip().upper(), segment.field(5)
    if kind == "ED":
        return True
    named = parsed.delimiters.component_of(value, 4).strip().lower() == "base64"
    return named or is_base64_document(unescape(value, parsed.delimiters, parsed.codec))


def _has_parts(value: str, parsed: Parsed) -> bool:
    return parsed.delimiters.component in value


def _misplaced(value: str, codec: str) -> str:
    """Read a document that is not in the parts of an ED value: base64 as it is, or plain text."""
    return text_of(decoded(value, ""), codec)


def _reading_text(value: str, parsed: Parsed) -> str:
    parts = (parsed.delimiters.component_of(value, number) for number in READING_TEXT)
    return next((part for part in parts if part.strip()), "")


def _encapsulated(value: str, parsed: Parsed) -> str:
    """Read ED: its data may hold component separators in plain text, and be cut over repetitions in base64."""
    delimiters = parsed.delimiters
    documents: list[list[str]] = []
    for repetition in delimiters.repetitions(value):
        parts = repetition.split(delimiters.component, 4)
        if len(parts) == 5 or not documents:  # source, type, subtype, encoding, data
            documents.append(parts + [""] * (5 - len(parts)))
        else:
            documents[-1][4] += repetition
    return "\n".join(_one_document(parts, parsed) for parts in documents)


def _one_document(parts: Sequence[str], parsed: Parsed) -> str:
    _, kind, subtype, encoding, data = parts
    content = decoded(unescape(data, parsed.delimiters, parsed.codec), encoding)
    if not content.strip():
        raise UnreadableDocument("The document is empty. Read the original.")
    if kind.strip().lower() in {"im", "image", "audio", "video"} or subtype.strip().lower() in {"jpeg", "png", "tiff"}:
        raise UnreadableDocument("The document is a picture or a recording. Read the original.")
    if subtype.strip().lower() == "pdf" and not content.lstrip().startswith(b"%PDF"):
        raise UnreadableDocument("The document is said to be a PDF and is none. Read the original.")
    return text_of(content, parsed.codec)


def _without_renditions(rows: list[_Row], notes: list[str]) -> list[_Row]:
    """Drop documents that only say in another form what the text rows say, as a PDF beside the text does."""
    lines = {_squeezed(line) for row in rows if not row.is_document for line in row.text.split("\n")} - {""}
    kept: list[_Row] = []
    for row in rows:
        squeezed = _squeezed(row.text) if row.is_document else ""
        if lines and squeezed and all(line in squeezed for line in lines) and sum(map(len, lines)) * 2 > len(squeezed):
            notes.append(f"text: {row.place} is the same report as a document")
        else:
            kept.append(row)
    return kept


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()


def _convert(rows: Iterable[_Row], review: list[str]) -> list[_Row]:
    """Turn rich text and HTML into plain text; a document may run over several rows."""
    converted: list[_Row] = []
    for first, *rest in _documents(rows):
        value = "\n".join([first.text, *(row.text for row in rest)])
        try:
            text = plain_text(plain(value))
            converted.append(_Row(first.section, text, first.code, first.place, first.is_document))
        except UnreadableDocument as error:
            review.append(f"{first.place}: {error}")
    return converted


def _documents(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    """Gather the rows of a rich text or HTML document until it is closed; other rows stand alone."""
    document: list[_Row] = []
    depth = 0
    for row in rows:
        if document or is_marked_up(row.text):
            document.append(row)
            depth += left_open(row.text)
            if depth <= 0:
                yield document
                document, depth = [], 0
        else:
            yield [row]
    if document:
        yield document


def _blocks(rows: Iterable[_Row]) -> tuple[TextBlock, ...]:
    sections = groupby(rows, key=lambda row: row.section)
    return tuple(TextBlock(section, "\n".join(row.text for row in block)) for section, block in sections)


def joined(blocks: Iterable[TextBlock]) -> str:
    """Give the text of blocks as a person reads it: no spaces at line ends, no empty lines at the ends."""
    lines = "\n".join(block.text for block in blocks).split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n")
