"""Each row of the HL7 profile, tried; a row for which nothing is known here fails."""

import ast
import codecs
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest
from sqlmodel import Session, select

import integrations.hl7
from config.sender_settings import SenderSettings
from config.settings import Hl7Settings
from integrations.hl7.acks import CODES, CONDITIONS, FORMS, Form, Stamp, acknowledge
from integrations.hl7.adt import UNLINK, UPDATES
from integrations.hl7.batches import answered_batch, read_batch, wants_batch
from integrations.hl7.charset import CHARSETS, UNKNOWN_CHARSETS
from integrations.hl7.delimiters import Delimiters
from integrations.hl7.escapes import FORMATTING, letters_of
from integrations.hl7.faults import CODE_TEXT, NO_ORDER, NOT_STORED, TOO_LONG, UNFILED, VERSION, faults
from integrations.hl7.identifiers import STUDY_UID_CODES, STUDY_UID_POINTERS, STUDY_UID_TYPES
from integrations.hl7.inspection import inspect_messages
from integrations.hl7.merges import MERGES
from integrations.hl7.oru import REPORT_TYPES, ReadMessage, read_message
from integrations.hl7.places import Fault
from integrations.hl7.profile import BATCH_FIELDS, FIELDS, codes_of
from integrations.hl7.segments import Segment, split_messages
from integrations.hl7.status import ORDER_CODES, ROW_CODES, ROW_DELETED, Status
from integrations.hl7.text import CODED, MEASURES, POINTERS, READING_TEXT, SUFFIXES
from service.store.database import reading
from service.store.tables import Message
from tests.contracts.feed import MERGE, PROVOKED, REPORT, Feed, message, running_feed
from tests.integrations.hl7.cases import FOLDER
from tests.integrations.hl7.mllp import fields_of

STAMP = Stamp(datetime(2026, 3, 2, tzinfo=UTC), lambda: "1")
SITE = Hl7Settings()
TAKEN = message(*REPORT)
ORIGINAL, ENHANCED = "|", "AL|NE"
BROKEN = {NOT_STORED: "service.listening._received_values", UNFILED: "service.listening.file_usual_messages"}
"""What of ours has to fail for a fault of ours."""


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Feed]:
    with running_feed(tmp_path_factory.mktemp("feed")) as running:
        yield running


def read(text: str, wanted: str = ORIGINAL) -> ReadMessage:
    return read_message(text.replace("WANTED", wanted).encode(), SITE)


def places(table: tuple[tuple[str, str], ...]) -> list[str]:
    return [place for named, _ in table for place in named.split(", ")]


@pytest.mark.parametrize("wanted", [ORIGINAL, ENHANCED], ids=["original", "enhanced"])
@pytest.mark.parametrize("fault", faults(SITE.accession_from), ids=lambda fault: f"{fault.code} {fault.problem[:30]}")
def test_each_fault_is_answered_by_its_code_at_its_place(
    fault: Fault, wanted: str, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    if target := BROKEN.get(fault):
        monkeypatch.setattr(target, lambda *_: 1 / 0)

    answer = fields_of(next(feed.answers(PROVOKED[fault], wanted=wanted)))

    location = [fault.place.segment, str(fault.place.number), *([str(fault.place.field)] if fault.place.field else [])]
    assert answer["MSA"][1] == codes_of(fault)[0 if wanted == ORIGINAL else -1]
    assert answer["ERR"][2:5] == ["^".join(location), f"{fault.code}^{CODE_TEXT[fault.code]}^HL70357", "E"]
    assert answer["ERR"][8] == fault.problem


@pytest.mark.parametrize("code", CODES)
def test_each_acknowledgement_code_is_given(code: str, feed: Feed) -> None:
    text = {"A": TAKEN, "E": PROVOKED[NO_ORDER], "R": PROVOKED[VERSION]}[code[1]]

    answer = fields_of(next(feed.answers(text, wanted={"A": ORIGINAL, "C": ENHANCED}[code[0]])))

    assert answer["MSA"][1] == code
    assert {"AA", "CA", *(each for fault in faults(()) for each in codes_of(fault))} == set(CODES)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_each_condition_has_an_acknowledgement_go_out_when_it_says(condition: str, feed: Feed) -> None:
    expected = {"AL": ["CA", "CE"], "NE": [], "ER": ["CE"], "SU": ["CA"]}[condition]
    asked = [text.replace("WANTED", f"{condition}|NE") for text in (TAKEN, PROVOKED[NO_ORDER])]

    answers = feed.answers(*asked, message(*REPORT, control_id="last"))

    assert [fields_of(next(answers))["MSA"][1] for _ in range(len(expected) + 1)] == [*expected, "AA"]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: ".".join(map(str, form.since)))
def test_an_acknowledgement_is_written_as_its_version_has_it(form: Form, feed: Feed) -> None:
    version = ".".join(map(str, form.since))

    answer = fields_of(next(feed.answers(message(REPORT[0], version=version))))

    assert answer["MSH"][8] == "^".join(["ACK", "R01", "ACK"][: form.type_parts])
    assert tuple(number for number, value in enumerate(answer["ERR"]) if number and value) == form.places


