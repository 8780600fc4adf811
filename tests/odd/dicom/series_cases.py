"""Series as scanners, workstations and archives make them, beside those of `volume_cases.py`."""

from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset

from tests.odd.dicom.phantom import (
    COLUMNS,
    PIXEL,
    ROWS,
    SAGITTAL,
    SLICES,
    Vector,
    case,
    mr,
    pixels,
    positions,
    put,
    save_all,
    screenshot,
    t2_series,
    uid,
)


def again(name: str, series: str, number: int, **attributes: Any) -> list[Dataset]:
    """The T2 series scanned another time under the same Series Instance UID, its images numbered on."""
    images = t2_series(name, series, AcquisitionNumber=number, **attributes)
    for i, ds in enumerate(images, 1):
        ds.SOPInstanceUID = uid(name, series, number, i)
        ds.InstanceNumber = (number - 1) * SLICES + i
    return images


def turned(degrees: float) -> tuple[Vector, list[Vector]]:
    """Orientation and positions of sagittal slices turned about the patient's axis."""
    angle = np.radians(degrees)
    row, normal = np.array([-np.sin(angle), np.cos(angle), 0]), np.array([np.cos(angle), np.sin(angle), 0])
    orientation = tuple(float(value) for value in (*row, 0.0, 0.0, -1.0))
    starts = [normal * (i - 5) * 4.4 - 100 * row + np.array([0, 0, 150.0]) for i in range(SLICES)]
    return orientation, [tuple(round(float(value), 4) for value in start) for start in starts]


def oblique(name: str, degrees: float) -> list[Dataset]:
    """A series turned about the patient's axis."""
    orientation, places = turned(degrees)
    return [mr(name, "t2", i, place, orientation) for i, place in enumerate(places, 1)]


@case("ser-repeats")
def positions_that_nearly_repeat(out: Path) -> None:
    noisy = t2_series("ser-repeats-a")
    copies = t2_series("ser-repeats-a")
    for i, ds in enumerate(copies):
        ds.SOPInstanceUID = uid("ser-repeats-a", "copy", i)
        ds.ImagePositionPatient[0] += 0.024 if i % 2 else -0.026
    save_all(noisy + copies, out / "a-rounded-twice")

    beside = again("ser-repeats-b", "t2", 2, AcquisitionTime="102630")
    for ds in beside:
        ds.ImagePositionPatient[0] += 0.6
    save_all(again("ser-repeats-b", "t2", 1) + beside, out / "b-scanned-beside")

    cut = again("ser-repeats-c", "t2", 2, AcquisitionTime="102630")[:6]
    save_all(again("ser-repeats-c", "t2", 1) + cut, out / "c-later-cut-short")

    aborted = again("ser-repeats-d", "t2", 1)[:6]
    save_all(aborted + again("ser-repeats-d", "t2", 2, AcquisitionTime="102630"), out / "d-earlier-cut-short")

    shared_out = t2_series("ser-repeats-e")
    for i, ds in enumerate(shared_out):
        ds.AcquisitionNumber = i % 2 + 1  # every other slice in a scan of its own
    save_all(shared_out, out / "e-two-concatenations")


@case("ser-gaps")
def distances_that_differ(out: Path) -> None:
    save_all([ds for i, ds in enumerate(t2_series("ser-gaps-a")) if i not in (3, 7)], out / "a-two-gaps")
    save_all([ds for i, ds in enumerate(oblique("ser-gaps-b", 20)) if i != 6], out / "b-oblique")
    growing = t2_series("ser-gaps-c")
    for i, ds in enumerate(growing):
        ds.ImagePositionPatient[0] = round(-22 + 3 * i + 0.35 * i * i, 2)
    save_all(growing, out / "c-growing")
    shifted = t2_series("ser-gaps-d")
    shifted[4].ImagePositionPatient[2] += 12
    save_all(shifted, out / "d-one-shifted")


@case("ser-directions")
def directions(out: Path) -> None:
    save_all(oblique("ser-directions-a", 15), out / "a-15-degrees")
    save_all(oblique("ser-directions-b", 45), out / "b-45-degrees")
    noisy = t2_series("ser-directions-c")
    for i, ds in enumerate(noisy):
        ds.ImageOrientationPatient = [0.0003 * i, 0.9996, -0.0004, 0.0002, 0.0004 * i, -0.9999]
    save_all(noisy, out / "c-rounding-noise")
    skewed = (0.0, 1.0, 0.0, 0.0, 0.1736, -0.9848)
    save_all(
        [put(ds, {"ImageOrientationPatient": list(skewed)}) for ds in t2_series("ser-directions-d")], out / "d-skewed"
    )


