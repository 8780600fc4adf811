"""What the awkward objects are made of: an invented patient, a computed phantom, and files written as told.

Every image shows one phantom, computed in patient coordinates (LPS, mm), so that a slice looks right whatever its
position and orientation say: a column of blocks, a bright canal behind it, and a bright ball that lies left, anterior
and superior.
"""

import hashlib
import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    MRImageStorage,
    SecondaryCaptureImageStorage,
)

Vector = tuple[float, ...]
Maker = Callable[[Path], None]

ROWS, COLUMNS, PIXEL = 60, 40, 5.0  # mm per pixel
SAGITTAL: Vector = (0, 1, 0, 0, 0, -1)  # a row runs to posterior, a column to inferior
AXIAL: Vector = (1, 0, 0, 0, 1, 0)
CORONAL: Vector = (1, 0, 0, 0, 0, -1)
SLICES, SPACING = 11, 4.4  # mm from slice to slice
PRIVATE_SERIES_DATA = "1.3.46.670589.11.0.0.12.2"  # a maker's own storage SOP class
MARK = b"STAND-IN"

CASES: dict[str, Maker] = {}


def case(name: str) -> Callable[[Maker], Maker]:
    """Register a function that writes the files of one case into a folder."""

    def register(make: Maker) -> Maker:
        CASES[name] = make
        return make

    return register


# --- identifiers and pixels ---------------------------------------------------------------------------


def uid(*names: object) -> str:
    """A UID that is always the same for the same names."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:15], 'big')}"


def phantom(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Signal at patient coordinates in mm."""
    signal = np.full(x.shape, 60)
    column = (np.abs(x) < 22) & (np.abs(y) < 18)
    signal[column] = np.where(z[column] % 36 < 26, 420, 700)  # bodies and discs
    signal[(np.abs(x) < 10) & (np.abs(y - 28) < 8)] = 1000  # canal
    signal[(x - 15) ** 2 + (y + 60) ** 2 + (z - 100) ** 2 < 14**2] = 1500  # ball: left, anterior, superior
    return signal


def pixels(position: Vector, orientation: Vector) -> np.ndarray:
    """The phantom in one plane, (rows, columns), uint16."""
    row, column = np.mgrid[:ROWS, :COLUMNS] * PIXEL
    along_row, along_column = np.array(orientation[:3]), np.array(orientation[3:])
    points = position + column[..., None] * along_row + row[..., None] * along_column
    return phantom(*np.moveaxis(points, -1, 0)).astype(np.uint16)


# --- data sets ----------------------------------------------------------------------------------------


def put(ds: Dataset, attributes: dict[str, object]) -> Dataset:
    """Set attributes by keyword; None takes one away."""
    for keyword, value in attributes.items():
        if value is None:
            ds.pop(keyword, None)
        else:
            setattr(ds, keyword, value)
    return ds


def study(name: str) -> Dataset:
    """The patient and study of a case."""
    short = name.upper().replace("-", "")
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.PatientName = f"Sample^{short}"
    ds.PatientID = f"P{short}"
    ds.PatientBirthDate = "19610704"
    ds.PatientSex = "F"
    ds.StudyInstanceUID = uid(name, "study")
    ds.StudyID = "1"
    ds.StudyDate = "20240311"
    ds.StudyTime = "101500"
    ds.StudyDescription = "MRI lumbar spine"
    ds.AccessionNumber = f"A{short}"
    ds.ReferringPhysicianName = "Referrer^Sam"
    return ds


def mr(
    name: str,
    series: str,
    number: int,
    position: Vector,
    orientation: Vector = SAGITTAL,
    **attributes: Any,
) -> Dataset:
    """One MR image as a sagittal T2 series has it, changed by the attributes given."""
    ds = study(name)
    ds.SOPClassUID = MRImageStorage
    ds.SOPInstanceUID = uid(name, series, number)
    ds.SeriesInstanceUID = uid(name, series)
    ds.FrameOfReferenceUID = uid(name, "frame of reference")
    ds.PositionReferenceIndicator = ""
    ds.Modality = "MR"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    ds.Manufacturer = "Sample Imaging"
    ds.ManufacturerModelName = "Phantom 1.5T"
    ds.BodyPartExamined = "LSPINE"
    ds.SeriesDescription = ds.ProtocolName = "SAG T2 TSE"
    ds.SeriesNumber = 3
    ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20240311"
    ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "102000"
    ds.AcquisitionNumber = 1
    ds.InstanceNumber = number
    ds.PatientPosition = "HFS"
    ds.ScanningSequence = "SE"
    ds.SequenceVariant = "SK"
    ds.ScanOptions = ""
    ds.MRAcquisitionType = "2D"
    ds.SequenceName = "tse2d1_15"
    ds.RepetitionTime = 3500
    ds.EchoTime = 102
    ds.EchoNumbers = 1
    ds.EchoTrainLength = 15
    ds.FlipAngle = 150
    ds.MagneticFieldStrength = 1.5
    ds.SliceThickness = 4
    ds.SpacingBetweenSlices = SPACING
    ds.ImagePositionPatient = list(position)
    ds.ImageOrientationPatient = list(orientation)
    ds.PixelSpacing = [PIXEL, PIXEL]
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = ROWS, COLUMNS
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = pixels(position, orientation).tobytes()
    return put(ds, attributes)


