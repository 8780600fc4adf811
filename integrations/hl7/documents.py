"""Documents inside a report: base64, rich text and HTML to plain text."""

import base64
import binascii
import html
import re
from collections.abc import Callable

from striprtf import striprtf

from integrations.hl7.charset import decode
from integrations.hl7.errors import UnreadableDocument
from integrations.hl7.pdf_reader import pdf_text

_BLOCKS = frozenset(
    {"address", "article", "br", "dd", "div", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "p", "pre"}
    | {"section", "table", "tr", "ul", "ol"}
)
_HIDDEN = frozenset({"head", "script", "style", "title"})
_TAG = re.compile(r"<(?P<closes>/?)(?P<name>[A-Za-z][A-Za-z0-9]*)(?![A-Za-z0-9])[^<>]*>|<[!?][^<>]*>")
_RICH_TEXT = re.compile(r"\s*\{\\rtf")
_BRACE = re.compile(r"\\[{}\\]|[{}]")
_HTML = re.compile(r"\s*<(?:!doctype\s+html|html|body)\b", re.IGNORECASE)
_BARE_PDF = re.compile(r"\s*%PDF-")
_XHTML = re.compile(r"\s*<\?xml\b[^<>]*>\s*(?=<(?:!doctype\s+html|html)\b)", re.IGNORECASE)
_XML = re.compile(r"\s*<(?:\?xml|clinicaldocument)\b", re.IGNORECASE)
_FRAGMENT = re.compile(
    r"<(?:{names})(?:\s+[\w:-]+\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*'|[^\s<>\"']+))*\s*/?>|</(?:{names})\s*>".format(
        names="p|div|span|br|b|i|u|strong|em|table|tbody|tr|td|th|ul|ol|li|font|h[1-6]|pre|center"
    ),
    re.IGNORECASE,
)
_BASE64_STARTS = ("JVBERi0", "e1xydGY", "PGh0bWw", "PEhUTUw", "PCFET0NUWVBF", "PCFkb2N0eXBl")
"""How `%PDF-`, `{\\rtf`, `<html` and `<!DOCTYPE` begin in base64."""
_TEXT_ENCODINGS = {"", "a", "none", "text", "8bit", "7bit"}


def is_marked_up(value: str) -> bool:
    """Tell whether a value starts as rich text, HTML or XML does, or holds tags that only HTML has."""
    starts = (_RICH_TEXT, _HTML, _XML, _BARE_PDF)
    return any(start.match(value) for start in starts) or _FRAGMENT.search(value) is not None


def is_base64_document(value: str) -> bool:
    """Tell whether a value is a document in base64 that a sender put where text belongs."""
    return value.lstrip().startswith(_BASE64_STARTS) and re.fullmatch(r"[A-Za-z0-9+/=\s]+", value) is not None


def text_of(content: bytes, codec: str) -> str:
    """Give the text of a decoded document, mark-up and all; a PDF's is plain. `codec` is that of its message.

    Raises:
        UnreadableDocument: it is of a kind that holds no text, or a PDF that cannot be read.
    """
    if content.lstrip()[:5] == b"%PDF-":
        return pdf_text(content)
    if b"\x00" in content:
        raise UnreadableDocument("The document is no text. Read the original.")
    return decode(content, "", "cp1252" if codec in {"utf-8", "utf-16"} else codec).text


def left_open(value: str) -> int:
    """Count what a piece of rich text or HTML opens and does not close: groups, or the page itself."""
    page = value.lower()
    groups = _BRACE.findall(value)
    return groups.count("{") - groups.count("}") + page.count("<html") - page.count("</html")


def plain(value: str) -> str:
    """Turn rich text or HTML into plain text; any other value is given back as it is.

    Raises:
        UnreadableDocument: the mark-up cannot be converted, or holds no text.
    """
    if not is_marked_up(value):
        return value
    value = _XHTML.sub("", value, count=1)
    if _BARE_PDF.match(value):
        raise UnreadableDocument("A PDF stands there without an encoding, which spoils it. Read the original.")
    if _XML.match(value):
        raise UnreadableDocument("An XML document (CDA) is not read. Read the original, or have the sender send text.")
    try:
        if _RICH_TEXT.match(value):
            text = _from_rich_text(value)
        else:
            # Tags inside a text of lines are no page, whose line ends mean nothing.
            text = _from_html(value, line_end=" " if _HTML.match(value) else "\n")
    except Exception as error:  # the library has no errors of its own
        raise UnreadableDocument("The document's mark-up cannot be converted. Read the original.") from error
    if not text.strip():
        raise UnreadableDocument("The document's mark-up holds no text. Read the original.")
    return text


def decoded(data: str, encoding: str) -> bytes:
    """Decode the data of an ED value (HL7 2.x chapter 2A, ED.4 and ED.5); line cuts in it are ignored.

    Raises:
        UnreadableDocument: the data do not fit the encoding.
    """
    compact = re.sub(r"\s", "", data)
    kind = encoding.strip().lower()
    try:
        if kind in {"base64", "base 64", "b64"} or (kind in _TEXT_ENCODINGS and is_base64_document(data)):
            # Senders pad too much or not at all, and some write the alphabet of addresses.
            unpadded = compact.rstrip("=").translate(str.maketrans("-_", "+/"))
            return base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), validate=True)
        if kind in {"hex", "hexadecimal"}:
            return bytes.fromhex(compact.removeprefix("0x"))
        if kind in _TEXT_ENCODINGS:
            return data.encode()
    except (binascii.Error, ValueError) as error:
        raise UnreadableDocument("The document's data do not fit its encoding (OBX-5.4). Read the original.") from error
    raise UnreadableDocument("The document's encoding (OBX-5.4) is none of A, Hex and Base64. Read the original.")


def _from_rich_text(value: str) -> str:
    convert: Callable[..., str] = striprtf.rtf_to_text
    return convert(value, encoding="cp1252", errors="ignore")


def _from_html(value: str, line_end: str) -> str:
    """Keep what a reader of the page sees. Not by html.parser, whose time grows with the square of unclosed tags."""
    parts: list[str] = []
    hidden = place = 0
    page = _without_comments(value)
    for tag in _TAG.finditer(page):
        if not hidden:
            parts.append(page[place : tag.start()].replace("\n", line_end))
        place = tag.end()
        name = (tag["name"] or "").lower()
        if name in _HIDDEN:
            hidden = max(0, hidden - 1) if tag["closes"] else hidden + 1
        elif name == "body":
            hidden = 0  # the end of the head may be left out
        elif name in _BLOCKS:
            parts.append("\n")
    parts.append("" if hidden else page[place:].replace("\n", line_end))
    lines = (re.sub(r"[ \t\r]+", " ", line).strip() for line in html.unescape("".join(parts)).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _without_comments(value: str) -> str:
    first, *rest = value.split("<!--")
    return first + "".join(part.partition("-->")[2] for part in rest)