def test_what_is_too_long_is_listed_as_refused(feed: Feed) -> None:
    next(feed.answers(PROVOKED[TOO_LONG]))

    with reading(feed.engine) as session:
        reason = _reasons(session)[-1]
    assert reason == "The frame is longer than the limit. It was refused (AE); have its sender send it shorter."


def _reasons(session: Session) -> list[str]:
    return list(session.exec(select(Message.reason)).all())


@pytest.mark.parametrize("kind", sorted({*REPORT_TYPES, *UPDATES, *MERGES, UNLINK, "ADT^A01"}))
def test_each_type_does_what_the_profile_says(kind: str) -> None:
    taken = read(message(*MERGE, "PID|2||P3^^^H^MR||Marsh^Ada", *REPORT[1:], kind=kind))

    assert taken.fault is None
    assert bool(taken.reports) == (kind in REPORT_TYPES)
    assert bool(taken.adt.people) == (kind in UPDATES | MERGES)
    assert bool(taken.adt.merges) == (kind in MERGES)
    assert bool(taken.adt.parted) == (kind == UNLINK)


OTHERWISE = {
    "MSH-2": "$~\\&",
    "MSH-7": "20260101",
    "MSH-9": "ADT^A01",
    "MSH-11": "T",
    "MSH-12": "2.3",
    "MSH-15": "AL",
    "MSH-16": "NE",
    "MSH-18": "UNICODE UTF-8",
    "EVN-2": "20260301",
    "PID-7": "19700101",
    "OBR-7": "20260301113000",
    "OBR-22": "20260301115000",
    "OBR-25": "P",
    "OBX-2": "NM",
    "OBX-3": "MRLS&ADT",
    "OBX-11": "P",
    "ZDS-1": "1.2.9^H^Application^DICOM",
    "IPC-3": "1.2.9",
}
BEFORE = {
    "PID-2": (("P1^^^H^MR", ""),),
    "ORC-2": (("OBR|1|PLACER", "OBR|1|"),),
    "OBR-29": (("PLACER", ""), ("FILLER", ""), ("ACC1", ""), ("SEC", "")),
    "IPC-3": (("ZDS|1.2.3.4", "ZDS|"),),
}
"""What has to be away for a field to count."""


@pytest.mark.parametrize("place", places(FIELDS))
def test_each_field_of_the_profile_is_read(place: str) -> None:
    segment, number = place.split("-")
    text = message(*MERGE, kind="ADT^A40") if segment in {"EVN", "MRG"} else TAKEN
    for old, new in BEFORE.get(place, ()):
        text = text.replace(old, new)

    assert _effect(text) != _effect(_changed(text, segment, int(number), OTHERWISE.get(place, "OTHER9")))


def _effect(text: str) -> tuple[object, ...]:
    taken = read(text)
    return taken.reports, taken.adt, acknowledge(taken.header, taken.fault, STAMP).messages()


def _changed(text: str, segment: str, number: int, value: str) -> str:
    """Put another value into a field of the first segment of that name; the first field of a header is its mark."""
    lines = text.replace("WANTED", ORIGINAL).split("\r")
    at = next(index for index, line in enumerate(lines) if line.startswith(segment))
    mark, is_header = lines[at][3], segment in {"MSH", "BHS"}
    if is_header and number == 1:
        lines[at] = lines[at].replace(mark, "!")
    else:
        fields = lines[at].split(mark)
        fields[number - is_header] = value
        lines[at] = mark.join(fields)
    return "\r".join(lines)


def test_no_field_is_read_that_the_profile_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    fields, lines, field = set[str](), set[tuple[str, int]](), Segment.field

    def noted(segment: Segment, number: int) -> str:
        caller = sys._getframe(1)
        lines.add((Path(caller.f_code.co_filename).name, caller.f_lineno))
        fields.add(f"{segment.name}-{number}")
        return field(segment, number)

    monkeypatch.setattr(Segment, "field", noted)
    inspect_messages(sorted(FOLDER.glob("*.hl7")), SITE)
    for text in (*PROVOKED.values(), TAKEN, message(*MERGE, kind="ADT^A40")):
        if text.startswith("MSH"):
            _effect(text)

    calls, of_header = _calls()
    assert fields | {f"MSH-{number}" for number in of_header} <= {*places(FIELDS)}
    assert calls <= lines, "a field is read here by none of the messages, so that nobody knows which"


def _calls() -> tuple[set[tuple[str, int]], set[int]]:
    """Give the lines on which fields are read, and the numbers by which fields of the header are."""
    lines, of_header = set(), set()
    for file in Path(integrations.hl7.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call):
                continue
            match node.func:
                case ast.Attribute(attr="field"):
                    lines.add((file.name, node.lineno))
                case ast.Attribute(value=ast.Name(id="header"), attr="value" | "component") | ast.Name(id="_sent"):
                    of_header |= {each.value for each in node.args if isinstance(each, ast.Constant)}
    return lines, {number for number in of_header if isinstance(number, int)}


BATCH = "BHS|^~\\&|RIS|H|US|X|20260302||||B7\r{TAKEN}BTS|1\rFTS|1\r"


