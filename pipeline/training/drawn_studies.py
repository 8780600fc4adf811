"""An invented spine as a DICOM study of one sagittal T2 series, with the truth about it."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage
from scipy import ndimage

from pipeline.training.drawn_spines import DrawnVolume, draw_volume
from pipeline.training.spine_anatomy import DRAWN_LEVELS

_PIXEL_MM = 0.9
_IMPLEMENTATION = UID("2.25.302195938247016274219530104361264529")  # a UUID made once for this drawing
_FIRST_DAY = datetime(2024, 1, 8, 7, 30)  # a DICOM time without an offset
_GIVEN_NAMES = ("ADA", "BRUNO", "CLARA", "DAVID", "EDITH", "FELIX", "GRETA", "HUGO", "IRMA", "JONAS")
_WHITE = 1600  # stored value of the brightest hundredth of a study's pixels


@dataclass(frozen=True)
class TrueDisc:
    """Where a drawn disc lies: its level, and its middle as (x, y, z) in patient coordinates, mm."""

    level: str
    centre_mm: tuple[float, float, float]


@dataclass(frozen=True)
class DrawnStudy:
    """A study and the truth about it.

    `datasets` are whole MR images with file meta information, from the patient's right to the left. `conditions` gives
    the levels that have each condition, none where it is absent (cancer: the vertebra above that disc). `discs` are
    those whose middle is in the picture, from head to foot.
    """

    datasets: tuple[Dataset, ...]
    conditions: Mapping[str, tuple[str, ...]]
    discs: tuple[TrueDisc, ...]


def drawn_study(
    seed: int, conditions: Mapping[str, Iterable[str]] | None = None, performed: datetime | None = None
) -> DrawnStudy:
    """Draw a lumbar study with the sacrum in view: 11 to 15 sagittal T2 images, 4.4 mm apart, 0.9 mm pixels.

    Args:
        seed: names the study: the same seed gives the same anatomy, patient and UIDs.
        conditions: for "stenosis", "spondylolisthesis" or "cancer", the disc levels that have it, as in
            `{"stenosis": ["L4-L5"], "cancer": []}`; those left out are drawn by chance.
        performed: date and time of the examination; without it, one that the seed gives.

    Raises:
        KeyError: a condition that cannot be drawn, or a level that no spine has.
    """
    volume = draw_volume(seed, conditions)
    header = _study_header(seed, performed or _FIRST_DAY + timedelta(hours=7 * (seed % 1000)))
    scale = _WHITE / float(np.percentile(volume.image, 99))
    datasets = tuple(
        _image(header, seed, number, (lateral, _stored(plane, scale)))
        for number, (plane, lateral) in enumerate(zip(volume.image, volume.lateral, strict=True), 1)
    )
    shown = _true_discs(volume)
    seen = {disc.level for disc in shown}
    truth = {name: tuple(x for x in volume.spine.conditions[name] if x in seen) for name in DRAWN_LEVELS}
    return DrawnStudy(datasets, truth, shown)


def _uid(*names: object) -> str:
    """Give a UID that is always the same for the same names (PS3.5 B.2)."""
    digest = hashlib.sha256("/".join(["spinelabel drawn", *map(str, names)]).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:15], 'big')}"


def _stored(plane: npt.NDArray[np.float32], scale: float) -> npt.NDArray[np.uint16]:
    zoomed = ndimage.zoom(plane, 1 / _PIXEL_MM, order=1, grid_mode=True, mode="nearest")
    stored: npt.NDArray[np.uint16] = np.clip(np.rint(zoomed * scale), 0, 4095).astype(np.uint16)
    return stored


def _true_discs(volume: DrawnVolume) -> tuple[TrueDisc, ...]:
    rows, columns = volume.field.size
    discs = []
    for disc in volume.shown_discs():
        column, row = volume.field.place(disc.centre)
        lateral = (disc.upper.lateral + disc.lower.lateral) / 2
        discs.append(TrueDisc(disc.level, (float(lateral), float(column - columns / 2), float(rows / 2 - row))))
    return tuple(discs)


def _study_header(seed: int, performed: datetime) -> Dataset:
    """Patient, study and equipment of the study (PS3.3 C.7.1 to C.7.5)."""
    ds = Dataset()
    day, time = performed.strftime("%Y%m%d"), performed.strftime("%H%M%S")
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.PatientName = f"DRAWN^{_GIVEN_NAMES[seed % len(_GIVEN_NAMES)]}"
    ds.PatientID = f"DRAWN-{seed:06d}"
    ds.PatientBirthDate = f"{1935 + seed % 50}0{1 + seed % 9}15"
    ds.PatientSex = "FM"[seed % 2]
    ds.StudyInstanceUID = _uid(seed, "study")
    ds.StudyID = str(seed)
    ds.StudyDescription = "MR LUMBAR SPINE (DRAWN)"
    ds.AccessionNumber = f"DRAWN{seed:06d}"
    ds.ReferringPhysicianName = "REFERRER^SAM"
    ds.Manufacturer = "Spinelabel"
    ds.ManufacturerModelName = "Drawn spine"
    ds.DeviceSerialNumber = "1"
    ds.SoftwareVersions = "1"
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = day
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = time
    return ds


def _image(header: Dataset, seed: int, number: int, plane: tuple[float, npt.NDArray[np.uint16]]) -> Dataset:
    """One MR image (PS3.3 A.4): a row runs to posterior, a column to inferior."""
    lateral, pixels = plane
    rows, columns = pixels.shape
    ds = Dataset()
    ds.update(header)
    ds.SOPClassUID = MRImageStorage
    ds.SOPInstanceUID = _uid(seed, "image", number)
    ds.SeriesInstanceUID = _uid(seed, "series")
    ds.FrameOfReferenceUID = _uid(seed, "frame of reference")
    ds.PositionReferenceIndicator = ""
    ds.Modality = "MR"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    ds.BodyPartExamined = "LSPINE"
    ds.SeriesDescription = ds.ProtocolName = "T2 TSE SAG"
    ds.SeriesNumber, ds.AcquisitionNumber, ds.InstanceNumber = 2, 1, number
    ds.PatientPosition = "HFS"
    ds.ImagePositionPatient = [round(lateral, 3), -columns / 2 * _PIXEL_MM + 0.45, rows / 2 * _PIXEL_MM - 0.45]
    ds.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    _put_acquisition(ds)
    _put_pixels(ds, pixels)
    return ds


def _put_acquisition(ds: Dataset) -> None:
    """Parameters of a turbo spin echo T2 (PS3.3 C.8.3.1)."""
    ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions = "SE", "SK", ""
    ds.MRAcquisitionType, ds.SequenceName = "2D", "tse2d1_17"
    ds.RepetitionTime, ds.EchoTime, ds.EchoTrainLength = 3500, 102, 17
    ds.FlipAngle, ds.NumberOfAverages, ds.MagneticFieldStrength = 150, 2, 1.5
    ds.ImagedNucleus, ds.EchoNumbers = "1H", 1
    ds.SliceThickness, ds.SpacingBetweenSlices = 4, 4.4


def _put_pixels(ds: Dataset, pixels: npt.NDArray[np.uint16]) -> None:
    ds.PixelSpacing = [_PIXEL_MM, _PIXEL_MM]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.WindowCenter, ds.WindowWidth = 800, 1600
    ds.PixelData = pixels.tobytes()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.ImplementationClassUID = _IMPLEMENTATION
