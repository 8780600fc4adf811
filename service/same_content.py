"""Whether an instance that came again says the same as the first, in whatever encoding, and what differs in words."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, BinaryIO

from pydicom.datadict import dictionary_description
from pydicom.uid import UID, ExplicitVRLittleEndian

from integrations.dicom.content import CHUNK, Content, Place, Step, read_content, text_digest
from integrations.dicom.elements import DEFLATED, Unreadable
from integrations.dicom.part10 import FileMeta, data_set_offset, encode_file_meta
from integrations.dicom.same_pixels import PixelFile, Undecodable, are_same_pixels

MOST_INFLATED_BYTES = 1 << 30
MOST_NAMED = 8

_PIXELS = "Pixel Data (7FE0,0010)"
_OFFSET_TABLES = frozenset({0x7FE00001, 0x7FE00002, 0x7FE00003})
_PHOTOMETRIC, _PLANAR = 0x00280004, 0x00280006
_COLOURS = frozenset(map(text_digest, ("RGB", "YBR_RCT", "YBR_ICT")))
"""What RGB may be called in JPEG 2000 (PS3.5, 8.2.4); decoders give RGB for each."""
_LOSSLESS = frozenset(
    {
        "1.2.840.10008.1.2.4.57",
        "1.2.840.10008.1.2.4.70",
        "1.2.840.10008.1.2.4.80",
        "1.2.840.10008.1.2.4.90",
        "1.2.840.10008.1.2.4.92",
        "1.2.840.10008.1.2.4.110",
        "1.2.840.10008.1.2.4.201",
        "1.2.840.10008.1.2.4.202",
        "1.2.840.10008.1.2.5",
        "1.2.840.10008.1.2.8.1",
    }
)
"""Compressions that lose nothing (PS3.6, table A-1); those outside may, and mostly do."""


@dataclass(frozen=True)
class Copy:
    """A stored object: its file, and the transfer syntax that it came in."""

    path: Path
    transfer_syntax_uid: str


@dataclass(frozen=True)
class Comparing:
    """What it takes to compare: a folder for what is inflated, and the site's character set."""

    scratch: Path
    charset: str


def describe_difference(comparing: Comparing, first: Copy, again: Copy, *, headers_only: bool = False) -> str:
    """Say in what two objects differ, attribute by attribute and never with a value; empty where they say the same.

    What cannot be compared is a difference too, with the reason. With `headers_only` pixels are left out.
    """
    try:
        with _plain(first, comparing.scratch) as one, _plain(again, comparing.scratch) as other:
            contents = _read(one, comparing.charset), _read(other, comparing.charset)
            named = _names(_differing(*contents, headers_only=headers_only))
            if not headers_only and (what := _pixel_difference((one, contents[0]), (other, contents[1]))):
                named.append(what)
    except (Unreadable, zlib.error):
        return "one of both is cut short or damaged, so that they cannot be compared"
    except Undecodable as error:
        return f"they cannot be compared: {error}"
    more = [f"{len(named) - MOST_NAMED} more"] if len(named) > MOST_NAMED else []
    return ", ".join(named[:MOST_NAMED] + more)


def _read(copy: Copy, charset: str) -> Content:
    with copy.path.open("rb") as stream:
        stream.seek(data_set_offset(stream))
        return read_content(stream, copy.transfer_syntax_uid, charset)


def _differing(one: Content, other: Content, *, headers_only: bool) -> list[Place]:
    ignored = set(_OFFSET_TABLES)
    if headers_only or any(content.pixels and content.pixels.is_encapsulated for content in (one, other)):
        ignored.add(_PLANAR)  # decoded pixels are compared in one order
        shown = [content.values.get((_PHOTOMETRIC,)) for content in (one, other)]
        if all(value and value.exact in _COLOURS for value in shown):
            ignored.add(_PHOTOMETRIC)
    places = one.values.keys() | other.values.keys()
    return [
        place
        for place in places
        if place[0] not in ignored
        and not (place in one.values and place in other.values and one.values[place].says_the_same(other.values[place]))
    ]


def _names(places: list[Place]) -> list[str]:
    """Name the attributes of the data set in which something differs, once each, by their tags."""
    tops = sorted({place[0] for place in places}, key=_order)
    return [_name(step) for step in tops]


def _order(step: Step) -> tuple[int, int]:
    return (step >> 16, step & 0xFFFF) if isinstance(step, int) else (step[0], 0x1000 | step[2])


def _name(step: Step) -> str:
    if not isinstance(step, int):
        return f"private attribute ({step[0]:04X},xx{step[2]:02X})"
    place = f"({step >> 16:04X},{step & 0xFFFF:04X})"
    try:
        return f"{dictionary_description(step)} {place}"
    except KeyError:
        return f"{'private' if step >> 16 & 1 else 'unknown'} attribute {place}"


def _pixel_difference(first: tuple[Copy, Content], again: tuple[Copy, Content]) -> str:
    (one, ours), (other, theirs) = first, again
    if ours.pixels is None and theirs.pixels is None:
        return ""
    if ours.pixels is None or theirs.pixels is None:
        return _PIXELS
    files = [
        PixelFile(one.path, one.transfer_syntax_uid, ours.pixels),
        PixelFile(other.path, other.transfer_syntax_uid, theirs.pixels),
    ]
    if are_same_pixels(*files):
        return ""
    lossy = [file for file in files if file.pixels.is_encapsulated and file.transfer_syntax_uid not in _LOSSLESS]
    return f"{_PIXELS}, compressed with loss in {UID(lossy[0].transfer_syntax_uid).name}" if lossy else _PIXELS


@contextmanager
def _plain(copy: Copy, scratch: Path) -> Iterator[Copy]:
    """Give an object as it is, or, where it is deflated, inflated into a file for the time of comparing."""
    if copy.transfer_syntax_uid not in DEFLATED:
        yield copy
        return
    with NamedTemporaryFile(dir=scratch, suffix=".part") as inflated, copy.path.open("rb") as stream:
        inflated.write(encode_file_meta(FileMeta("", "", ExplicitVRLittleEndian, "")))
        stream.seek(data_set_offset(stream))
        _inflate(stream, inflated.file)
        inflated.flush()
        yield Copy(Path(inflated.name), ExplicitVRLittleEndian)


def _inflate(stream: BinaryIO, out: IO[bytes]) -> None:
    inflater, left = zlib.decompressobj(-zlib.MAX_WBITS), MOST_INFLATED_BYTES
    while not inflater.eof:
        deflated = inflater.unconsumed_tail or stream.read(CHUNK)
        if not deflated:
            raise Unreadable
        piece = inflater.decompress(deflated, CHUNK)
        left -= len(piece)
        if left < 0:
            raise Undecodable(f"inflated it is larger than {MOST_INFLATED_BYTES >> 20} MiB")
        out.write(piece)