@pytest.mark.parametrize("place", places(BATCH_FIELDS))
def test_each_field_of_a_batch_is_read(place: str) -> None:
    segment, number = place.split("-")
    text = BATCH.format(TAKEN=TAKEN)

    assert _batch_effect(text) != _batch_effect(_changed(text, segment, int(number), "OTHER9"))


def _batch_effect(text: str) -> tuple[object, ...]:
    batch = read_batch(split_messages(text.encode()))
    site = SITE.model_copy(update={"senders": {"RIS|H": SenderSettings(batch_acks="batch")}})
    return batch.notes, wants_batch(batch, site), answered_batch(batch, (), STAMP)


def _report_of(row: str, order: str = "F") -> tuple[str, Status, str | None]:
    (report,) = read(message(f"OBR|1||A1|MR{'|' * 21}{order}", row)).reports
    return report.text, report.status, report.study_uid


@pytest.mark.parametrize("kind", sorted({*CODED, *POINTERS, *MEASURES, "ED", "TX", "FT", "ST"}))
def test_each_type_of_value_becomes_what_the_profile_says(kind: str) -> None:
    value = "^TEXT^^A^Text" if kind == "ED" else "c^Text~d^More"

    text, _, _ = _report_of(f"OBX|1|{kind}|MR||{value}||||||F")

    if kind in {*POINTERS, *MEASURES}:
        assert text == ""
    elif kind in CODED:
        assert text == "Text\nMore"
    else:
        assert text == ("Text" if kind == "ED" else "c^Text\nd^More")


def test_the_text_of_a_coded_value_is_the_first_component_that_holds_one() -> None:
    held = {number: f"in {number}" for number in READING_TEXT}
    for number in READING_TEXT:
        value = "^".join(held.get(component, "") for component in range(1, max(READING_TEXT) + 1))
        assert _report_of(f"OBX|1|CWE|MR||{value}||||||F")[0] == f"in {number}"
        del held[number]


@pytest.mark.parametrize(
    ("kind", "code"), [*product(STUDY_UID_POINTERS, ["MR"]), *product(STUDY_UID_TYPES, STUDY_UID_CODES)]
)
def test_each_value_that_names_a_study_is_read_and_no_text(kind: str, code: str) -> None:
    assert _report_of(f"OBX|1|{kind}|{code}||1.2.3.4||||||F")[::2] == ("", "1.2.3.4")


LETTERS = letters_of(Delimiters(truncation="#"))


@pytest.mark.parametrize(
    ("escape", "becomes"),
    [
        *LETTERS.items(),
        *((f".{name}", text) for name, text in FORMATTING.items()),
        (".sp2", "\n\n"),
        (".sk2", "  "),
        ("XC384", "Ä"),
        ("XC4", "Ä"),
        ("M2442\\GX\\C2842", "背"),
        ("Z1", "\\Z1\\"),
    ],
)
def test_each_escape_becomes_what_the_profile_says(escape: str, becomes: str) -> None:
    text = message("OBR|1||A1|MR", f"OBX|1|TX|MR||a\\{escape}\\b||||||F").replace("^~\\&", "^~\\&#")

    assert read(text).reports[0].text == f"a{becomes}b"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_each_suffix_names_its_section(suffix: str) -> None:
    (report,) = read(message("OBR|1||A1|MR", f"OBX|1|TX|MR&{suffix}||Text.||||||F")).reports

    assert [block.section for block in report.blocks] == [SUFFIXES[suffix]]


@pytest.mark.parametrize(
    ("order", "row", "meaning"),
    [
        *((code, "", meaning) for code, meaning in ORDER_CODES.items()),
        *(("", code, meaning) for code, meaning in ROW_CODES.items()),
    ],
)
def test_each_status_means_what_the_profile_says(order: str, row: str, meaning: Status) -> None:
    assert _report_of(f"OBX|1|TX|MR||Text.||||||{row}", order)[:2] == ("Text.", meaning)


def test_a_deleted_row_is_left_out() -> None:
    assert _report_of(f"OBX|1|TX|MR||Text.||||||{ROW_DELETED}")[0] == ""


@pytest.mark.parametrize(("codec", "name"), [(codec, name) for codec, names in CHARSETS for name in names])
def test_each_character_set_is_read_by_each_of_its_names(codec: str, name: str) -> None:
    letter = next(each for each in "背ЖÄกعשΩ中A" if _holds(codec, each))
    text = TAKEN.replace("WANTED", ORIGINAL).replace("8859/1", name).replace("Stenosis", letter)

    taken = read_message(text.encode(codec), SITE)

    assert taken.reports[0].text == f"{letter}.\nA note."
    assert not [note for note in taken.notes if note.startswith("charset")]


def _holds(codec: str, letter: str) -> bool:
    try:
        return codecs.decode(codecs.encode(letter, codec), codec) == letter
    except UnicodeError:
        return False


@pytest.mark.parametrize("name", UNKNOWN_CHARSETS)
def test_a_character_set_that_is_not_understood_is_noted(name: str) -> None:
    assert "charset: MSH-18 names no known character set" in read(TAKEN.replace("8859/1", name)).notes
