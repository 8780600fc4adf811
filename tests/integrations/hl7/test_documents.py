import base64

import pytest

from integrations.hl7 import pdf_reader
from integrations.hl7.errors import UnreadableDocument
from integrations.hl7.oru import read_message
from integrations.hl7.pdf_reader import pdf_text
from tests.integrations.hl7.cases import SITE
from tests.integrations.hl7.pdfs import bomb, pdf, scan
from tests.integrations.hl7.test_reading import ed, only_report, oru

REPORT = "Lumbar MRI.\nL4-5 protrusion touches the right L5 root."


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def row(kind: str, value: str) -> str:
    return f"OBX|1|{kind}|1||{value}||||||F"


@pytest.mark.parametrize(
    ("segment", "text"),
    [
        pytest.param(ed(pdf([REPORT]), "PDF"), REPORT, id="a PDF with text"),
        pytest.param(row("ED", f"^AP^PDF^BASE64^{encoded(pdf([REPORT]))}"), REPORT, id="a PDF under another type"),
        pytest.param(row("", f"^TEXT^^Base64^{encoded(b'Normal.')}"), "Normal.", id="ED without OBX-2"),
        pytest.param(row("TX", encoded(pdf([REPORT]))), REPORT, id="a PDF in base64 in TX"),
        pytest.param(row("ED", encoded(pdf([REPORT]))), REPORT, id="ED that holds base64 only"),
        pytest.param(row("ED", "^TEXT^^Base64^Tm9ybWFsLg"), "Normal.", id="no padding"),
        pytest.param(row("ED", "^TEXT^^Base64^Tm9ybWFsLg======"), "Normal.", id="too much padding"),
        pytest.param(row("ED", "^TEXT^^Base64^Tm9y\\.br\\bWFs~Lg=="), "Normal.", id="base64 cut by commands"),
        pytest.param(row("ED", "^TEXT^^Hex^4e6f726d616c2e"), "Normal.", id="hexadecimal"),
        pytest.param(row("ED", "^TEXT^^A^L4 ^ L5 normal."), "L4 ^ L5 normal.", id="plain text with a separator"),
        pytest.param(row("ED", "^TEXT^RTF^A^{\\E\\rtf1 Normal.}"), "Normal.", id="rich text that is not encoded"),
        pytest.param(
            row("ED", f"^TEXT^RTF^Base64^{encoded(b'{_rtf1_ansi Normal._par}'.replace(b'_', bytes([92])))}"),
            "Normal.",
            id="rich text in base64",
        ),
        pytest.param(
            row("TX", "<b>FINDINGS</b>~L4-5 &lt; 5 mm<br/>end"), "FINDINGS\nL4-5 < 5 mm\nend", id="tags in TX"
        ),
        pytest.param(row("TX", "canal <b and d> 9 mm, a<b"), "canal <b and d> 9 mm, a<b", id="no tags in TX"),
        pytest.param(
            row("TX", '<?xml version="1.0"?><html><body>Normal.</body></html>'), "Normal.", id="HTML written as XML"
        ),
    ],
)
def test_a_document_is_read_whatever_way_it_is_packed(segment: str, text: str) -> None:
    report = only_report(oru(segment))

    assert (report.text, report.review) == (text, ())


@pytest.mark.parametrize(
    ("segment", "why"),
    [
        pytest.param(ed(scan(), "PDF"), "pictures and no text", id="a scan"),
        pytest.param(ed(b"%PDF-1.7 nonsense", "PDF"), "damaged", id="a damaged PDF"),
        pytest.param(ed(pdf(["x"] * 61), "PDF"), "more than 60 pages", id="too many pages"),
        pytest.param(ed(b"Normal.", "PDF"), "said to be a PDF", id="no PDF"),
        pytest.param(row("TX", "%PDF-1.4"), "without an encoding", id="a PDF as text"),
        pytest.param(row("ED", "^IM^JPEG^Base64^/9j/4AAQ"), "picture", id="a picture"),
        pytest.param(row("ED", "^TEXT^^Base64^"), "empty", id="nothing"),
        pytest.param(row("TX", "<ClinicalDocument><title>x</title></ClinicalDocument>"), "XML", id="CDA"),
    ],
)
def test_what_holds_no_text_goes_to_a_person_with_the_reason(segment: str, why: str) -> None:
    report = only_report(oru(segment))

    assert why in report.review[0]
    assert not report.to_be_labelled


def test_a_pdf_beside_the_same_text_is_no_second_copy_of_it() -> None:
    lines = [f"OBX|{place}|TX|1||{line}||||||F" for place, line in enumerate(REPORT.split("\n"), start=1)]
    raw = oru(*lines, ed(pdf([REPORT]), "PDF"))

    assert only_report(raw).text == REPORT
    assert "text: OBX[3]-5 is the same report as a document" in read_message(raw, SITE).notes


def test_a_pdf_that_says_more_than_the_text_beside_it_is_read_too() -> None:
    raw = oru(row("TX", "See document."), ed(pdf([REPORT]), "PDF"))

    assert only_report(raw).text == f"See document.\n{REPORT}"


def test_a_small_pdf_that_inflates_without_end_is_given_up() -> None:
    with pytest.raises(UnreadableDocument):
        pdf_text(bomb(2 * 1024 * 1024 * 1024 // 16))


def test_a_pdf_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_reader, "SECONDS", 0.01)

    with pytest.raises(UnreadableDocument, match="takes longer"):
        pdf_text(pdf(["slow"]))


def test_a_pdf_that_is_too_large_is_not_even_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_reader, "LARGEST_PDF", 10)

    with pytest.raises(UnreadableDocument, match="larger than"):
        pdf_text(pdf(["large"]))
