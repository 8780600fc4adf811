"""What the choice of a series needs to know of an image, read without its pixels."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from pipeline.images.errors import NotAnImage

_KEYWORDS = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "InstanceNumber",
    "ImageType", "Modality",
    "SeriesDescription", "ProtocolName", "SequenceName", "ScanningSequence", "ScanOptions", "RepetitionTime",
    "EchoTime", "InversionTime", "AcquisitionNumber", "AcquisitionDate", "AcquisitionTime", "ContentDate",
    "ContentTime", "SeriesDate", "SeriesTime", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
    "Rows", "Columns", "SamplesPerPixel", "NumberOfFrames", "BitsAllocated", "PixelData",
)  # fmt: skip
_DEFER_BYTES = 256  # more than any other element that is read holds
DAMAGE = (
    BytesLengthException,
    NotImplementedError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    struct.error,
)
"""What pydicom raises for elements that do not fit their value representation; found by damaging files at random."""
_UNDEFINED_LENGTH = 0xFFFFFFFF
_PIXEL_DATA = 0x7FE00010


@dataclass(frozen=True)
class Plane:
    """Where an image lies (PS3.3 C.7.6.2): patient coordinates in mm.

    `along_row` and `along_column` are unit vectors of rising column and rising row index; `spacing` is between rows,
    then columns.
    """

    position: tuple[float, float, float]
    along_row: tuple[float, float, float]
    along_column: tuple[float, float, float]
    spacing: tuple[float, float]
    rows: int
    columns: int


@dataclass(frozen=True)
class ImageHeader:
    """One image. Times are in ms, None where absent; `acquired` sorts by time; `pixel_fault` is empty when whole."""

    path: Path
    study_uid: str
    series_uid: str
    instance_uid: str
    frame_of_reference: str
    number: int | None
    modality: str
    image_type: tuple[str, ...]
    names: str
    description: str
    scanning: tuple[str, ...]
    fat_suppressed: bool
    repetition_time: float | None
    echo_time: float | None
    inversion_time: float | None
    acquisition: int | None
    acquired: str
    plane: Plane | None
    pixel_fault: str

    @property
    def label(self) -> str:
        """What a person calls this image."""
        return str(self.number) if self.number is not None else self.path.name


def read_header(path: Path) -> ImageHeader:
    """Read the header of a DICOM Part 10 file.

    Raises:
        NotAnImage: no DICOM file, or an object without pixels of its own, such as a report.
    """
    try:
        ds = dcmread(path, defer_size=_DEFER_BYTES, specific_tags=list(_KEYWORDS))
    except (InvalidDicomError, OSError, EOFError, *DAMAGE) as error:
        raise NotAnImage("cannot be read as a DICOM file; send it again") from error
    uids = [_text(ds, key) for key in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")]
    if not all(uids):
        raise NotAnImage("has no study, series or instance UID; send it again")
    if _number(ds, "Rows") is None or _number(ds, "Columns") is None:
        raise NotAnImage(f"no image: {UID(_text(ds, 'SOPClassUID')).name}")
    acquired = [
        _text(ds, f"{kind}{part}") for kind in ("Acquisition", "Content", "Series") for part in ("Date", "Time")
    ]
    number, acquisition = _number(ds, "InstanceNumber"), _number(ds, "AcquisitionNumber")
    names = " ".join(_text(ds, key) for key in ("SeriesDescription", "ProtocolName", "SequenceName"))
    return ImageHeader(
        path=path,
        study_uid=uids[0],
        series_uid=uids[1],
        instance_uid=uids[2],
        frame_of_reference=_text(ds, "FrameOfReferenceUID"),
        number=None if number is None else int(number),
        modality=_text(ds, "Modality"),
        image_type=_texts(ds, "ImageType"),
        names=names,
        description=_text(ds, "SeriesDescription"),
        scanning=_texts(ds, "ScanningSequence"),
        fat_suppressed=bool({"FS", "SFS", "SPIR", "FAT_SAT"} & set(_texts(ds, "ScanOptions"))),
        repetition_time=_number(ds, "RepetitionTime"),
        echo_time=_number(ds, "EchoTime"),
        inversion_time=_number(ds, "InversionTime"),
        acquisition=None if acquisition is None else int(acquisition),
        acquired=next((a + b for a, b in zip(acquired[::2], acquired[1::2], strict=True) if b), ""),
        plane=_plane(ds),
        pixel_fault=_pixel_fault(ds, path),
    )


def _value(ds: Dataset, keyword: str) -> Any:
    """Give an element's value, None where it is absent or breaks its value representation."""
    try:
        return ds.get(keyword)
    except DAMAGE:
        return None


