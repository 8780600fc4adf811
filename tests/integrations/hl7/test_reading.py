import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Hl7Settings
from integrations.hl7.errors import UnreadableMessage
from integrations.hl7.oru import read_message
from integrations.hl7.reports import ReportMessage
from integrations.hl7.status import Status
from integrations.hl7.text import Section
from tests.integrations.hl7.cases import FOLDER, SITE

MSH = "MSH|^~\\&|RIS|HOSPITAL|SPINELABEL||20260301120000||ORU^R01|C1|P|2.5.1"
PID = "PID|1||77^^^NORTHMOOR^MR||Doe^Jo||19700101|F"
OBR = "OBR|1||A1|72148^MRI lumbar spine^L|||20260301110000|||||||||||A1||||20260301115900|||F"

MARKS = [b"|", b"^", b"\\", b"\r", b"&", b"~", b"MSH|", b'""']


def oru(*segments: str) -> bytes:
    return "".join(f"{segment}\r" for segment in (MSH, PID, OBR, *segments)).encode()


def only_report(raw: bytes, settings: Hl7Settings = SITE) -> ReportMessage:
    (report,) = read_message(raw, settings).reports
    return report


def ed(content: bytes, subtype: str) -> str:
    return f"OBX|1|ED|1||^TEXT^{subtype}^Base64^{base64.b64encode(content).decode()}||||||F"


@pytest.mark.parametrize(
    ("segments", "text"),
    [
        pytest.param(["OBX|1|TX|1||One.~~Two.||||||F"], "One.\n\nTwo.", id="an empty repetition is an empty line"),
        pytest.param(['OBX|1|TX|1||One.~""~Two.||||||F'], "One.\n\nTwo.", id="a null repetition is an empty line"),
        pytest.param(["OBX|1|TX|1||a\\.sp3\\b\\.sk2\\c||||||F"], "a\n\n\nb  c", id="vertical and horizontal gaps"),
        pytest.param(["OBX|1|TX|1||5\\XC2B0\\ and \\XB0\\||||||F"], "5° and °", id="bytes of either character set"),
        pytest.param(["OBX|1|TX|1||\\XABC\\||||||F"], "\\XABC\\", id="half a byte stays as sent"),
        pytest.param(["OBX|1|QQ|1||Normal.||||||F"], "Normal.", id="a value type HL7 does not know"),
        pytest.param(["OBX|1||1||Normal.||||||F"], "Normal.", id="no value type"),
        pytest.param(["OBX|1|NM|1||9|mm|||||F", "OBX|2|TX|1||Normal.||||||F"], "Normal.", id="a measured value"),
        pytest.param(["NTE|1||Above.", "OBX|1|TX|1||Normal.||||||F"], "Above.\nNormal.", id="notes"),
        pytest.param(["OBX|1|TX|1||Old.||||||D", "OBX|2|TX|1||New.||||||F"], "New.", id="a deleted row"),
        pytest.param(["ZXX|whatever", "OBX|1|TX|1||Normal.||||||F"], "Normal.", id="a Z segment"),
        pytest.param([ed(b"Normal.\r\nYes.", "plain")], "Normal.\nYes.", id="encapsulated text"),
        pytest.param([ed("5°".encode("cp1252"), "plain")], "5°", id="encapsulated text of another character set"),
        pytest.param([ed(b"<html><p>A &lt; B<br>C</p></html>", "HTML")], "A < B\nC", id="HTML"),
        pytest.param(
            ["OBX|1|FT|1||{\\E\\rtf1 One\\E\\par||||||F", "OBX|2|FT|1||Two}||||||F"], "One\nTwo", id="split RTF"
        ),
        pytest.param(
            ["OBX|1|TX|1||<html><body>One", "OBX|2|TX|1||Two</html>", "OBX|3|TX|1||3"], "One Two\n3", id="split HTML"
        ),
        pytest.param(["OBX|1|TX|1||<html><head><title>x<body>One<!-- <p>no --></html>"], "One", id="HTML left open"),
    ],
)
def test_text_is_read_by_its_value_type(segments: list[str], text: str) -> None:
    assert only_report(oru(*segments)).text == text


def test_notes_on_the_order_or_the_specimen_are_no_lines_of_the_report() -> None:
    raw = oru("OBX|1|TX|1||Normal.", "SPM|1", "NTE|1||Specimen.").replace(b"OBR|", b"ORC|RE\rNTE|1||Order.\rOBR|")

    assert only_report(raw).text == "Normal."


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(ed(b"%PDF-1.7", "PDF"), id="a PDF"),
        pytest.param("OBX|1|ED|1||^TEXT^plain^Base64^!!!||||||F", id="broken base64"),
        pytest.param("OBX|1|ED|1||^TEXT^plain^zip^QQ==||||||F", id="an unknown encoding"),
        pytest.param(ed(b"\x00\x01", "plain"), id="binary data"),
        pytest.param("OBX|1|TX|1||<html><body></body></html>||||||F", id="mark-up without text"),
    ],
)
def test_a_document_without_text_goes_to_a_person(row: str) -> None:
    report = only_report(oru(row))

    assert report.review
    assert not report.to_be_labelled


