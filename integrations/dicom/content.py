"""What an object says, apart from how it is encoded, for telling the same content from another.

Not compared, since they belong to the encoding (PS3.5, chapters 6 and 7): transfer syntax, order of elements, group
lengths, padding, defined or undefined lengths, the character set as long as the text is the same, and which block of a
group a private creator reserved. Values are kept as digests, so that the memory taken depends on the number of elements
alone.
"""

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from pydicom.datadict import dictionary_VR, private_dictionary_VR

from integrations.dicom.elements import (
    EXPLICIT_BIG,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    MAX_DEPTH,
    MAX_ELEMENTS,
    SEQUENCE_END,
    UNDEFINED,
    Head,
    Unreadable,
    Walk,
)
from integrations.dicom.text import CharacterSet

Step = int | tuple[int, str, int]
"""A tag, the number of an item, or of a private attribute its group, creator and element within the block."""
Place = tuple[Step, ...]

PIXEL_DATA = 0x7FE00010
CHUNK = 1024 * 1024
_CHARACTER_SET = 0x00080005
_PADDING = 0xFFFCFFFC  # Data Set Trailing Padding
_MOST_TEXT = 1024 * 1024  # longer text is compared as bytes
_MOST_BARE = 65_536  # longer values of unknown kind are compared with their padding

_LINES = frozenset({"LO", "SH", "UC", "PN"})
_PARAGRAPHS = frozenset({"LT", "ST", "UT"})
_ASCII = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"})
_WORDS = {"H": ("US", "SS", "OW", "AT"), "I": ("UL", "SL", "FL", "OF", "OL"), "Q": ("FD", "OD", "OV", "SV", "UV")}
_WORD_OF = {vr: code for code, vrs in _WORDS.items() for vr in vrs}


@dataclass(frozen=True, slots=True)
class Value:
    """A value by its digests: `exact` as it is meant, `bare` its bytes without padding, for one of unknown kind."""

    is_known: bool
    exact: bytes
    bare: bytes

    def says_the_same(self, other: "Value") -> bool:
        """Tell whether two values mean the same, as far as their kinds are known."""
        return self.exact == other.exact if self.is_known and other.is_known else self.bare == other.bare


@dataclass(frozen=True)
class Pixels:
    """Where the value of Pixel Data (7FE0,0010) lies in the file; `word` is the type code of what is byte-swapped."""

    start: int
    end: int
    is_encapsulated: bool
    word: str | None


@dataclass
class Content:
    """The values of an object by their places, and where its pixels are."""

    values: dict[Place, Value] = field(default_factory=dict)
    pixels: Pixels | None = None


def read_content(stream: BinaryIO, transfer_syntax_uid: str, fallback_charset: str) -> Content:
    """Read a whole data set.

    Args:
        stream: seekable, at the first byte of the data set, which is not deflated.
        transfer_syntax_uid: how it is encoded.
        fallback_charset: the site's character set, for text that does not fit its own (defined term of (0008,0005)).

    Raises:
        Unreadable: the data set is cut short, nests too deeply, has too many elements, or makes no sense.
    """
    start = stream.tell()
    size = stream.seek(0, 2)
    stream.seek(start)
    explicit, is_big = transfer_syntax_uid != IMPLICIT_LITTLE, transfer_syntax_uid == EXPLICIT_BIG
    # A level's elements are stepped over to find its character set, and sequences then read in turn.
    walk = Walk(stream, explicit=explicit, big=is_big, most=2 * MAX_ELEMENTS)
    reader = _Reader(stream, walk, is_big=is_big)
    reader.read_level(size, (), _Level(CharacterSet(("",), fallback_charset), 0))
    return reader.content


@dataclass(frozen=True)
class _Level:
    """What holds within an item, or the data set: its character set and its depth."""

    charset: CharacterSet
    depth: int


@dataclass(frozen=True, slots=True)
class _Element:
    """An element with where its value lies, and whether it stands in Explicit VR."""

    head: Head
    start: int
    end: int
    explicit: bool


