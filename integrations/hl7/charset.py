"""The character set of a message: what MSH-18 declares if it fits, else UTF-8 if it fits, else the site's.

Source: HL7 2.x chapter 2, MSH-18, and HL7 table 0211.
"""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass

from integrations.hl7.errors import UnusableHl7Setting

_OLD_PAGES = (437, 850, 852, 855, 857, 858, 866, 932, 936, 949, 950)
CHARSETS = (
    ("ascii", ("ASCII", "ISO IR6")),
    ("cp1252", ("8859/1", "ISO 8859/1", "ISO IR100", "LATIN 1")),
    *((f"iso8859-{part}", (f"8859/{part}", f"ISO 8859/{part}")) for part in (*range(2, 12), *range(13, 17))),
    ("iso8859-2", ("ISO IR101", "LATIN 2")),
    ("utf-8", ("UNICODE UTF-8", "UTF-8", "UNICODE", "ISO IR192")),
    ("utf-16", ("UNICODE UTF-16", "UTF-16")),
    ("cp932", ("ISO IR13", "ISO IR14", "SHIFT JIS", "SJIS", "WINDOWS-31J")),
    ("iso2022_jp", ("ISO IR87",)),
    ("iso2022_jp_2", ("ISO IR159", "JIS X 0202", "JAS2020", "ISO 2022-JP")),
    ("euc_jp", ("EUC-JP",)),
    ("euc_kr", ("KS X 1001", "KSC 5601", "EUC-KR")),
    ("gb18030", ("GB 18030-2000", "GB 18030", "GB 2312", "GBK")),
    ("cp950", ("BIG-5",)),
    ("tis_620", ("ISO IR166", "TIS-620")),
    ("koi8_r", ("KOI8-R",)),
    ("koi8_u", ("KOI8-U",)),
    *((f"cp{page}", (f"WINDOWS-{page}", f"WIN{page}", f"CP{page}")) for page in range(1250, 1259)),
    *((f"cp{page}", (f"CP{page}", f"IBM{page}", f"DOS{page}")) for page in _OLD_PAGES),
)
"""Python codecs with the names in HL7 table 0211 and free spellings of them; letters and digits of a name count.

ISO 8859-1 is read as Windows-1252, which senders mean by it: its 27 more characters are controls in 8859-1.
"""
UNKNOWN_CHARSETS = ("CNS 11643-1992", "UNICODE UTF-32")
"""What table 0211 has besides."""
_SWITCHING = "iso2022_jp_2"
_ESCAPE = b"\x1b"
_WIDE = re.compile(
    rb"[\x00\r\n]*?(?:\xfe\xff|(?=\x00M\x00S\x00H)|(?P<little>\xff\xfe|(?=M\x00S\x00H\x00|[FB]\x00H\x00S\x00)))"
)
WIDE = "utf-16"
"""The codec of messages whose characters are two bytes wide."""


def _plain(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", name.upper())


_CODECS = {_plain(name): codecs.lookup(codec).name for codec, names in CHARSETS for name in names}


@dataclass(frozen=True)
class Decoded:
    """A text, the Python codec that its bytes were read with, and what the message log must say about it."""

    text: str
    codec: str
    notes: tuple[str, ...]


def codec_of(name: str) -> str | None:
    """Give the Python codec for a character set by its name in `CHARSETS`; None where it is not known."""
    return _CODECS.get(_plain(name))


def site_codec(name: str) -> str:
    """Give the codec of the setting `hl7.charset`.

    Raises:
        UnusableHl7Setting: HL7 knows no such character set.
    """
    codec = codec_of(name)
    if codec is None or codec == WIDE:
        raise UnusableHl7Setting(f"hl7.charset: {name} is no known character set; write it as in 8859/1 or UTF-8.")
    return codec


def decode(raw: bytes, declared: str, site: str, more: Sequence[str] = ()) -> Decoded:
    """Turn the bytes of one message into text without losing any of them.

    `declared` is the first repetition of MSH-18, `more` are those after it, and `site` a codec from `site_codec`.
    Where several are declared, the bytes are of the first that they fit, UTF-8 before those that fit anything.
    """
    notes: list[str] = []
    names = [name for name in (declared, *more) if name.strip()]
    codecs_named = [codec_of(name) for name in names]
    tried = [codec for codec in _in_order(codecs_named, raw) if codec != WIDE]  # a wide one is seen before this
    for codec in tried:
        text = _strictly(raw, codec)
        if text is not None:
            if codec.startswith(("cp125", "iso8859")) and not raw.isascii() and _strictly(raw, "utf-8") is not None:
                notes.append(f"charset: read as declared ({codec}), though the bytes are also valid UTF-8")
            return Decoded(text, codec, tuple(notes))
        notes.append(f"charset: the bytes do not fit the declared {codec}")
    if WIDE in codecs_named:
        notes.append(f"charset: the bytes do not fit the declared {WIDE}")
    if None in codecs_named:
        notes.append("charset: MSH-18 names no known character set")
    text = None if "utf-8" in tried else _strictly(raw, "utf-8")
    if text is not None:
        if notes:
            notes.append("charset: read as utf-8")
        return Decoded(text, "utf-8", tuple(notes))
    fallback = site if _strictly(raw, site) is not None else "latin-1"
    notes.append(f"charset: read as {fallback}, the site's fall-back")
    return Decoded(raw.decode(fallback), fallback, tuple(notes))


def widened(raw: bytes) -> str | None:
    """Give the text of a message whose characters are two bytes wide (UTF-16, either way round); None for others."""
    found = _WIDE.match(raw)
    if found is None:
        return None
    return _strictly(raw[found.end() :], "utf-16-be" if found["little"] is None else "utf-16-le")


def _in_order(named: Sequence[str | None], raw: bytes) -> list[str]:
    """Put the declared codecs in the order to try; escape sequences in the bytes say that they are switched between."""
    known = list(dict.fromkeys(codec for codec in named if codec is not None))
    if _ESCAPE in raw and any(codec.startswith("iso2022") for codec in known):
        return [_SWITCHING, *(codec for codec in known if codec != _SWITCHING)]
    return sorted(known, key=lambda codec: codec != "utf-8") if len(known) > 1 else known


def _strictly(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return None