def test_suffixes_name_the_sections() -> None:
    report = only_report(oru("OBX|1|TX|1&GDT||Body.", "OBX|2|TX|1&IMP||End.", "NTE|1||More.", "OBX|3|TX|1&ADT||Later."))

    assert [(block.section, block.text) for block in report.blocks] == [
        (Section.BODY, "Body."),
        (Section.CONCLUSION, "End.\nMore."),
        (Section.ADDENDUM, "Later."),
    ]


@pytest.mark.parametrize(
    ("order", "rows", "status", "labelled"),
    [
        pytest.param("F", "F", Status.FINAL, True, id="final"),
        pytest.param("", "F", Status.FINAL, True, id="final by the rows"),
        pytest.param("F", "", Status.FINAL, True, id="final by the order"),
        pytest.param("F", "P", Status.PRELIMINARY, False, id="the less final row counts"),
        pytest.param("P", "F", Status.PRELIMINARY, False, id="the less final order counts"),
        pytest.param("C", "F", Status.CORRECTED, True, id="corrected"),
        pytest.param("A", "F", Status.PRELIMINARY, False, id="A means some results"),
        pytest.param("R", "F", Status.PRELIMINARY, False, id="not yet verified"),
        pytest.param("S", "", Status.NONE, False, id="scheduled"),
        pytest.param("X", "X", Status.CANCELLED, False, id="withdrawn"),
        pytest.param("F", "W", Status.CANCELLED, False, id="all rows posted as wrong"),
        pytest.param("", "", Status.NONE, False, id="no status at all"),
        pytest.param("?", "F", Status.FINAL, True, id="an unknown code"),
    ],
)
def test_status_is_by_meaning(order: str, rows: str, status: Status, labelled: bool) -> None:
    raw = oru(f"OBX|1|TX|1||Normal.||||||{rows}").replace(b"|||F\r", f"|||{order}\r".encode(), 1)

    report = only_report(raw)

    assert (report.status, report.to_be_labelled) == (status, labelled)


@pytest.mark.parametrize(
    ("segment", "settings", "chosen", "others"),
    [
        pytest.param("PID|1||1^^^A^PI~2^^^A^MR", {}, "2", ["1"], id="the better type"),
        pytest.param("PID|1||1^^^B^MR~2^^^A^PI", {"authority": "A"}, "2", ["1"], id="our authority before the type"),
        pytest.param("PID|1||1^^^B^XX", {"authority": "A"}, "1", [], id="another's id where there is no other"),
        pytest.param("PID|1|9|", {}, "9", [], id="the old field where PID-3 is empty"),
        pytest.param('PID|1||""', {}, None, [], id="null is no identifier"),
        pytest.param("PID|1||1\\T\\2^^^A&1.2&ISO^MR", {}, "1&2", [], id="escapes in an identifier"),
    ],
)
def test_the_patient_id_is_the_best_one(
    segment: str, settings: dict[str, str], chosen: str | None, others: list[str]
) -> None:
    raw = oru("OBX|1|TX|1||Normal.").replace(PID.encode(), segment.encode())
    patient = only_report(raw, Hl7Settings().model_copy(update=settings)).patient

    assert patient is not None
    assert (patient.id and patient.id.id) == chosen
    assert [each.id for each in patient.others] == others


def test_a_null_clears_and_an_empty_field_does_not() -> None:
    raw = oru("OBX|1|TX|1||Normal.").replace(PID.encode(), b'PID|1||77||Doe^""^||""|')
    patient = only_report(raw).patient

    assert patient is not None
    assert (patient.family, patient.given, patient.sex) == ("Doe", "", "")
    assert patient.cleared == {"given", "birth_date"}


def test_an_order_without_text_shares_the_text_of_another() -> None:
    second = "OBR|2||A2|72148|||||||||||||||A2|||||||F"
    before = read_message(oru(second, "OBX|1|TX|1||Both."), SITE).reports
    after = read_message(oru("OBX|1|TX|1||Both.", second), SITE).reports

    assert [report.covers for report in (*before, *after)] == [("A1", "A2"), ("A1", "A2")]
    assert [report.accession for report in (*before, *after)] == ["A2", "A1"]


def test_a_final_report_without_text_goes_to_a_person() -> None:
    report = only_report(oru())

    assert report.review
    assert not report.to_be_labelled


def test_two_orders_with_text_are_two_reports() -> None:
    second = "OBR|2||A2|72148|||||||||||||||A2|||||||F"
    reports = read_message(oru("OBX|1|TX|1||One.", second, "OBX|1|TX|1||Two."), SITE).reports

    assert [(report.accession, report.text) for report in reports] == [("A1", "One."), ("A2", "Two.")]


