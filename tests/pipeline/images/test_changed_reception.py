"""A drawn spine, and a real one where it lies beside the project, encoded and accompanied as in the cases of reception.

What the cases rec-01 to rec-09 of tests/odd/dicom do to a phantom is done here to a spine, where discs are found.
"""

import struct
from collections.abc import Callable, Sequence
from copy import deepcopy
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    MRImageStorage,
    RLELossless,
)

from config.image_settings import ImageSettings
from pipeline.images.reader import ImageReader, load_image_reader
from pipeline.images.reading import read_study
from pipeline.training.drawn_studies import drawn_study
from pipeline.values import StudyReading
from tests.odd.dicom.make_cases import write_case
from tests.odd.dicom.phantom import element, put, save
from tests.pipeline.images.cases import files_of

REAL_SERIES = Path(__file__).resolve().parents[4] / "shared" / "samples" / "lumbar-t2"
CONDITIONS = ("cancer", "stenosis", "spondylolisthesis")
Raw = Callable[[Dataset], dict[int, bytes]]
Write = Callable[[Sequence[Dataset], Path], None]


def with_values(syntax: UID = ExplicitVRLittleEndian, raw: Raw | None = None, **attributes: object) -> Write:
    """Write all images with attributes changed, some of them encoded by hand."""

    def write(images: Sequence[Dataset], folder: Path) -> None:
        for number, image in enumerate(images):
            changed = put(deepcopy(image), attributes)
            save(changed, folder / f"{number:03}.dcm", syntax, raw(changed) if raw else None)

    return write


def compressed(syntax: UID) -> Write:
    def write(images: Sequence[Dataset], folder: Path) -> None:
        with_values()(images, folder)
        for path in files_of(folder):
            image = dcmread(path)
            image.compress(syntax, generate_instance_uid=False)
            image.save_as(path)

    return write


def jpeg_2000(images: Sequence[Dataset], folder: Path) -> None:
    """Write without loss by Pillow; pydicom has no encoder of its own."""
    with_values()(images, folder)
    for path in files_of(folder):
        image = dcmread(path)
        codestream = BytesIO()
        Image.fromarray(image.pixel_array).save(codestream, "JPEG2000", no_jp2=True, irreversible=False)
        image.PixelData = encapsulate([codestream.getvalue()])
        image.file_meta.TransferSyntaxUID = JPEG2000Lossless
        image.save_as(path)


def odd_name(_: Dataset) -> dict[int, bytes]:
    return {0x00100010: element(0x00100010, "PN", "Müller-Lüdenscheidt^Jörg".encode("latin-1"))}


def too_long(image: Dataset) -> dict[int, bytes]:
    position = "\\".join(f"{float(part) + 1e-13:.14f}"[:18] for part in image.ImagePositionPatient)
    return {
        0x00080050: element(0x00080050, "SH", b"AREC03A-2024-03-11-00417"),
        0x0008103E: element(0x0008103E, "LO", b"SAG T2 TSE lumbar spine, repeated because of movement ".ljust(86)),
        0x00100040: element(0x00100040, "CS", b"F\0"),
        0x00181152: element(0x00181152, "IS", b"14.5"),
        0x00200032: element(0x00200032, "DS", position.ljust(len(position) + len(position) % 2).encode()),
    }


def odd_length(_: Dataset) -> dict[int, bytes]:
    return {0x0008103E: element(0x0008103E, "LO", b"SAG T2 lumbar")}


def private_sequence(_: Dataset) -> dict[int, bytes]:
    inside = struct.pack("<HHI", 0x0008, 0x1150, 26) + MRImageStorage.encode() + b"\0"
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + inside + struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
    sequence = item + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return {
        0x00090010: element(0x00090010, "LO", b"SAMPLE IMAGING 1"),
        0x0009100E: element(0x0009100E, "UN", sequence, 0xFFFFFFFF),
    }


def with_objects_that_are_no_images(images: Sequence[Dataset], folder: Path) -> None:
    with_values()(images, folder / "images")
    write_case("rec-09", folder / "case")
    for path in files_of(folder / "case" / "images"):
        path.unlink()
    for path in files_of(folder / "case"):
        other = dcmread(path)
        other.StudyInstanceUID = images[0].StudyInstanceUID
        if path.name == "private.dcm":
            other.SeriesInstanceUID = images[0].SeriesInstanceUID
        other.save_as(path)


