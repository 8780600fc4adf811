"""The character set of a message: what MSH-18 declares if it fits, else UTF-8 if it fits, else the site's.

Source: HL7 2.x chapter 2, MSH-18, and HL7 table 0211.
"""

import codecs
import re
from dataclasses import dataclass

from integrations.hl7.errors import UnusableHl7Setting

_CODECS = {
    "ASCII": "ascii",
    "UNICODE": "utf-8",
    "UNICODEUTF8": "utf-8",
    "UTF8": "utf-8",
    "LATIN1": "cp1252",
    "LATIN2": "iso8859-2",
    "ISOIR6": "ascii",
    "ISOIR100": "cp1252",
    "ISOIR101": "iso8859-2",
    "ISOIR192": "utf-8",
    "ISOIR87": "iso2022_jp",
    "ISOIR159": "iso2022_jp_1",
    "KSX1001": "euc_kr",
    "CNS116431992": "euc_tw",
    "GB180302000": "gb18030",
    "BIG5": "big5",
}
_LATIN_PART = re.compile(r"(?:ISO)?8859(1[0-6]|[1-9])")
_WINDOWS_PAGE = re.compile(r"(?:WINDOWS|WIN|CP)(125[0-8])")


@dataclass(frozen=True)
class Decoded:
    """A text, the Python codec that its bytes were read with, and what the message log must say about it."""

    text: str
    codec: str
    notes: tuple[str, ...]


def codec_of(name: str) -> str | None:
    """Give the Python codec for a character set in HL7's or a free spelling; None where it is not known.

    ISO 8859-1 is read as Windows-1252, which senders mean by it: its 27 more characters are controls in 8859-1.
    """
    plain = re.sub(r"[^A-Z0-9]", "", name.upper())
    if page := _WINDOWS_PAGE.fullmatch(plain):
        return f"cp{page[1]}"
    if part := _LATIN_PART.fullmatch(plain):
        return "cp1252" if part[1] == "1" else _existing(f"iso8859-{part[1]}")
    return _existing(_CODECS.get(plain))


def site_codec(name: str) -> str:
    """Give the codec of the setting `hl7.charset`.

    Raises:
        UnusableHl7Setting: HL7 knows no such character set.
    """
    codec = codec_of(name)
    if codec is None:
        raise UnusableHl7Setting(f"hl7.charset: {name} is no known character set; write it as in 8859/1 or UTF-8.")
    return codec


def decode(raw: bytes, declared: str, site: str) -> Decoded:
    """Turn the bytes of one message into text without losing any of them.

    `declared` is MSH-18 (its first repetition), `site` a codec from `site_codec`.
    """
    notes: list[str] = []
    codec = codec_of(declared) if declared else None
    if codec is not None:
        text = _strictly(raw, codec)
        if text is not None:
            if codec.startswith(("cp", "iso8859")) and not raw.isascii() and _strictly(raw, "utf-8") is not None:
                notes.append(f"charset: read as declared ({codec}), though the bytes are also valid UTF-8")
            return Decoded(text, codec, tuple(notes))
        notes.append(f"charset: the bytes do not fit the declared {codec}")
    elif declared:
        notes.append("charset: MSH-18 names no known character set")
    text = None if codec == "utf-8" else _strictly(raw, "utf-8")
    if text is not None:
        if notes:
            notes.append("charset: read as utf-8")
        return Decoded(text, "utf-8", tuple(notes))
    fallback = site if _strictly(raw, site) is not None else "latin-1"
    notes.append(f"charset: read as {fallback}, the site's fall-back")
    return Decoded(raw.decode(fallback), fallback, tuple(notes))


def _existing(codec: str | None) -> str | None:
    try:
        return codec and codecs.lookup(codec).name
    except LookupError:
        return None


def _strictly(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return None
