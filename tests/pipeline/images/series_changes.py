"""A whole sagittal T2 series changed as scanners and archives change one, which must alter nothing that is read."""

from collections.abc import Callable, Sequence
from copy import deepcopy

import numpy as np
from pydicom import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from tests.odd.dicom.enhanced import enhanced
from tests.odd.dicom.phantom import put, uid

Change = Callable[[Sequence[Dataset]], list[Dataset]]


def renamed(images: Sequence[Dataset], name: str, **attributes: object) -> list[Dataset]:
    """Copies under other instance UIDs, changed by attributes."""
    copies = [put(deepcopy(ds), attributes) for ds in images]
    return [put(ds, {"SOPInstanceUID": uid(ds.SOPInstanceUID, name)}) for ds in copies]


def dimmed(images: list[Dataset]) -> list[Dataset]:
    """The same at half the signal."""
    for ds in images:
        ds.PixelData = (np.frombuffer(ds.PixelData, np.uint16) // 2).tobytes()
    return images


def exported_twice(images: Sequence[Dataset]) -> list[Dataset]:
    return [*images, *renamed(images[2:5], "copy")]


def scanned_twice(images: Sequence[Dataset]) -> list[Dataset]:
    first = dimmed(renamed(images, "first", AcquisitionNumber=1, AcquisitionTime="070000"))
    return [*first, *(put(deepcopy(ds), {"AcquisitionNumber": 2, "AcquisitionTime": "080000"}) for ds in images)]


def cut_short_later(images: Sequence[Dataset]) -> list[Dataset]:
    later = dimmed(renamed(images[: len(images) // 2 + 1], "later", AcquisitionNumber=2, AcquisitionTime="235959"))
    return [*(put(deepcopy(ds), {"AcquisitionNumber": 1}) for ds in images), *later]


def with_strangers(images: Sequence[Dataset]) -> list[Dataset]:
    axial, coronal, capture = renamed(images[:3], "stranger", InstanceNumber=len(images) + 1)
    axial.ImageOrientationPatient, coronal.ImageOrientationPatient = [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1]
    put(capture, {"SOPClassUID": SecondaryCaptureImageStorage, "ImagePositionPatient": None})
    capture.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    return [*images, axial, coronal, capture]


def with_early_echo(images: Sequence[Dataset]) -> list[Dataset]:
    return [*dimmed(renamed(images, "early", EchoTime=13)), *images]


def beside_a_stir_and_a_t1(images: Sequence[Dataset]) -> list[Dataset]:
    stir = renamed(images, "stir", SeriesInstanceUID="2.25.801", InversionTime=160, ScanningSequence=["SE", "IR"])
    t1 = renamed(images, "t1", SeriesInstanceUID="2.25.802", RepetitionTime=520, EchoTime=11)
    return [*dimmed(stir), *dimmed(t1), *images]


def numbered_the_other_way(images: Sequence[Dataset]) -> list[Dataset]:
    return [put(deepcopy(ds), {"InstanceNumber": len(images) - i}) for i, ds in enumerate(images)]


def posterior_on_the_left(images: Sequence[Dataset]) -> list[Dataset]:
    return [_turned(ds, rows=False) for ds in images]


def upside_down(images: Sequence[Dataset]) -> list[Dataset]:
    return [put(_turned(ds, rows=True), {"InstanceNumber": 1}) for ds in images]


def _turned(image: Dataset, *, rows: bool) -> Dataset:
    """One image whose rows, or columns, run the other way."""
    ds = deepcopy(image)
    stored = np.frombuffer(ds.PixelData, np.uint16).reshape(ds.Rows, ds.Columns)
    ds.PixelData = np.ascontiguousarray(stored[::-1] if rows else stored[:, ::-1]).tobytes()
    axis = np.array(ds.ImageOrientationPatient[3:] if rows else ds.ImageOrientationPatient[:3], float)
    length = (ds.Rows - 1) * ds.PixelSpacing[0] if rows else (ds.Columns - 1) * ds.PixelSpacing[1]
    ds.ImagePositionPatient = [round(float(value), 4) for value in np.array(ds.ImagePositionPatient) + length * axis]
    part = slice(3, 6) if rows else slice(0, 3)
    directions = list(map(float, ds.ImageOrientationPatient))
    directions[part] = [-value for value in axis]
    ds.ImageOrientationPatient = directions
    return ds


def with_an_upper_station(images: Sequence[Dataset]) -> list[Dataset]:
    upper = dimmed(renamed(images, "upper"))
    for ds in upper:
        ds.ImagePositionPatient[2] += 270
    return [ds for pair in zip(upper, images, strict=True) for ds in pair]


def in_frames(images: Sequence[Dataset]) -> list[Dataset]:
    ds = enhanced("frames", [images])
    put(ds, {key: images[0].get(key) for key in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")})
    ds.file_meta = deepcopy(images[0].file_meta)
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    return [ds]


CHANGES: tuple[Change, ...] = (
    exported_twice,
    scanned_twice,
    cut_short_later,
    with_strangers,
    with_early_echo,
    beside_a_stir_and_a_t1,
    numbered_the_other_way,
    posterior_on_the_left,
    upside_down,
    with_an_upper_station,
    in_frames,
)