def _text(ds: Dataset, keyword: str) -> str:
    value = _value(ds, keyword)
    return "" if value is None else str(value).strip("\0 ")


def _texts(ds: Dataset, keyword: str) -> tuple[str, ...]:
    value = _value(ds, keyword)
    if value is None or value == "":
        return ()
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return tuple(str(item).strip("\0 ") for item in values)


def _number(ds: Dataset, keyword: str) -> float | None:
    numbers = _numbers(ds, keyword, 1)
    return numbers[0] if numbers else None


def _numbers(ds: Dataset, keyword: str, count: int) -> tuple[float, ...]:
    """Give that many finite numbers, or none."""
    value = _value(ds, keyword)
    values: Sequence[Any] = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    try:
        numbers = tuple(float(item) for item in values)
    except (TypeError, ValueError):
        return ()
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else ()


def _plane(ds: Dataset) -> Plane | None:
    """Read the plane of a single grey image; None where a part is missing or the directions are no unit vectors."""
    position, cosines = _numbers(ds, "ImagePositionPatient", 3), _numbers(ds, "ImageOrientationPatient", 6)
    spacing, shape = _numbers(ds, "PixelSpacing", 2), (_number(ds, "Rows"), _number(ds, "Columns"))
    single = (_number(ds, "NumberOfFrames") or 1) == 1 and (_number(ds, "SamplesPerPixel") or 1) == 1
    if not (position and cosines and spacing and shape[0] and shape[1] and single and min(spacing) > 0):
        return None
    x1, y1, z1, x2, y2, z2 = cosines
    lengths = (math.hypot(x1, y1, z1), math.hypot(x2, y2, z2))
    if max(abs(length - 1) for length in lengths) > 0.01 or abs(x1 * x2 + y1 * y2 + z1 * z2) > 0.01:
        return None
    along_row, along_column = (x1, y1, z1), (x2, y2, z2)
    x, y, z = position
    return Plane((x, y, z), along_row, along_column, (spacing[0], spacing[1]), int(shape[0]), int(shape[1]))


def _pixel_fault(ds: Dataset, path: Path) -> str:
    """Say whether native pixels are cut short; compressed ones are judged when they are decoded."""
    if _PIXEL_DATA not in ds:
        return "has no Pixel Data"
    item = ds.get_item(_PIXEL_DATA, keep_deferred=True)
    length = getattr(item, "length", None)
    if length == _UNDEFINED_LENGTH:
        return ""
    value = item.value if item is not None else None
    if value is not None:
        held = len(value)
    else:
        held = int(length or 0)
        if (
            ds.file_meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian
        ):  # there, positions are not the file's
            held = min(held, path.stat().st_size - int(getattr(item, "value_tell", 0)))
    samples, bits = _number(ds, "SamplesPerPixel") or 1, _number(ds, "BitsAllocated") or 16
    frames = _number(ds, "NumberOfFrames") or 1
    expected = int((_number(ds, "Rows") or 0) * (_number(ds, "Columns") or 0) * samples * frames * bits / 8)
    return "" if held >= expected else f"holds {held} of {expected} bytes"