class _Reader:
    """Reads the levels of one data set."""

    def __init__(self, stream: BinaryIO, walk: Walk, *, is_big: bool) -> None:
        self._stream, self._walk, self._is_big = stream, walk, is_big
        self.content = Content()

    def read_level(self, end: int | None, place: Place, outer: _Level) -> None:
        """Read elements up to `end`, or to the end of an item of undefined length, and stay behind them."""
        if outer.depth > MAX_DEPTH:
            raise Unreadable
        elements = list(self._elements(end, outer.depth))
        behind = self._stream.tell()
        charset, creators = outer.charset, {}
        for element in elements:
            tag = element.head.tag
            if tag == _CHARACTER_SET:
                terms = self._bytes(element).decode("latin_1").strip(" \0").split("\\")
                charset = CharacterSet(tuple(term.strip() for term in terms), charset.fallback)
            elif tag >> 16 & 1 and 0x10 <= tag & 0xFFFF <= 0xFF:
                creators[tag] = self._bytes(element).decode("latin_1").strip(" \0")
        for element in elements:
            tag = element.head.tag
            if tag in {_CHARACTER_SET, _PADDING} or tag & 0xFFFF == 0 or tag in creators:
                continue
            self._read(element, place, _Level(charset, outer.depth), creators.get(_creator_tag(tag)))
        self._stream.seek(behind)

    def _elements(self, end: int | None, depth: int) -> Iterator[_Element]:
        while end is None or self._stream.tell() < end:
            head = self._walk.next_head()
            if end is None and head.tag == ITEM_END:
                return
            start = self._stream.tell()
            self._walk.step_over(head, depth)
            behind = self._stream.tell()
            if end is not None and behind > end:
                raise Unreadable
            yield _Element(head, start, behind, self._walk.explicit)

    def _read(self, element: _Element, place: Place, level: _Level, creator: str | None) -> None:
        head = element.head
        vr = _vr_of(head, creator)
        if head.tag == PIXEL_DATA and not place:
            is_encapsulated = head.length == UNDEFINED
            word = _WORD_OF.get(vr or "") if self._is_big else None
            self.content.pixels = Pixels(element.start, element.end, is_encapsulated, word)
            return
        key = head.tag if creator is None else (head.tag >> 16, creator, head.tag & 0xFF)
        here = (*place, key)
        if vr in {"OB", "OW"} and head.length == UNDEFINED:
            self.content.values[here] = self._binary(element, vr)  # compressed pixels of an icon
        elif vr == "SQ" or head.length == UNDEFINED:
            self._read_items(element, here, level)
        elif vr is not None:
            self.content.values[here] = self._value(element, vr, level.charset)
        elif not self._is_sequence(element, here, level):
            self.content.values[here] = self._binary(element, None)

    def _read_items(self, element: _Element, place: Place, level: _Level) -> None:
        count, agreed = 0, self._walk.explicit
        # PS3.5, 6.2.2: what is in a value of unknown VR is in Implicit VR.
        self._walk.explicit = element.explicit and element.head.vr != b"UN"
        self._stream.seek(element.start)
        while self._stream.tell() < element.end and (head := self._walk.next_head()).tag != SEQUENCE_END:
            if head.tag != ITEM:
                raise Unreadable
            end = None if head.length == UNDEFINED else self._stream.tell() + head.length
            if end is not None and end > element.end:
                raise Unreadable
            self.read_level(end, (*place, count), _Level(level.charset, level.depth + 1))
            count += 1
        self._walk.explicit = agreed
        number = _digest(f"{count} items".encode())
        self.content.values[place] = Value(is_known=True, exact=number, bare=number)

    def _is_sequence(self, element: _Element, place: Place, level: _Level) -> bool:
        """Read a value of unknown kind as items where it can be, since another copy may know that it is a sequence."""
        self._stream.seek(element.start)
        if element.end - element.start < 8 or self._stream.read(4) != b"\xfe\xff\x00\xe0":
            return False
        before, explicit = self.content, self._walk.explicit
        self.content = Content()
        try:
            self._read_items(element, place, level)
        except Unreadable:
            self.content, self._walk.explicit = before, explicit
            return False
        before.values.update(self.content.values)
        self.content = before
        return True

    def _value(self, element: _Element, vr: str, charset: CharacterSet) -> Value:
        is_text = vr in _LINES or vr in _PARAGRAPHS or vr in _ASCII
        if not is_text or element.end - element.start > _MOST_TEXT:
            return self._binary(element, vr)
        raw = self._bytes(element)
        text = raw.decode("latin_1") if vr in _ASCII else charset.read(raw, is_name=vr == "PN")[0]
        return Value(is_known=True, exact=text_digest(_meant(text, vr)), bare=_digest(raw.rstrip(b" \0")))

    def _binary(self, element: _Element, vr: str | None) -> Value:
        digest, size = hashlib.sha256(), element.end - element.start
        word = _WORD_OF.get(vr or "") if self._is_big else None
        last = b""
        for last in read_chunks(self._stream, element.start, element.end, word):
            digest.update(last)
        bare = _digest(last.rstrip(b" \0")) if size <= _MOST_BARE else digest.digest()
        return Value(is_known=vr is not None, exact=digest.digest(), bare=bare)

    def _bytes(self, element: _Element) -> bytes:
        self._stream.seek(element.start)
        return self._stream.read(element.end - element.start)


def read_chunks(stream: BinaryIO, start: int, end: int, word: str | None) -> Iterator[bytes]:
    """Give the bytes between two places of a stream, those of each word turned round where there is one."""
    while start < end:
        stream.seek(start)
        chunk = stream.read(min(CHUNK, end - start))
        if not chunk:
            raise Unreadable
        start += len(chunk)
        yield _swapped(chunk, word) if word else chunk


def _swapped(chunk: bytes, word: str) -> bytes:
    words = array(word)
    whole = len(chunk) - len(chunk) % words.itemsize
    words.frombytes(chunk[:whole])
    words.byteswap()
    return words.tobytes() + chunk[whole:]


def _vr_of(head: Head, creator: str | None) -> str | None:
    """Give the VR as it stands there, else as the dictionaries know it; None where nobody does."""
    if head.vr and head.vr != b"UN":
        return head.vr.decode("ascii")
    try:
        known = dictionary_VR(head.tag) if creator is None else private_dictionary_VR(head.tag, creator)
    except KeyError:
        return None
    # Of several, as in "US or SS": all have words of the same length, or are OW in Implicit VR.
    return known[-2:] if known != "UN" else None


def _creator_tag(tag: int) -> int:
    """Give the tag of the Private Creator whose block a private attribute lies in; 0 for any other attribute."""
    group, element = tag >> 16, tag & 0xFFFF
    return group << 16 | element >> 8 if group & 1 and element >= 0x1000 else 0


def _meant(text: str, vr: str) -> str:
    if vr in _PARAGRAPHS:
        return text.rstrip(" \0")
    return "\\".join(_name(value) if vr == "PN" else value.strip(" \0") for value in text.split("\\"))


def _name(value: str) -> str:
    """Write a person's name without what may be left out at the ends of groups (PS3.5, 6.2.1)."""
    groups = ["^".join(part.strip(" \0") for part in group.split("^")).rstrip("^") for group in value.split("=")]
    return "=".join(groups).rstrip("=")


def text_digest(text: str) -> bytes:
    """Give what stands for a text in `Value.exact`."""
    return _digest(text.encode("utf-8", "surrogatepass"))


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