@case("ser-dixon")
def dixon(out: Path) -> None:
    parts = {"in": "IN_PHASE", "opp": "OPP_PHASE", "water": "WATER", "fat": "FAT"}
    images = []
    for k, (part, term) in enumerate(parts.items()):
        for i, ds in enumerate(t2_series("ser-dixon", "dixon", ImageType=["DERIVED", "PRIMARY", "DIXON", term]), 1):
            ds.SOPInstanceUID, ds.InstanceNumber = uid("ser-dixon", part, i), k * SLICES + i
            ds.SeriesDescription = "SAG T2 DIXON"
            images.append(ds)
    save_all(images, out / "a-one-series")
    for part, image_type in (("W", "W"), ("F", "F"), ("IP", "IP"), ("OP", "OP")):
        values = {"ImageType": ["ORIGINAL", "PRIMARY", image_type, image_type, "DERIVED"]}
        save_all(t2_series("ser-dixon-b", part, **values), out / "b-four-series" / part)


_DERIVED: dict[str, list[str]] = {
    "mpr": ["DERIVED", "SECONDARY", "MPR"],
    "subtraction": ["DERIVED", "PRIMARY", "M", "SUB"],
    "projection": ["DERIVED", "SECONDARY", "PROJECTION IMAGE", "MIP"],
    "phase": ["ORIGINAL", "PRIMARY", "P", "ND"],
    "map": ["DERIVED", "PRIMARY", "T2 MAP"],
    "mosaic": ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"],
    "screen": ["DERIVED", "SECONDARY", "OTHER", "SCREEN SAVE"],
}


@case("ser-derived")
def derived(out: Path) -> None:
    for kind, image_type in _DERIVED.items():
        changes = {"ImageType": image_type, "SeriesTime": "104500", "AcquisitionTime": "104500"}
        save_all(t2_series("ser-derived", kind, SeriesDescription=f"SAG T2 {kind}", **changes), out / kind)
    save_all(t2_series("ser-derived", "t2"), out / "t2")


@case("ser-stations")
def stations_and_composed(out: Path) -> None:
    for name, top in (("upper", 420.0), ("lower", 150.0)):
        places = positions(top=top)
        save_all([mr("ser-stations", name, i, place) for i, place in enumerate(places, 1)], out / name)
    tall = []
    for i, (x, y, _) in enumerate(positions(), 1):
        ds = mr("ser-stations", "composed", i, (x, y, 420.0), SeriesDescription="SAG T2 composed")
        upper, lower = (pixels((x, y, top), SAGITTAL) for top in (420.0, 150.0))
        ds.PixelData = np.vstack([upper[:54], lower]).tobytes()
        ds.Rows, ds.ImageType = 54 + ROWS, ["DERIVED", "PRIMARY", "M", "NORM", "COMP_SP", "COMPOSED"]
        ds.AcquisitionTime = "103000"
        tall.append(ds)
    save_all(tall, out / "composed")


@case("ser-no-pictures")
def images_without_a_place(out: Path) -> None:
    missing = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
    for keyword in missing:
        save_all([put(ds, {keyword: None}) for ds in t2_series("ser-none", keyword)], out / keyword)
    save_all([screenshot("ser-none", "saved", i, SeriesDescription="Screens") for i in (1, 2)], out / "captures")


@case("ser-scales")
def one_series_of_several_scales(out: Path) -> None:
    sloped = t2_series("ser-scales-a")
    for i, ds in enumerate(sloped, 1):  # the same signal, stored with a slope of its own
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1 / i, 0, "normalized"
        ds.PixelData = (np.frombuffer(ds.PixelData, np.uint16) * i).astype(np.uint16).tobytes()
        ds.BitsStored, ds.HighBit = 16, 15
    save_all(sloped, out / "a-slopes")
    coarse = t2_series("ser-scales-b")
    for i, (x, y, z) in enumerate(positions(5, 9.0), SLICES + 1):
        ds = mr("ser-scales-b", "t2", i, (x, y, z), Rows=ROWS // 2, Columns=COLUMNS // 2)
        ds.PixelSpacing = [2 * PIXEL, 2 * PIXEL]
        ds.PixelData = pixels((x, y, z), SAGITTAL)[::2, ::2].tobytes()
        coarse.append(ds)
    save_all(coarse, out / "b-matrices")
    thin = [mr("ser-scales-c", "t2", i, p) for i, p in enumerate(positions(21, 2.2), 1)]
    save_all(thin, out / "c-interpolated")
