"""When two copies of an instance say the same; DCMTK and pydicom write the second copy."""

import subprocess
import threading
import tracemalloc
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from zlib import compressobj

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.filereader import read_file_meta_info
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from integrations.dicom import same_pixels
from service import same_content
from service.same_content import Comparing, Copy, describe_difference
from tests.odd.dicom.phantom import element, save, screenshot, t2_series
from tests.peers.dicom import program

Change = Callable[[Dataset], object]


def rich_image() -> Dataset:
    """Give an image with sequences, private attributes and text that is not ASCII."""
    image = t2_series("same")[4]
    image.PatientName = "Müller^Jörg"
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99LOCAL", "Größe"
    empty = Dataset()
    image.ProcedureCodeSequence = Sequence([code])
    image.ReferencedImageSequence = Sequence([empty])
    block = image.private_block(0x0019, "SAMPLE IMAGING 1", create=True)
    block.add_new(0x01, "LO", "TEXT")
    block.add_new(0x02, "US", [1, 2])
    inner = Dataset()
    inner.private_block(0x0019, "SAMPLE IMAGING 2", create=True).add_new(0x05, "OB", b"\1\2\3\0")
    block.add_new(0x03, "SQ", [inner])
    image.add_new(0x00280106, "US", 3)
    return image


@pytest.fixture
def first(tmp_path: Path) -> Path:
    save(rich_image(), tmp_path / "first.dcm")
    return tmp_path / "first.dcm"


def difference(first: Path, again: Path, *, headers_only: bool = False) -> str:
    copies = [Copy(path, str(read_file_meta_info(path).TransferSyntaxUID)) for path in (first, again)]
    return describe_difference(Comparing(first.parent, "ISO_IR 100"), *copies, headers_only=headers_only)


def changed(first: Path, change: Change) -> Path:
    image = dcmread(first)
    change(image)
    image.save_as(first.with_name("again.dcm"))
    return first.with_name("again.dcm")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["dcmconv", "+ti"], id="implicit VR"),
        pytest.param(["dcmconv", "+tb"], id="big endian"),
        pytest.param(["dcmconv", "+td"], id="deflated"),
        pytest.param(["dcmconv", "+g"], id="group lengths"),
        pytest.param(["dcmconv", "-e"], id="undefined lengths"),
        pytest.param(["dcmconv", "+ti", "-e"], id="implicit with undefined lengths"),
        pytest.param(["dcmconv", "+p", "512", "64"], id="padding"),
        pytest.param(["dcmconv", "+U8"], id="another character set"),
        pytest.param(["dcmcrle"], id="RLE"),
        pytest.param(["dcmcjpls"], id="JPEG-LS"),
    ],
)
def test_what_dcmtk_encodes_otherwise_is_the_same_content(first: Path, command: list[str]) -> None:
    again = first.with_name("again.dcm")
    subprocess.run([program(command[0]), *command[1:], str(first), str(again)], check=True)
    assert again.read_bytes() != first.read_bytes()

    assert difference(first, again) == difference(again, first) == ""


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless], ids=["RLE", "JPEG-LS"])
@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_what_pydicom_compresses_without_loss_is_the_same_content(tmp_path: Path, syntax: UID, colour: bool) -> None:
    save(screenshot("same", "sc", 1) if colour else rich_image(), tmp_path / "first.dcm")

    again = changed(tmp_path / "first.dcm", lambda image: image.compress(syntax, generate_instance_uid=False))

    assert difference(tmp_path / "first.dcm", again) == ""


@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_jpeg_2000_without_loss_is_the_same_content(tmp_path: Path, colour: bool) -> None:
    save(screenshot("same", "sc", 1) if colour else rich_image(), tmp_path / "first.dcm")

    again = changed(tmp_path / "first.dcm", _to_jpeg_2000)

    assert difference(tmp_path / "first.dcm", again) == ""


def _to_jpeg_2000(image: Dataset) -> None:
    encoded = BytesIO()
    Image.fromarray(image.pixel_array).save(encoded, "JPEG2000", no_jp2=True, irreversible=False, mct=1)
    image.PixelData = encapsulate([encoded.getvalue()])
    image["PixelData"].VR, image["PixelData"].is_undefined_length = "OB", True
    image.file_meta.TransferSyntaxUID = JPEG2000Lossless
    if image.SamplesPerPixel == 3:
        image.PhotometricInterpretation = "YBR_RCT"


