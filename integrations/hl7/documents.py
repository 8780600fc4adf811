"""Documents inside a report: base64, rich text and HTML to plain text."""

import base64
import binascii
import re
from collections.abc import Callable
from html.parser import HTMLParser

from striprtf import striprtf

from integrations.hl7.errors import UnreadableDocument

_BLOCKS = frozenset(
    {"address", "article", "br", "dd", "div", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "p", "pre"}
    | {"section", "table", "tr", "ul", "ol"}
)
_HIDDEN = frozenset({"head", "script", "style", "title"})
_HTML = re.compile(r"\s*<(?:!doctype\s+html|html|body)\b", re.IGNORECASE)


def is_rich_text(value: str) -> bool:
    """Tell whether a value starts as a rich text document does."""
    return value.lstrip().startswith("{\\rtf")


def group_depth(value: str) -> int:
    """Count the groups of rich text that a value opens and does not close; negative where it closes more."""
    braces = re.findall(r"\\[{}\\]|[{}]", value)
    return braces.count("{") - braces.count("}")


def plain(value: str) -> str:
    """Turn rich text or HTML into plain text; any other value is given back as it is.

    Raises:
        UnreadableDocument: the mark-up cannot be converted.
    """
    try:  # neither library has errors of its own, so whatever they raise is mapped
        if is_rich_text(value):
            return _from_rich_text(value)
        return _from_html(value) if _HTML.match(value) else value
    except Exception as error:
        raise UnreadableDocument("The document's mark-up cannot be converted. Read the original.") from error


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
    reader = _HtmlText()
    reader.feed(value)
    reader.close()
    lines = (re.sub(r"[^\S\xa0]+", " ", line).strip() for line in "".join(reader.parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _HtmlText(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base's
        self._hidden += tag in _HIDDEN
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        if tag in _BLOCKS and tag != "br":
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data.replace("\n", " "))