LONG = pytest.mark.long
"""The others stand for these in the short suite."""
WRITTEN = [
    pytest.param(with_values(raw=odd_name, SpecificCharacterSet="ISO_IR 192"), id="rec-01"),
    pytest.param(
        with_values(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName="Sato^Hanako=佐藤^花子=さとう^はなこ"),
        id="rec-02",
        marks=LONG,
    ),
    pytest.param(with_values(raw=too_long), id="rec-03-a-long"),
    pytest.param(with_values(raw=odd_length), id="rec-03-b-odd", marks=LONG),
    pytest.param(with_values(raw=private_sequence), id="rec-03-c-private", marks=LONG),
    pytest.param(
        with_values(PatientName="", PatientID="", PatientBirthDate="", AccessionNumber=""),
        id="rec-05",
        marks=LONG,
    ),
    pytest.param(with_values(ImplicitVRLittleEndian), id="rec-07-implicit", marks=LONG),
    pytest.param(with_values(DeflatedExplicitVRLittleEndian), id="rec-07-deflated", marks=LONG),
    pytest.param(with_values(ExplicitVRBigEndian), id="rec-07-big-endian"),
    pytest.param(compressed(RLELossless), id="rec-07-rle", marks=LONG),
    pytest.param(compressed(JPEGLSLossless), id="rec-07-jpeg-ls", marks=LONG),
    pytest.param(jpeg_2000, id="rec-07-jpeg-2000"),
    pytest.param(with_objects_that_are_no_images, id="rec-09"),
]


@pytest.fixture(scope="module")
def reader() -> ImageReader:
    return load_image_reader(ImageSettings(classifiers="demonstration"), Path(), "spinelabel test")


@pytest.fixture(scope="module")
def drawn() -> Sequence[Dataset]:
    return drawn_study(41, {"stenosis": ["L4-L5"], "spondylolisthesis": [], "cancer": []}).datasets


def read(reader: ImageReader, write: Write, images: Sequence[Dataset], folder: Path) -> StudyReading:
    folder.mkdir(exist_ok=True)
    write(images, folder)
    return read_study(reader, files_of(folder), CONDITIONS)


@pytest.fixture(scope="module")
def plain(reader: ImageReader, drawn: Sequence[Dataset], tmp_path_factory: pytest.TempPathFactory) -> StudyReading:
    return read(reader, with_values(), drawn, tmp_path_factory.mktemp("plain"))


def scores(reading: StudyReading) -> list[tuple[object, ...]]:
    """What was found, to the last digit, with the digest of the voxels it was found in."""
    return [
        (f.condition, f.level, f.state, f.answer, f.probability, f.log_odds, f.provenance.input_sha256)
        for f in reading.findings
    ]


@pytest.mark.parametrize("write", WRITTEN)
def test_a_drawn_spine_has_the_same_discs_and_scores_however_it_arrives(
    write: Write, reader: ImageReader, drawn: Sequence[Dataset], plain: StudyReading, tmp_path: Path
) -> None:
    reading = read(reader, write, drawn, tmp_path / "sent")

    assert len(plain.discs) >= 5
    assert reading.series_uid == plain.series_uid
    assert [(disc.level, disc.confidence) for disc in reading.discs] == [(d.level, d.confidence) for d in plain.discs]
    assert scores(reading) == scores(plain)


def cut_short(images: Sequence[Dataset], folder: Path) -> None:
    for number, image in enumerate(deepcopy(list(images))):
        if number == 3:
            image.PixelData = image.PixelData[: len(image.PixelData) // 2]
        if number == 5:
            del image.PixelData
        path = folder / f"{number:03}.dcm"
        save(image, path)
        if number == 7:
            path.write_bytes(path.read_bytes()[:-1000])


def test_a_drawn_spine_with_pixels_cut_short_as_in_rec_08_is_set_aside_with_each_image_named(
    reader: ImageReader, drawn: Sequence[Dataset], tmp_path: Path
) -> None:
    reading = read(reader, cut_short, drawn, tmp_path / "sent")

    whole = len(drawn[0].PixelData)
    assert (reading.series_uid, reading.discs) == (None, ())
    assert all(finding.answer is None for finding in reading.findings)
    for said in (f"holds {whole // 2} of {whole} bytes", "no Pixel Data", f"holds {whole - 1000} of {whole} bytes"):
        assert said in reading.reason


@pytest.mark.long
@pytest.mark.skipif(not REAL_SERIES.exists(), reason="the real series is not beside the project")
@pytest.mark.parametrize("write", WRITTEN)
def test_a_real_series_has_the_same_discs_and_scores_however_it_arrives(
    write: Write, reader: ImageReader, tmp_path: Path
) -> None:
    images = [dcmread(path) for path in sorted(REAL_SERIES.glob("*.dcm"))]
    usual = read(reader, with_values(), images, tmp_path / "plain")

    reading = read(reader, write, images, tmp_path / "sent")

    assert len(usual.discs) >= 5
    assert [disc.confidence for disc in reading.discs] == [disc.confidence for disc in usual.discs]
    assert scores(reading) == scores(usual)
