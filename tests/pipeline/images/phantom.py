"""Small MR images of a computed body, and headers without files, for tests of series and volumes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from pipeline.images.headers import ImageHeader, Plane

ROWS, COLUMNS, PIXEL = 24, 16, 10.0
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
SPACING = 4.4
Vector = tuple[float, float, float]

BASE = ImageHeader(
    path=Path("001.dcm"),
    study_uid="2.25.1",
    series_uid="2.25.2",
    instance_uid="2.25.3",
    frame_of_reference="2.25.4",
    number=1,
    modality="MR",
    image_type=("ORIGINAL", "PRIMARY", "M"),
    names="SAG T2 TSE",
    description="SAG T2 TSE",
    scanning=("SE",),
    fat_suppressed=False,
    repetition_time=3500.0,
    echo_time=102.0,
    inversion_time=None,
    acquisition=1,
    acquired="20240311102000",
    plane=None,
    pixel_fault="",
)


def plane(position: Vector, orientation: Sequence[float] = SAGITTAL) -> Plane:
    x1, y1, z1, x2, y2, z2 = orientation
    return Plane(position, (x1, y1, z1), (x2, y2, z2), (PIXEL, PIXEL), ROWS, COLUMNS)


def positions(count: int = 11, top: float = 120.0) -> list[Vector]:
    return [(round((i - (count - 1) / 2) * SPACING, 3), -80.0, top) for i in range(count)]


def headers(places: Sequence[Vector], *, uid: str = "2.25.2", **changes: object) -> list[ImageHeader]:
    """Headers of a sagittal T2 series at those places, changed by the fields given."""
    return [
        replace(
            BASE,
            **({"series_uid": uid, "instance_uid": f"{uid}.{i}", "number": i, "plane": plane(place)} | changes),  # type: ignore[arg-type]
        )
        for i, place in enumerate(places, 1)
    ]


def signal(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Signal at patient coordinates in mm: a column, and a ball that lies left, anterior and superior."""
    values = np.where((np.abs(x) < 22) & (np.abs(y) < 30), 400, 60)
    return np.where((x - 13) ** 2 + (y + 55) ** 2 + (z - 80) ** 2 < 18**2, 1500, values)


def mr_image(number: int, position: Vector, orientation: Sequence[float] = SAGITTAL) -> Dataset:
    """One image of the computed body in that plane."""
    row, column = np.mgrid[:ROWS, :COLUMNS] * PIXEL
    along_row, along_column = np.array(orientation[:3]), np.array(orientation[3:])
    points = np.array(position) + column[..., None] * along_row + row[..., None] * along_column
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = MRImageStorage, f"2.25.9{number}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "2.25.1", "2.25.2"
    ds.ImageType, ds.SeriesDescription, ds.ScanningSequence = ["ORIGINAL", "PRIMARY", "M"], "SAG T2", "SE"
    ds.RepetitionTime, ds.EchoTime, ds.InstanceNumber, ds.AcquisitionNumber = 3500, 102, number, 1
    ds.ImagePositionPatient, ds.ImageOrientationPatient = list(position), list(orientation)
    ds.PixelSpacing, ds.Rows, ds.Columns = [PIXEL, PIXEL], ROWS, COLUMNS
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = signal(*np.moveaxis(points, -1, 0)).astype(np.uint16).tobytes()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def save_all(images: Sequence[Dataset], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{i:03}.dcm" for i in range(len(images))]
    for ds, path in zip(images, paths, strict=True):
        ds.save_as(path, enforce_file_format=True)
    return paths