def test_two_compressions_of_the_same_pixels_are_the_same_content_and_of_others_are_not(first: Path) -> None:
    one = changed(first, lambda image: image.compress(RLELossless, generate_instance_uid=False))
    one = one.rename(first.with_name("rle.dcm"))
    other = changed(first, lambda image: image.compress(JPEGLSLossless, generate_instance_uid=False))
    other = other.rename(first.with_name("jpeg-ls.dcm"))
    assert difference(one, other) == ""

    darker = changed(first, _darken).rename(first.with_name("darker.dcm"))
    assert difference(one, darker) == difference(darker, other) == "Pixel Data (7FE0,0010)"


def _darken(image: Dataset) -> None:
    image.PixelData = (image.pixel_array // 2).tobytes()


def test_a_copy_with_loss_is_named_so(first: Path) -> None:
    def lose(image: Dataset) -> None:
        image.compress(JPEGLSNearLossless, jls_error=9, generate_instance_uid=False)

    said = difference(first, changed(first, lose))

    assert "Pixel Data (7FE0,0010), compressed with loss in JPEG-LS Lossy" in said


def test_a_private_block_may_move_and_elements_may_stand_in_any_order(first: Path) -> None:
    def move(image: Dataset) -> None:
        moved = {element.tag: element for element in image if element.tag.group == 0x0019}
        for tag in moved:
            del image[tag]
        image.private_block(0x0019, "SOMEBODY ELSE", create=True)
        block = image.private_block(0x0019, "SAMPLE IMAGING 1", create=True)
        for tag, kept in moved.items():
            if tag.element > 0xFF:
                block.add_new(tag.element & 0xFF, kept.VR, kept.value)

    again = changed(first, move)
    assert difference(first, again) == ""

    encoded = again.read_bytes()
    comments = element(0x00104000, "LT", b"IN ORDER")
    save(rich_image(), first, raw={0x00104000: comments})
    again.write_bytes(encoded + comments)
    assert difference(first, again) == ""


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param(lambda image: setattr(image, "PatientName", "A^B"), "Patient's Name (0010,0010)", id="a name"),
        pytest.param(
            lambda image: image.private_block(0x0019, "SAMPLE IMAGING 1").add_new(0x02, "US", [1, 3]),
            "private attribute (0019,xx02)",
            id="a private number",
        ),
        pytest.param(
            lambda image: setattr(image.ProcedureCodeSequence[0], "CodeMeaning", "Kleiner"),
            "Procedure Code Sequence (0008,1032)",
            id="within a sequence",
        ),
        pytest.param(
            lambda image: image.ReferencedImageSequence.append(Dataset()),
            "Referenced Image Sequence (0008,1140)",
            id="one item more",
        ),
        pytest.param(lambda image: delattr(image, "PixelData"), "Pixel Data (7FE0,0010)", id="no pixels"),
        pytest.param(lambda image: setattr(image, "AccessionNumber", ""), "Accession Number (0008,0050)", id="emptied"),
        pytest.param(
            lambda image: image.add_new(0x00280106, "US", 3 << 8),
            "Smallest Image Pixel Value (0028,0106)",
            id="swapped bytes",
        ),
        pytest.param(_darken, "Pixel Data (7FE0,0010)", id="pixels"),
        pytest.param(
            lambda image: setattr(image, "PhotometricInterpretation", "MONOCHROME1"),
            "Photometric Interpretation (0028,0004)",
            id="inverted",
        ),
    ],
)
def test_what_differs_is_named_and_never_its_value(first: Path, change: Change, named: str) -> None:
    assert difference(first, changed(first, change)) == named


def test_many_differences_are_counted_after_the_first_ones(first: Path) -> None:
    def change(image: Dataset) -> None:
        for keyword in ("StudyDescription", "SeriesDescription", "ProtocolName", "PatientName", "PatientID", "StudyID"):
            setattr(image, keyword, "OTHER")
        image.StudyDate = image.SeriesDate = image.ContentDate = image.AcquisitionDate = "20240312"

    said = difference(first, changed(first, change))

    assert said.count("(") == 8
    assert said.endswith(", 2 more")


def test_without_pixels_the_headers_decide(first: Path) -> None:
    without = changed(first, lambda image: delattr(image, "PixelData"))

    assert difference(first, without, headers_only=True) == ""