@pytest.mark.parametrize(
    "segment",
    [
        pytest.param("OBX|2|RP|113014^DICOM Study^DCM||1.2.3.4^RIS^Application^DICOM", id="a reference pointer"),
        pytest.param("OBX|2|ST|113014^DICOM Study^DCM||1.2.3.4||||||F", id="a string under the code of the study"),
        pytest.param("IPC|A1|R1|1.2.3.4|S1", id="IPC-3"),
        pytest.param("ZDS|1.2.3.4^RIS^Application^DICOM", id="ZDS-1"),
    ],
)
def test_the_study_uid_is_found_where_it_stands(segment: str) -> None:
    report = only_report(oru("OBX|1|TX|1||Normal.||||||F", segment))

    assert (report.study_uid, report.text) == ("1.2.3.4", "Normal.")


def test_what_is_no_uid_is_left_out() -> None:
    assert only_report(oru("OBX|1|TX|1||Normal.", "ZDS|1.2.03^x")).study_uid is None


@pytest.mark.parametrize(
    ("header", "place", "code", "rejects"),
    [
        pytest.param(MSH.replace("ORU^R01", ""), "MSH-9", "101", True, id="no message type"),
        pytest.param(MSH.replace("|C1|", "||"), "MSH-10", "101", True, id="no control id"),
        pytest.param(MSH.replace("|P|", "||"), "MSH-11", "101", True, id="no processing id"),
        pytest.param(MSH.replace("|P|", "|Q|"), "MSH-11", "202", True, id="an unknown processing id"),
        pytest.param(MSH.replace("|2.5.1", ""), "MSH-12", "101", True, id="no version"),
        pytest.param(MSH.replace("|2.5.1", "|3.0"), "MSH-12", "203", True, id="another version"),
    ],
)
def test_a_header_that_we_cannot_take_is_rejected(header: str, place: str, code: str, rejects: bool) -> None:
    fault = read_message(oru().replace(MSH.encode(), header.encode()), SITE).fault

    assert fault is not None
    assert (str(fault.place), fault.code, fault.rejects) == (place, code, rejects)


def test_a_report_of_nobody_is_refused_with_the_field_named() -> None:
    raw = f"{MSH}\rOBR|1||||||||||||||||||||||||F\rOBX|1|TX|1||Normal.\r".encode()
    fault = read_message(raw, SITE).fault

    assert fault is not None
    assert (str(fault.place), fault.code, fault.rejects) == ("OBR-18", "101", False)


def test_a_report_message_without_any_order_is_refused() -> None:
    fault = read_message(f"{MSH}\r{PID}\r".encode(), SITE).fault

    assert fault is not None
    assert (fault.place.segment, fault.code) == ("OBR", "100")


@pytest.mark.parametrize("kind", ["ADT^A01", "ORM^O01", "MDM^T02", "ORU^R32"])
def test_types_that_we_do_not_use_are_taken_without_reports(kind: str) -> None:
    read = read_message(MSH.replace("ORU^R01", kind).encode(), SITE)

    assert (read.fault, read.reports) == (None, ())


def test_a_text_line_that_looks_like_no_segment_continues_the_value() -> None:
    raw = oru("OBX|1|TX|1||One.\rMRI of the spine\rOBX signs: none||||||F", "OBX|2|TX|1||Two.||||||F")

    assert only_report(raw).text == "One.\nMRI of the spine\nOBX signs: none\nTwo."


def test_a_site_zone_and_a_message_offset_complete_times() -> None:
    berlin = SITE.model_copy(update={"time_zone": "Europe/Berlin"})
    raw = oru("OBX|1|TX|1||Normal.")
    by_site = only_report(raw, berlin).observed_at
    by_message = only_report(raw.replace(b"20260301120000", b"20260301120000-0500"), berlin).observed_at

    assert by_site is not None
    assert by_message is not None
    assert by_site.iso == "2026-03-01T11:00:00+01:00"
    assert by_message.iso == "2026-03-01T11:00:00-05:00"


def test_notes_name_places_and_never_values() -> None:
    raw = oru("OBX|1|TX|1||Normal.||||||P", "PRT|x").replace(b"20260301110000", b"soon").replace(b"19700101", b"Secret")
    notes = "; ".join(read_message(raw, SITE).notes)

    assert "OBR-7" in notes
    assert "PID-7" in notes
    assert "PRT is no segment of ORU_R01" in notes
    assert "soon" not in notes
    assert "Secret" not in notes


@given(raw=st.binary(max_size=400))
def test_arbitrary_bytes_are_read_or_named_unreadable(raw: bytes) -> None:
    try:
        read_message(raw, SITE)
    except UnreadableMessage:
        return


@given(rest=st.binary(max_size=300), charset=st.sampled_from([b"", b"UTF-8", b"8859/2", b"ISO IR87", b"nonsense"]))
def test_arbitrary_bytes_after_a_header_are_read(rest: bytes, charset: bytes) -> None:
    read_message(MSH.encode() + b"||||||" + charset + b"\r" + rest, SITE)


@given(data=st.data())
def test_damaged_real_messages_are_read_or_named_unreadable(data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(sorted(FOLDER.glob("*.hl7"))))
    raw = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(raw) - 1))
        piece = data.draw(st.binary(max_size=4) | st.sampled_from(MARKS))
        raw[place : place + data.draw(st.integers(0, 10))] = piece
        if not raw:
            return
    try:
        read_message(bytes(raw), SITE)
    except UnreadableMessage:
        return
