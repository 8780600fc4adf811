"""Documents inside a report: base64, rich text and HTML to plain text."""

import base64
import binascii
import html
import re
from collections.abc import Callable

from striprtf import striprtf

from integrations.hl7.errors import UnreadableDocument

_BLOCKS = frozenset(
    {"address", "article", "br", "dd", "div", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "p", "pre"}
    | {"section", "table", "tr", "ul", "ol"}
)
_HIDDEN = frozenset({"head", "script", "style", "title"})
_TAG = re.compile(r"<(?P<closes>/?)(?P<name>[A-Za-z][A-Za-z0-9]*)(?![A-Za-z0-9])[^<>]*>|<[!?][^<>]*>")
_RICH_TEXT = re.compile(r"\s*\{\\rtf")
_BRACE = re.compile(r"\\[{}\\]|[{}]")
_HTML = re.compile(r"\s*<(?:!doctype\s+html|html|body)\b", re.IGNORECASE)


def is_marked_up(value: str) -> bool:
    """Tell whether a value starts as rich text or HTML does."""
    return _RICH_TEXT.match(value) is not None or _HTML.match(value) is not None


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
    try:
        text = _from_rich_text(value) if _RICH_TEXT.match(value) else _from_html(value)
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
    try:
        match encoding.strip().lower():
            case "base64":
                return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
            case "hex":
                return bytes.fromhex(compact)
            case "a" | "":
                return data.encode()
    except (binascii.Error, ValueError) as error:
        raise UnreadableDocument("The document's data do not fit its encoding (OBX-5.4). Read the original.") from error
    raise UnreadableDocument("The document's encoding (OBX-5.4) is none of A, Hex and Base64. Read the original.")


def _from_rich_text(value: str) -> str:
    convert: Callable[..., str] = striprtf.rtf_to_text
    return convert(value, encoding="cp1252", errors="ignore")


def _from_html(value: str) -> str:
    """Keep what a reader of the page sees. Not by html.parser, whose time grows with the square of unclosed tags."""
    parts: list[str] = []
    hidden = place = 0
    page = _without_comments(value)
    for tag in _TAG.finditer(page):
        if not hidden:
            parts.append(page[place : tag.start()].replace("\n", " "))
        place = tag.end()
        name = (tag["name"] or "").lower()
        if name in _HIDDEN:
            hidden = max(0, hidden - 1) if tag["closes"] else hidden + 1
        elif name == "body":
            hidden = 0  # the end of the head may be left out
        elif name in _BLOCKS:
            parts.append("\n")
    parts.append("" if hidden else page[place:].replace("\n", " "))
    lines = (re.sub(r"[ \t\r]+", " ", line).strip() for line in html.unescape("".join(parts)).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _without_comments(value: str) -> str:
    first, *rest = value.split("<!--")
    return first + "".join(part.partition("-->")[2] for part in rest)