def test_text_in_one_character_set_is_the_same_in_another_and_other_text_is_not(first: Path) -> None:
    first_bytes = first.read_bytes()
    utf8 = first_bytes.replace(b"ISO_IR 100", b"ISO_IR 192")
    wrong = first.with_name("again.dcm")
    wrong.write_bytes(utf8)  # still the bytes of ISO_IR 100, which the site's fallback reads as the same name

    assert difference(first, wrong) == ""


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda whole: whole[:-1000], id="cut short"),
        pytest.param(lambda whole: whole + b"\x10\x00\x10\x00PN\xff\xff", id="nonsense at the end"),
    ],
)
def test_a_damaged_copy_cannot_be_compared_and_that_is_said(first: Path, spoil: Callable[[bytes], bytes]) -> None:
    again = first.with_name("again.dcm")
    again.write_bytes(spoil(first.read_bytes()))

    assert "cut short or damaged" in difference(first, again)


def test_a_compression_that_nothing_decodes_is_named(first: Path) -> None:
    def relabel(image: Dataset) -> None:
        image.compress(RLELossless, generate_instance_uid=False)
        image.file_meta.TransferSyntaxUID = JPEGLosslessSV1

    said = difference(first, changed(first, relabel))

    assert said.startswith("they cannot be compared: its pixels in JPEG Lossless")


def test_an_object_that_inflates_without_end_is_given_up(first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(same_content, "MOST_INFLATED_BYTES", 4 << 20)
    save(rich_image(), first, DeflatedExplicitVRLittleEndian)
    again = first.with_name("again.dcm")
    packer = compressobj(9, wbits=-15)
    head = first.read_bytes()
    meta = head[: 144 + int.from_bytes(head[140:144], "little")]
    again.write_bytes(meta + packer.compress(bytes(64 << 20)) + packer.flush())

    assert "larger than" in difference(first, again)
    assert sorted(path.name for path in first.parent.iterdir()) == ["again.dcm", "first.dcm"]


def test_large_frames_are_not_decoded(first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(same_pixels, "MOST_FRAME_BYTES", 4000)
    again = changed(first, lambda image: image.compress(RLELossless, generate_instance_uid=False))

    assert "larger than" in difference(first, again)


def test_a_frame_that_is_larger_than_its_header_says_is_not_decoded(first: Path) -> None:
    def compress(image: Dataset) -> None:
        size = image.Rows.to_bytes(2, "big") + image.Columns.to_bytes(2, "big")
        image.compress(JPEGLSLossless, generate_instance_uid=False)
        assert image.PixelData.count(size) == 1
        image.PixelData = image.PixelData.replace(size, b"\xea\x60\xea\x60")

    assert "does not have the size that its header gives" in difference(first, changed(first, compress))


@pytest.mark.long
def test_many_frames_are_compared_in_the_memory_of_a_few(tmp_path: Path) -> None:
    image = rich_image()
    frames = np.random.default_rng(1).integers(0, 4096, (60, 512, 512), dtype=np.uint16)
    image.Rows = image.Columns = 512
    image.NumberOfFrames, image.PixelData = 60, frames.tobytes()
    save(image, tmp_path / "first.dcm")
    again = changed(tmp_path / "first.dcm", lambda copy: copy.compress(RLELossless, generate_instance_uid=False))
    del image, frames

    tracemalloc.start()
    assert difference(tmp_path / "first.dcm", again) == ""
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 16 << 20  # 30 MB of pixels


_TEXTS = st.text(st.characters(codec="latin-1", exclude_characters="\\^=\x1b", exclude_categories=["C"]), max_size=12)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=_TEXTS, description=_TEXTS, comments=_TEXTS, numbers=st.lists(st.integers(0, 65535), max_size=4))
def test_any_text_and_numbers_are_the_same_in_every_encoding(
    tmp_path: Path, name: str, description: str, comments: str, numbers: list[int]
) -> None:
    image = rich_image()
    image.PatientName, image.StudyDescription, image.PatientComments = name, description, comments
    image.private_block(0x0019, "SAMPLE IMAGING 1").add_new(0x09, "US", numbers)
    image.SpecificCharacterSet = "ISO_IR 100"
    syntaxes = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
    paths = [tmp_path / f"{place}.dcm" for place in range(3)]
    for path, syntax in zip(paths, syntaxes, strict=True):
        save(rich_copy(image), path, syntax)

    assert difference(paths[0], paths[1]) == difference(paths[0], paths[2]) == ""


def rich_copy(image: Dataset) -> Dataset:
    buffer = BytesIO()
    dcmwrite(buffer, image, implicit_vr=False, little_endian=True)
    buffer.seek(0)
    copy = dcmread(buffer, force=True)
    copy.decode()
    return copy


def test_comparing_needs_no_lock_and_several_do_it_at_once(first: Path) -> None:
    again = changed(first, lambda image: image.compress(RLELossless, generate_instance_uid=False))
    said: list[str] = []
    threads = [threading.Thread(target=lambda: said.append(difference(first, again))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert said == [""] * 4
