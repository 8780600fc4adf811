"""Text of data elements in their character sets (PS3.5, chapter 6)."""

import re
from dataclasses import dataclass

from pydicom.charset import decode_bytes, python_encoding

_ESCAPE = b"\x1b"
_DEFAULT = frozenset({"", "ISO_IR 6", "ISO 2022 IR 6"})
_NAME_DELIMITERS = {ord("^"), ord("=")}
_TEXT_DELIMITERS = {ord(character) for character in "\n\r\t\f\\"}


@dataclass(frozen=True)
class CharacterSet:
    """The declared Specific Character Set (0008,0005) and what is used where it does not fit.

    `declared` are the defined terms in order, as written. `fallback` is the site's defined term.
    """

    declared: tuple[str, ...]
    fallback: str

    def read(self, value: bytes, *, is_name: bool = False) -> tuple[str, bool]:
        """Decode a value; the second part is whether it fitted the declared character set.

        No byte is lost: where neither the declared set nor the fallback fits, each byte is read as ISO_IR 100.
        """
        delimiters = _NAME_DELIMITERS if is_name else _TEXT_DELIMITERS
        text = _decoded(value, self.declared or ("",), delimiters)
        if text is not None:
            return text, True
        text = _decoded(value, (self.fallback,), delimiters)
        return value.decode("latin_1") if text is None else text, False


def _decoded(value: bytes, terms: tuple[str, ...], delimiters: set[int]) -> str | None:
    codecs = [_codec(term) for term in terms]
    if codecs[0] is None:
        return None
    if _ESCAPE in value:
        known = [codec for codec in codecs if codec is not None]
        text = decode_bytes(value, ["iso8859" if codec == "ascii" else codec for codec in known], delimiters)
        return None if "\ufffd" in text else text
    try:
        return value.decode(codecs[0])
    except UnicodeDecodeError:
        return None


def _codec(term: str) -> str | None:
    """Python's codec for a defined term, written in any of the usual ways; None for an unknown one."""
    if term in _DEFAULT:
        return "ascii"  # pydicom reads the default repertoire as Latin-1, which would hide that a value does not fit
    spelled = re.sub(
        r"^ISO[-_ ]?IR[-_ ]?", "ISO_IR ", re.sub(r"^ISO[-_ ]2022[-_ ]IR[-_ ]", "ISO 2022 IR ", term.upper())
    )
    return python_encoding.get(spelled)
