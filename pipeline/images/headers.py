"""What the choice of a series needs to know of an image, read without its pixels."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from pipeline.images.elements import DAMAGE, number, numbers, text, texts
from pipeline.images.errors import NotAnImage
from pipeline.images.files import read_received
from pipeline.images.frames import GROUPS, split_frames

_KEYWORDS = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "InstanceNumber",
    "ImageType", "Modality", "SeriesNumber",
    "SeriesDescription", "ProtocolName", "SequenceName", "ScanningSequence", "ScanOptions", "RepetitionTime",
    "EchoTime", "InversionTime", "AcquisitionNumber", "AcquisitionDate", "AcquisitionTime", "ContentDate",
    "ContentTime", "SeriesDate", "SeriesTime", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
    "SliceThickness", "TemporalPositionIdentifier", "AcquisitionDateTime", "PulseSequenceName", "EchoPulseSequence",
    "EchoPlanarPulseSequence", "InversionRecovery",
    "Rows", "Columns", "SamplesPerPixel", "NumberOfFrames", "BitsAllocated", "PixelData", *GROUPS,
)  # fmt: skip
MOST_FRAME_BYTES = 256 * 1024 * 1024
"""Of one decoded picture; a decoder makes room for it before it knows whether that much is there."""
_DEFER_BYTES = 256  # more than any other element that is read holds
_UNDEFINED_LENGTH = 0xFFFFFFFF
_PIXEL_DATA = 0x7FE00010
_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # Secondary Capture; the multi-frame ones have one part more
_FAT_OPTIONS = {"FS", "SFS", "SPIR", "SPAIR", "FAT_SAT"}
_UNIT, _RIGHT_ANGLE = 0.01, 0.01  # how far a direction's length, and the cosine between two, may be off


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
    """One image, or one frame of several. Times are in ms, None where absent; `acquired` sorts by time.

    `pixel_fault` is empty where the pixels are whole, and `plane_fault` says why there is no plane. `frame` counts from
    1 and is None for an object that is one image; `rescale`, slope and intercept, is given for frames only. `repeat`
    tells time points of a dynamic series, and stacks of a multi-frame object, apart.
    """

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
    plane_fault: str = "no position, no MR image"
    sequence: str = ""
    options: tuple[str, ...] = ()
    thickness: float | None = None
    repeat: str = ""
    series_number: int | None = None
    frame: int | None = None
    rescale: tuple[float, float] | None = None

    @property
    def label(self) -> str:
        """What a person calls this image."""
        name = str(self.number) if self.number is not None else self.path.name
        return name if self.frame is None else f"{name} frame {self.frame}"


def read_images(path: Path) -> tuple[ImageHeader, ...]:
    """Read the header of a DICOM Part 10 file: one image, or each frame of a multi-frame object as one.

    Raises:
        NotAnImage: no DICOM file, or an object without pixels of its own, such as a report.
    """
    try:
        ds = read_received(path, defer_size=_DEFER_BYTES, specific_tags=list(_KEYWORDS))
    except (InvalidDicomError, OSError, EOFError, *DAMAGE) as error:
        raise NotAnImage("cannot be read as a DICOM file; send it again") from error
    if not all(text(ds, key) for key in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")):
        raise NotAnImage("has no study, series or instance UID; send it again")
    if number(ds, "Rows") is None or number(ds, "Columns") is None:
        raise NotAnImage(f"no image: {UID(text(ds, 'SOPClassUID')).name}")
    if not any(keyword in ds for keyword in GROUPS):
        return (_read(ds, path),)
    held = _held_bytes(ds, path)
    try:
        frames = split_frames(ds)
    except DAMAGE as error:
        raise NotAnImage("has functional groups that cannot be read; send it again") from error
    if not frames:
        return (_read(ds, path),)
    return tuple(_read(frame, path, (index, len(frames), held)) for index, frame in enumerate(frames))


def read_header(path: Path, frame: int | None = None) -> ImageHeader:
    """Read the header of one image; of one frame, counted from 1, where the file holds several.

    Raises:
        NotAnImage: as `read_images`, or the file has no such frame.
    """
    for image in read_images(path):
        if frame is None or image.frame == frame:
            return image
    raise NotAnImage(f"has no frame {frame}; send it again")


def _read(ds: Dataset, path: Path, frame: tuple[int, int, int | None] | None = None) -> ImageHeader:
    """Read one image; of a frame its index, how many there are, and the bytes of pixels that the file holds."""
    acquired = [text(ds, f"{kind}{part}") for kind in ("Acquisition", "Content", "Series") for part in ("Date", "Time")]
    options = tuple(option.upper() for option in texts(ds, "ScanOptions"))
    plane_fault = ", ".join(_plane_faults(ds, is_frame=frame is not None))
    slope, intercept = number(ds, "RescaleSlope"), number(ds, "RescaleIntercept")
    index, count, held = frame or (0, 1, _held_bytes(ds, path))
    return ImageHeader(
        path=path,
        study_uid=text(ds, "StudyInstanceUID"),
        series_uid=text(ds, "SeriesInstanceUID"),
        instance_uid=text(ds, "SOPInstanceUID"),
        frame_of_reference=text(ds, "FrameOfReferenceUID"),
        number=_whole(ds, "InstanceNumber"),
        modality=text(ds, "Modality"),
        image_type=texts(ds, "ImageType"),
        names=" ".join(text(ds, key) for key in ("SeriesDescription", "ProtocolName", "SequenceName")),
        description=text(ds, "SeriesDescription"),
        scanning=texts(ds, "ScanningSequence"),
        fat_suppressed=bool(_FAT_OPTIONS & set(options)),
        repetition_time=number(ds, "RepetitionTime"),
        echo_time=number(ds, "EchoTime"),
        inversion_time=number(ds, "InversionTime") or None,
        acquisition=_whole(ds, "AcquisitionNumber"),
        acquired=next((a + b for a, b in zip(acquired[::2], acquired[1::2], strict=True) if b), ""),
        plane=None if plane_fault else _plane(ds),
        pixel_fault=_pixel_fault(ds, held, None if frame is None else (index, count)),
        plane_fault=plane_fault,
        sequence=text(ds, "SequenceName"),
        options=options,
        thickness=number(ds, "SliceThickness"),
        repeat="/".join(part for key in ("TemporalPositionIdentifier", "StackID") if (part := text(ds, key))),
        series_number=_whole(ds, "SeriesNumber"),
        frame=index + 1 if count > 1 else None,
        rescale=None if frame is None else (1.0 if slope is None else slope, intercept or 0.0),
    )


def _whole(ds: Dataset, keyword: str) -> int | None:
    value = number(ds, keyword)
    return None if value is None else int(value)


def _plane_faults(ds: Dataset, *, is_frame: bool) -> Iterator[str]:
    """Say what keeps an image from having a place in the patient."""
    if (number(ds, "NumberOfFrames") or 1) > 1 and not is_frame:
        yield "several frames without a place of their own"
    elif not numbers(ds, "ImagePositionPatient", 3):
        yield "no position"
    elif not (cosines := numbers(ds, "ImageOrientationPatient", 6)):
        yield "no orientation"
    elif any(abs(math.hypot(*part) - 1) > _UNIT for part in (cosines[:3], cosines[3:])):
        yield "an orientation that is no pair of unit vectors"
    elif abs(sum(a * b for a, b in zip(cosines[:3], cosines[3:], strict=True))) > _RIGHT_ANGLE:
        yield "rows and columns that are not at right angles"
    elif min(numbers(ds, "PixelSpacing", 2) or (0.0,)) <= 0:
        yield "no pixel spacing"
    if f"{text(ds, 'SOPClassUID')}.".startswith(f"{_CAPTURE}."):
        yield "no MR image"
    elif (number(ds, "SamplesPerPixel") or 1) > 1:
        yield "colour"


def _plane(ds: Dataset) -> Plane | None:
    """Read the plane of an image that lacks nothing for it; directions are brought to unit length."""
    x, y, z = numbers(ds, "ImagePositionPatient", 3)
    x1, y1, z1, x2, y2, z2 = numbers(ds, "ImageOrientationPatient", 6)
    along_row, along_column = _unit((x1, y1, z1)), _unit((x2, y2, z2))
    rows, columns = _whole(ds, "Rows") or 0, _whole(ds, "Columns") or 0
    height, width = numbers(ds, "PixelSpacing", 2)
    return Plane((x, y, z), along_row, along_column, (height, width), rows, columns) if rows and columns else None


def _unit(vector: tuple[float, float, float]) -> tuple[float, float, float]:
    length = math.hypot(*vector)
    if abs(length - 1) < 1e-9:  # dividing would only add noise
        return vector
    x, y, z = vector
    return x / length, y / length, z / length


def _held_bytes(ds: Dataset, path: Path) -> int | None:
    """Give the bytes of native pixels that a file holds; None for compressed ones, which decoding judges."""
    if _PIXEL_DATA not in ds:
        return 0
    item = ds.get_item(_PIXEL_DATA, keep_deferred=True)
    length = getattr(item, "length", None)
    if length == _UNDEFINED_LENGTH:
        return None
    value = item.value if item is not None else None
    if value is not None:
        return len(value)
    held = int(length or 0)
    if ds.file_meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:  # there, positions are not the file's
        return held
    return min(held, path.stat().st_size - int(getattr(item, "value_tell", 0)))


def _pixel_fault(ds: Dataset, held: int | None, frame: tuple[int, int] | None) -> str:
    """Say whether native pixels are cut short; of a frame, given as its index and count, before its end."""
    if _PIXEL_DATA not in ds:
        return "has no Pixel Data"
    samples, bits = number(ds, "SamplesPerPixel") or 1, number(ds, "BitsAllocated") or 16
    each = int((number(ds, "Rows") or 0) * (number(ds, "Columns") or 0) * samples * bits / 8)
    if each > MOST_FRAME_BYTES:
        return f"declares a picture of {each >> 20} MiB, more than {MOST_FRAME_BYTES >> 20}"
    if held is None:
        return ""
    index, count = frame or (0, int(number(ds, "NumberOfFrames") or 1))
    needed = (index + 1) * each if frame else count * each
    return "" if held >= needed else f"holds {held} of {count * each} bytes"
