"""Series that hold more, less or something else than one regular sagittal T2 stack, and images with little in them."""

from pathlib import Path

import numpy as np

from tests.odd.dicom.phantom import (
    AXIAL,
    COLUMNS,
    CORONAL,
    PIXEL,
    ROWS,
    SAGITTAL,
    SLICES,
    Vector,
    case,
    mr,
    positions,
    put,
    save_all,
    screenshot,
    t2_series,
    uid,
)


@case("vol-01")
def one_slice_missing(out: Path) -> None:
    images = t2_series("vol-01")
    del images[6]
    for number, ds in enumerate(images, 1):
        ds.InstanceNumber = number  # nothing but the positions tells
    save_all(images, out)


@case("vol-02")
def positions_that_repeat(out: Path) -> None:
    twice = t2_series("vol-02a")
    for i in (2, 5):  # exported twice: new instance, same everything
        copy = t2_series("vol-02a")[i]
        copy.SOPInstanceUID = uid("vol-02a", "copy", i)
        twice.append(copy)
    save_all(twice, out / "a-exported-twice")

    first = t2_series("vol-02b")
    for ds in first:
        ds.PixelData = (np.frombuffer(ds.PixelData, np.uint16) * 3 // 4).astype(np.uint16).tobytes()
    again = t2_series("vol-02b", AcquisitionNumber=2, AcquisitionTime="102630", ContentTime="102630")
    for i, ds in enumerate(again, 1):
        ds.SOPInstanceUID = uid("vol-02b", "again", i)
        ds.InstanceNumber = SLICES + i
    save_all(first + again, out / "b-scanned-twice")


@case("vol-03")
def strangers_in_the_series(out: Path) -> None:
    images = t2_series("vol-03")
    images.append(mr("vol-03", "t2", 12, (-100.0, -100.0, 20.0), AXIAL))
    images.append(mr("vol-03", "t2", 13, (-100.0, 0.0, 150.0), CORONAL))
    images.append(screenshot("vol-03", "t2", 14))
    save_all(images, out / "sagittal-and-strangers")

    scouts = {"SeriesDescription": "3-plane localizer", "SeriesNumber": 1, "EchoTime": 90}
    planes = [((0.0, -100.0, 150.0), SAGITTAL), ((-100.0, -100.0, 20.0), AXIAL), ((-100.0, 0.0, 150.0), CORONAL)]
    save_all([mr("vol-03", "scouts", i, p, o, **scouts) for i, (p, o) in enumerate(planes, 1)], out / "scouts")


@case("vol-04")
def two_echoes_in_one_series(out: Path) -> None:
    images = []
    for i, position in enumerate(positions(), 1):
        for echo, (time, gain) in enumerate(((13, 2), (98, 3)), 1):
            ds = mr("vol-04", "dual", i, position, EchoTime=time, EchoNumbers=echo)
            ds.SeriesDescription = ds.ProtocolName = "SAG PD/T2 dual"
            ds.SOPInstanceUID = uid("vol-04", i, echo)
            ds.PixelData = (np.frombuffer(ds.PixelData, np.uint16) // 4 * gain).tobytes()
            images.append(ds)
    save_all(images, out)


@case("vol-05")
def stir_beside_t2(out: Path) -> None:
    stir = {
        "SeriesDescription": "SAG T2 fs",
        "ProtocolName": "SAG T2 fs",
        "SeriesNumber": 4,
        "SeriesTime": "103000",
        "ScanningSequence": ["SE", "IR"],
        "SequenceName": "tir2d1_15",
        "InversionTime": 160,
        "RepetitionTime": 4200,
        "EchoTime": 72,
    }
    save_all(t2_series("vol-05", "stir", **stir), out / "stir")
    save_all(t2_series("vol-05", "t2", SeriesDescription="SAG", ProtocolName="SAG"), out / "t2")
    t1 = {"SeriesNumber": 5, "RepetitionTime": 520, "EchoTime": 11, "EchoTrainLength": 3, "SequenceName": "tse2d1_3"}
    save_all(t2_series("vol-05", "t1", SeriesDescription="SAG T2 COPY", **t1), out / "t1-named-t2")


@case("vol-06")
def ways_to_lie(out: Path) -> None:
    """One anatomy, four ways of numbering and of laying out rows and columns."""
    right_to_left = positions()
    save_all([mr("vol-06a", "t2", i, p) for i, p in enumerate(right_to_left, 1)], out / "a-right-to-left")
    save_all([mr("vol-06b", "t2", i, p) for i, p in enumerate(right_to_left[::-1], 1)], out / "b-left-to-right")
    posterior_first: Vector = (0, -1, 0, 0, 0, -1)
    flipped = [(x, -100.0 + (COLUMNS - 1) * PIXEL, z) for x, _, z in right_to_left]
    save_all(
        [mr("vol-06c", "t2", i, p, posterior_first) for i, p in enumerate(flipped, 1)],
        out / "c-posterior-on-the-left",
    )
    inferior_first: Vector = (0, 1, 0, 0, 0, 1)
    upside_down = [(x, y, 150.0 - (ROWS - 1) * PIXEL) for x, y, _ in right_to_left]
    numbered_alike = [mr("vol-06d", "t2", i, p, inferior_first) for i, p in enumerate(upside_down, 1)]
    save_all([put(ds, {"InstanceNumber": 1, "SliceLocation": None}) for ds in numbered_alike], out / "d-upside-down")


@case("vol-07")
def two_stations_in_one_series(out: Path) -> None:
    lumbar = [mr("vol-07", "spine", i, p) for i, p in enumerate(positions(), 1)]
    thoracic = [mr("vol-07", "spine", SLICES + i, p) for i, p in enumerate(positions(top=420.0), 1)]
    interleaved = [ds for pair in zip(thoracic, lumbar, strict=True) for ds in pair]
    save_all([put(ds, {"SeriesDescription": "SAG T2 spine"}) for ds in interleaved], out)


@case("sr-01")
def evidence_with_little_in_it(out: Path) -> None:
    missing = (
        "StudyID",
        "StudyTime",
        "StudyDescription",
        "AccessionNumber",
        "ReferringPhysicianName",
        "PatientBirthDate",
        "PatientSex",
        "Manufacturer",
        "SeriesNumber",
        "PositionReferenceIndicator",
    )
    save_all([put(ds, dict.fromkeys(missing)) for ds in t2_series("sr-01")], out)
