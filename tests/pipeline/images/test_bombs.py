"""Small files that ask for a lot of memory or time: each costs its study a sentence and the role little."""

import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from pipeline.images import volume
from pipeline.images.codestreams import coded_size
from pipeline.images.errors import NotAnImage, UnreadablePixels
from pipeline.images.files import MOST_INFLATED_BYTES
from pipeline.images.headers import read_header, read_images
from pipeline.images.series import choose_series, read_headers
from pipeline.images.volume import decode_image, load_volume
from tests.pipeline.images.phantom import COLUMNS, ROWS, mr_image, positions, save_all

MOST_BYTES = 64 << 20
MOST_SECONDS = 20
PLACE = (0.0, 0.0, 0.0)
LARGEST_SIDE = 65535


@contextmanager
def cheap() -> Iterator[None]:
    """Hold what happens inside to little memory and time."""
    began = time.thread_time()
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST_BYTES
    assert time.thread_time() - began < MOST_SECONDS


def written(ds: Dataset, folder: Path) -> Path:
    (path,) = save_all([ds], folder)
    return path


def deflated_bomb(folder: Path) -> Path:
    """Write an image of a megabyte behind whose pixels there are more zeros than are read."""
    ds = mr_image(1, PLACE)
    path = written(ds, folder)
    plain = path.read_bytes()
    begin = 144 + int.from_bytes(plain[140:144], "little")
    size = MOST_INFLATED_BYTES + (1 << 20)
    deflate = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    content = [deflate.compress(plain[begin:] + struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, size))]
    content += [deflate.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    small = written(ds, folder).read_bytes()
    head = small[: 144 + int.from_bytes(small[140:144], "little")]
    path.write_bytes(b"".join([head, *content, deflate.flush()]))
    return path


def test_a_deflated_file_that_inflates_without_end_is_not_read(tmp_path: Path) -> None:
    path = deflated_bomb(tmp_path)
    assert path.stat().st_size < 4 << 20

    with cheap(), pytest.raises(NotAnImage, match="larger than 512 MiB once inflated"):
        read_images(path)


def test_a_deflated_file_that_cannot_be_inflated_is_named(tmp_path: Path) -> None:
    ds = mr_image(1, PLACE)
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = written(ds, tmp_path)
    path.write_bytes(path.read_bytes()[:-200] + bytes(range(200)))

    with pytest.raises(NotAnImage):
        read_images(path)


@pytest.mark.parametrize("depth", [1_000, 50_000])
def test_sequences_in_sequences_behind_the_identifiers_cost_that_object_only(depth: int, tmp_path: Path) -> None:
    paths = save_all([mr_image(number, place) for number, place in enumerate(positions(), 1)], tmp_path)
    level = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    pixels = paths[3].read_bytes().index(b"\xe0\x7f\x10\x00")
    plain = paths[3].read_bytes()
    paths[3].write_bytes(
        plain[:pixels] + level.replace(b"\x08\x00\x40\x11", b"\x00\x54\x10\x00") * depth + plain[pixels:]
    )

    with cheap():
        images, problems = read_headers(paths)

    assert len(images) == len(paths) - 1
    assert problems == ((paths[3], "holds sequences too deeply in one another; it is kept and not read"),)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless], ids=lambda syntax: syntax.name)
def test_a_picture_that_is_declared_far_too_large_is_not_decoded(syntax: UID, tmp_path: Path) -> None:
    ds = mr_image(1, PLACE)
    ds.Rows = ds.Columns = LARGEST_SIDE
    ds.PixelData = encapsulate([b"\0" * 64])
    ds.file_meta.TransferSyntaxUID = syntax
    path = written(ds, tmp_path)

    with cheap():
        header = read_header(path)
        with pytest.raises(UnreadablePixels, match="declares a picture of 8191 MiB, more than 256"):
            decode_image(header)
    assert header.pixel_fault


def jpeg_2000(rows: int, columns: int) -> bytes:
    """Give a small code stream whose head says another size."""
    out = BytesIO()
    Image.fromarray(np.zeros((ROWS, COLUMNS), np.uint16)).save(out, "JPEG2000", no_jp2=True, irreversible=False)
    whole = out.getvalue()
    assert coded_size(whole) == (ROWS, COLUMNS)
    return whole[:8] + struct.pack(">II", columns, rows) + whole[16:]


def jpeg_ls(rows: int, columns: int) -> bytes:
    frame = b"\xff\xf7" + struct.pack(">HBHHB", 11, 16, rows, columns, 1) + b"\x01\x11\0"
    return b"\xff\xd8\xff\xe0\0\x04ab" + frame + b"\xff\xda\0\x08\x01\x01\0\0\0\0" + bytes(64) + b"\xff\xd9"


@pytest.mark.parametrize(
    ("syntax", "coded"), [(JPEG2000Lossless, jpeg_2000), (JPEGLSLossless, jpeg_ls)], ids=["JPEG 2000", "JPEG-LS"]
)
def test_a_picture_that_is_larger_than_its_header_says_is_not_decoded(
    syntax: UID, coded: Callable[[int, int], bytes], tmp_path: Path
) -> None:
    ds = mr_image(1, PLACE)
    ds.PixelData = encapsulate([coded(60_000, 60_000)])
    ds.file_meta.TransferSyntaxUID = syntax
    header = read_header(written(ds, tmp_path))

    with cheap(), pytest.raises(UnreadablePixels, match="does not have the size its header gives"):
        decode_image(header)


@pytest.mark.parametrize("coded", [jpeg_2000, jpeg_ls])
@pytest.mark.parametrize("end", range(0, 40, 3))
def test_a_code_stream_that_is_cut_short_has_no_size_or_the_one_it_says(
    coded: Callable[[int, int], bytes], end: int
) -> None:
    assert coded_size(coded(500, 400)[:end]) in {None, (500, 400)}


def test_a_number_of_frames_without_frames_costs_nothing(tmp_path: Path) -> None:
    ds = mr_image(1, PLACE)
    ds.NumberOfFrames = 2**31 - 1
    path = written(ds, tmp_path)

    with cheap():
        (header,) = read_images(path)

    assert (header.plane, header.plane_fault) == (None, "several frames without a place of their own")


def test_a_series_that_would_fill_the_memory_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = save_all([mr_image(number, place) for number, place in enumerate(positions(), 1)], tmp_path)
    stack = choose_series(read_headers(paths)[0]).stack
    assert stack is not None
    monkeypatch.setattr(volume, "MOST_VOLUME_BYTES", ROWS * COLUMNS * 4 * len(paths) - 1)

    with pytest.raises(UnreadablePixels, match="its 11 images would take more than"):
        load_volume(stack)


def test_an_image_whose_pixels_are_not_whole_is_not_decoded(tmp_path: Path) -> None:
    header = replace(read_header(written(mr_image(1, PLACE), tmp_path)), pixel_fault="has no Pixel Data")

    with pytest.raises(UnreadablePixels, match="image 1 has no Pixel Data"):
        decode_image(header)
