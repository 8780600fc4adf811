"""Small or large pieces of a message that ask for much time or memory: a sentence for a person, soon."""

import base64
import time
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from integrations.hl7.connection import ListenerLimits
from integrations.hl7.errors import UnreadableDocument, UnreadableMessage
from integrations.hl7.oru import read_message
from integrations.hl7.pdf_reader import SECONDS, pdf_text
from tests.integrations.hl7.cases import SITE
from tests.integrations.hl7.pdfs import assembled, pdf
from tests.integrations.hl7.test_reading import ed, only_report, oru

LARGEST = ListenerLimits().frame_bytes
MOST_SECONDS = 10
MOST_BYTES = 100 * LARGEST


def looped_pages() -> bytes:
    """A PDF whose tree of pages has itself as a branch."""
    return pdf(["text"]).replace(b"/Kids [4 0 R] /Count 1", b"/Kids [2 0 R] /Count 9")


def deep_pages() -> bytes:
    """A PDF whose page is named a million times."""
    return pdf(["text"]).replace(b"/Kids [4 0 R] /Count 1", b"/Kids [" + b"4 0 R " * 500_000 + b"] /Count 500000")


def looped_tables() -> bytes:
    """A PDF whose table of references says that an earlier one stands where it does."""
    whole = pdf(["text"])
    start = whole.rindex(b"xref\n0 ")
    return whole.replace(b"/Root 1 0 R >>", b"/Root 1 0 R /Prev %d >>" % start)


def packed(times: int) -> bytes:
    """A PDF of a kilobyte whose page inflates to gigabytes, packed several times over."""
    content = b"0 " * (1 << 26)
    for _ in range(times):
        content = zlib.compress(content, 9)
    return assembled([content], b" /Filter [" + b"/FlateDecode " * times + b"]")


def nested_arrays() -> bytes:
    return pdf(["text"]).replace(b"/MediaBox [0 0 595 842]", b"/MediaBox " + b"[" * 200_000 + b"]" * 200_000)


@pytest.mark.parametrize(
    "make",
    [looped_pages, deep_pages, looped_tables, nested_arrays, pytest.param(lambda: packed(3), id="packed thrice")],
    ids=lambda make: getattr(make, "__name__", None),
)
def test_a_pdf_made_to_harm_is_given_up_or_read_in_time(make: Callable[[], bytes]) -> None:
    content = make()
    began = time.monotonic()
    said = ""
    try:
        said = pdf_text(content)
    except UnreadableDocument as error:
        said = str(error)

    assert said.strip() == "text" or said.startswith("The PDF is not read")
    assert time.monotonic() - began < SECONDS + 10


RICH = "{\\E\\rtf1 "
PIECES = {
    "rich text in groups": (RICH, "{"),
    "rich text in closed groups": (RICH, "{x}"),
    "rich text with commands": (RICH, "\\E\\par "),
    "rich text that skips": (RICH, "\\E\\bin99999999 "),
    "rich text with escapes": (RICH, "\\E\\'e4"),
    "a page in a page": ("<html>", "<div>"),
    "hidden parts": ("<html>", "<script>"),
    "comments": ("<html>", "<!--"),
    "entities": ("<html>", "&amp;lt;"),
    "words": ("", "normal "),
    "escapes": ("", "\\.sp99\\"),
    "lines": ("", "\\.br\\"),
    "repetitions": ("", "~"),
    "fields": ("", "|"),
    "components": ("", "^&"),
    "segments": ("", "||||||F\rOBX|2|TX|1||x"),
    "messages": ("", "\rMSH|^~\\&|A"),
    "orders": ("", "\rOBR|1||A"),
    "patients": ("", "\rPID|1||A"),
    "signs of another alphabet": ("", "\u0436"),
}


@pytest.mark.long
@pytest.mark.parametrize("name", PIECES)
def test_the_longest_message_of_one_piece_is_read_soon_and_in_bounded_memory(name: str) -> None:
    start, piece = PIECES[name]
    count = (LARGEST - 1000) // len(piece.encode()) // 8  # tracing the memory takes most of the time
    raw = oru(f"OBX|1|TX|1||{start}{piece * count}||||||F")
    tracemalloc.start()
    began = time.thread_time()
    try:
        read_message(raw, SITE)
    except UnreadableMessage:
        pass
    finally:
        took, peak = time.thread_time() - began, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert took < MOST_SECONDS
    assert peak < MOST_BYTES


def test_base64_as_long_as_a_message_may_be_is_decoded_in_time() -> None:
    document = base64.b64encode(b"Normal. " * (LARGEST // 16)).decode()
    began = time.thread_time()

    report = only_report(oru(f"OBX|1|ED|1||^TEXT^^Base64^{document}||||||F"))

    assert report.text.startswith("Normal. Normal.")
    assert time.thread_time() - began < MOST_SECONDS


def test_a_pdf_in_a_message_costs_that_report_only() -> None:
    report = only_report(oru(ed(looped_pages(), "PDF")))

    assert "The PDF is not read" in report.review[0]