def positions(count: int = SLICES, spacing: float = SPACING, top: float = 150.0) -> list[Vector]:
    """Image positions of sagittal slices from the patient's right to the left; z of the top row in mm."""
    return [(round((i - (count - 1) / 2) * spacing, 3), -100.0, top) for i in range(count)]


def t2_series(name: str, series: str = "t2", **attributes: Any) -> list[Dataset]:
    """A whole, regular sagittal T2 series."""
    return [mr(name, series, i, p, **attributes) for i, p in enumerate(positions(), 1)]


def screenshot(name: str, series: str, number: int, **attributes: Any) -> Dataset:
    """A colour Secondary Capture image with white strokes in the corner, where a viewer writes the name."""
    ds = study(name)
    ds.SOPClassUID = SecondaryCaptureImageStorage
    ds.SOPInstanceUID = uid(name, series, number)
    ds.SeriesInstanceUID = uid(name, series)
    ds.Modality = "MR"
    ds.ImageType = ["DERIVED", "SECONDARY"]
    ds.ConversionType = "WSD"
    ds.SeriesNumber = 3
    ds.InstanceNumber = number
    ds.SamplesPerPixel = 3
    ds.PhotometricInterpretation = "RGB"
    ds.PlanarConfiguration = 0
    ds.Rows, ds.Columns = ROWS, COLUMNS
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PixelData = np.repeat(write_on(np.full((ROWS, COLUMNS), 40, np.uint8), 255), 3).tobytes()
    return put(ds, attributes)


def write_on(image: np.ndarray, value: int) -> np.ndarray:
    """Draw the letters H E in the upper left corner, 5 by 3 pixels each."""
    letters = ("101 111", "101 100", "111 110", "101 100", "101 111")
    for i, line in enumerate(letters, 2):
        for j, bit in enumerate(line, 2):
            if bit == "1":
                image[i, j] = value
    return image


# --- files --------------------------------------------------------------------------------------------


def element(tag: int, vr: str, value: bytes, length: int | None = None) -> bytes:
    """One Explicit VR Little Endian element as it stands: nothing is padded or checked."""
    size = len(value) if length is None else length
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    if vr in {"OB", "OW", "SQ", "UN", "UT"}:
        return head + struct.pack("<HI", 0, size) + value
    return head + struct.pack("<H", size) + value


def swap(data: bytes, old: bytes, new: bytes) -> bytes:
    """Put new bytes in the place of old ones, which must stand exactly once."""
    if data.count(old) != 1:
        raise ValueError(f"{old!r} stands {data.count(old)} times")
    return data.replace(old, new)


def save(
    ds: Dataset,
    path: Path,
    syntax: str = ExplicitVRLittleEndian,
    raw: dict[int, bytes] | None = None,
) -> None:
    """Write a Part 10 file; `raw` holds elements encoded by hand, which pydicom would not write."""
    raw = raw or {}
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = UID("2.25.1")
    meta.ImplementationVersionName = "SAMPLE_CASES"
    ds.file_meta = meta
    for tag in raw:
        ds.add_new(tag, "OB", MARK)
    if syntax == ExplicitVRBigEndian:
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    buffer = BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    data = buffer.getvalue()
    for tag, encoded in raw.items():
        data = swap(data, element(tag, "OB", MARK), encoded)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def save_all(images: list[Dataset], folder: Path) -> None:
    for i, ds in enumerate(images, 1):
        save(ds, folder / f"{i:03}.dcm")


def padded(value: str) -> bytes:
    return value.encode() + b"\0" * (len(value) % 2)


def lengthen_meta(data: bytes, by: int) -> bytes:
    """Correct the group length of the file meta information, the first element after the prefix."""
    at = 128 + len(b"DICM") + 8
    length = struct.unpack_from("<I", data, at)[0] + by
    return data[:at] + struct.pack("<I", length) + data[at + 4 :]
