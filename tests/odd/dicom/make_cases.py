"""Make the awkward objects of `README.md`: python -m tests.odd.dicom.make_cases OUT [CASE …].

The same versions of pydicom and numpy give the same bytes. Patients and pixels are invented.
"""

import struct
import sys
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import (
    UID,
    BasicTextSRStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    MRImageStorage,
    RLELossless,
)

from tests.odd.dicom import anonymity_cases, enhanced, series_cases, volume_cases
from tests.odd.dicom.phantom import (
    CASES,
    PRIVATE_SERIES_DATA,
    case,
    element,
    lengthen_meta,
    mr,
    padded,
    positions,
    save,
    save_all,
    study,
    swap,
    t2_series,
    uid,
)

# --- a study with nothing wrong, for the network cases ---------------------------------------------------


@case("plain")
def plain(out: Path) -> None:
    save_all(t2_series("plain"), out)


# --- reception ----------------------------------------------------------------------------------------


@case("rec-01")
def latin1_declared_as_utf8(out: Path) -> None:
    name = "Müller-Lüdenscheidt^Jörg".encode("latin-1")
    for i, ds in enumerate(t2_series("rec-01", SpecificCharacterSet="ISO_IR 192"), 1):
        save(ds, out / f"{i:03}.dcm", raw={0x00100010: element(0x00100010, "PN", name)})


@case("rec-02")
def japanese_name(out: Path) -> None:
    name = "Sato^Hanako=佐藤^花子=さとう^はなこ"
    save_all(t2_series("rec-02", SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName=name), out)


@case("rec-03")
def values_off_their_vr(out: Path) -> None:
    too_long = b"SAG T2 TSE lumbar spine, repeated because of movement, second coil, table 40 mm lower "
    for i, ds in enumerate(t2_series("rec-03a"), 1):
        x, y, z = ds.ImagePositionPatient
        position = f"{x + 1e-13:.14f}\\{y + 1e-13:.14f}\\{z + 1e-13:.14f}"
        raw = {
            0x00080050: element(0x00080050, "SH", b"AREC03A-2024-03-11-00417"),  # SH holds 16 characters
            0x0008103E: element(0x0008103E, "LO", too_long),  # LO holds 64
            0x00100040: element(0x00100040, "CS", b"F\0"),  # padded with NUL, not with a space
            0x00181152: element(0x00181152, "IS", b"14.5"),  # IS has no decimals
            0x00200032: element(0x00200032, "DS", position.ljust(len(position) + len(position) % 2).encode()),
        }
        save(ds, out / "a-long" / f"{i:03}.dcm", raw=raw)

    for i, ds in enumerate(t2_series("rec-03b"), 1):
        raw = {0x0008103E: element(0x0008103E, "LO", b"SAG T2 lumbar")}  # 13 bytes
        save(ds, out / "b-odd" / f"{i:03}.dcm", raw=raw)

    # A private sequence written as UN with undefined length has items in Implicit VR (PS3.5, 6.2.2 note 5).
    inside = struct.pack("<HHI", 0x0008, 0x1150, 26) + MRImageStorage.encode() + b"\0"
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + inside + struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
    sequence = item + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    for i, ds in enumerate(t2_series("rec-03c"), 1):
        ds.add_new(0x00090010, "LO", "SAMPLE IMAGING 1")
        raw = {0x0009100E: element(0x0009100E, "UN", sequence, 0xFFFFFFFF)}
        save(ds, out / "c-private" / f"{i:03}.dcm", raw=raw)


@case("rec-04")
def uids_that_are_none(out: Path) -> None:
    values = {
        "1-good.dcm": uid("rec-04", "good"),
        "2-leading-zero.dcm": "1.2.826.0.1.3680043.10.0363.0042.7",
        "3-seventy-characters.dcm": "1.2.826.0.1.3680043.10.363." + "7" * 38 + ".1234",
        "4-path.dcm": "../../../../../../tmp/spine-case",
    }
    for number, (file_name, value) in enumerate(values.items(), 1):
        ds = mr("rec-04", "t2", number, positions()[number - 1])
        save(ds, out / file_name)
        data = (out / file_name).read_bytes()
        valid, wrong = padded(ds.SOPInstanceUID), padded(value)
        for tag in (0x00020003, 0x00080018):
            data = swap(data, element(tag, "UI", valid), element(tag, "UI", wrong))
        (out / file_name).write_bytes(lengthen_meta(data, len(wrong) - len(valid)))


@case("rec-05")
def nothing_to_pair_by(out: Path) -> None:
    empty = {"PatientName": "", "PatientID": "", "PatientBirthDate": "", "AccessionNumber": ""}
    save_all(t2_series("rec-05", **empty), out)


@case("rec-06")
def same_uid_again(out: Path) -> None:
    first = t2_series("rec-06")
    save_all(first, out / "1-first")
    save_all(first, out / "2-same-bytes")
    for i, ds in enumerate(t2_series("rec-06"), 1):
        save(ds, out / "3-other-transfer-syntax" / f"{i:03}.dcm", ImplicitVRLittleEndian)
    save_all(t2_series("rec-06", PatientName="Samples^REC06"), out / "4-name-corrected")
    other = t2_series("rec-06")
    for ds in other:
        ds.PixelData = (np.frombuffer(ds.PixelData, np.uint16) // 2).tobytes()
    save_all(other, out / "5-other-pixels")


@case("rec-07")
def transfer_syntaxes(out: Path) -> None:
    native: dict[str, UID] = {
        "implicit": ImplicitVRLittleEndian,
        "explicit": ExplicitVRLittleEndian,
        "deflated": DeflatedExplicitVRLittleEndian,
        "big-endian": ExplicitVRBigEndian,
    }
    for name, syntax in native.items():
        for i, ds in enumerate(t2_series(f"rec-07-{name}"), 1):
            save(ds, out / name / f"{i:03}.dcm", syntax)
    encapsulated = {"rle": RLELossless, "jpeg-ls": JPEGLSLossless, "jpeg-2000": JPEG2000Lossless}
    for name, syntax in encapsulated.items():
        if not get_encoder(syntax).is_available:
            continue
        for i, ds in enumerate(t2_series(f"rec-07-{name}"), 1):
            path = out / name / f"{i:03}.dcm"
            save(ds, path)
            compressed = dcmread(path)
            compressed.compress(syntax, generate_instance_uid=False)
            save(compressed, path, syntax)


@case("rec-08")
def pixels_cut_short(out: Path) -> None:
    for i, ds in enumerate(t2_series("rec-08"), 1):
        path = out / f"{i:03}.dcm"
        if i == 4:  # the length is true, but the rows below the middle are not there
            ds.PixelData = ds.PixelData[: len(ds.PixelData) // 2]
        if i == 6:
            del ds.PixelData
        save(ds, path)
        if i == 8:  # the length promises more bytes than follow
            path.write_bytes(path.read_bytes()[:-1000])


@case("rec-09")
def objects_that_are_no_images(out: Path) -> None:
    save_all(t2_series("rec-09"), out / "images")

    private = study("rec-09")
    private.SOPClassUID = PRIVATE_SERIES_DATA
    private.SOPInstanceUID = uid("rec-09", "private")
    private.SeriesInstanceUID = uid("rec-09", "t2")
    private.Modality = "MR"
    private.SeriesNumber, private.InstanceNumber = 3, 12
    private.add_new(0x00090010, "LO", "SAMPLE IMAGING 1")
    private.add_new(0x00091001, "OB", bytes(range(64)))
    save(private, out / "private.dcm")

    state = study("rec-09")
    state.SOPClassUID = GrayscaleSoftcopyPresentationStateStorage
    state.SOPInstanceUID = uid("rec-09", "presentation state")
    state.SeriesInstanceUID = uid("rec-09", "presentation states")
    state.Modality = "PR"
    state.SeriesNumber, state.InstanceNumber = 90, 1
    state.ContentLabel = "KEY"
    state.ContentDescription = state.ContentCreatorName = ""
    state.PresentationCreationDate, state.PresentationCreationTime = "20240311", "104000"
    save(state, out / "presentation-state.dcm")

    report = study("rec-09")
    report.SOPClassUID = BasicTextSRStorage
    report.SOPInstanceUID = uid("rec-09", "report")
    report.SeriesInstanceUID = uid("rec-09", "reports")
    report.Modality = "SR"
    report.Manufacturer = "Some Other Maker"
    report.SeriesNumber, report.InstanceNumber = 91, 1
    report.ContentDate, report.ContentTime = "20240311", "104500"
    report.CompletionFlag, report.VerificationFlag = "COMPLETE", "UNVERIFIED"
    report.ValueType, report.ContinuityOfContent = "CONTAINER", "SEPARATE"
    title = Dataset()
    title.CodeValue, title.CodingSchemeDesignator, title.CodeMeaning = "18748-4", "LN", "Diagnostic imaging report"
    report.ConceptNameCodeSequence = [title]
    report.PerformedProcedureCodeSequence = []
    report.ReferencedPerformedProcedureStepSequence = []
    save(report, out / "other-makers-report.dcm")


MORE = (volume_cases, series_cases, enhanced, anonymity_cases)
"""Modules that register cases of their own."""


def write_case(name: str, folder: Path) -> None:
    """Write the files of one case into a folder."""
    CASES[name](folder)


def main(out: Path, names: list[str]) -> None:
    unknown = [name for name in names if name not in CASES]
    if unknown:
        sys.exit(f"no case {', '.join(unknown)}; there are: {', '.join(CASES)}")
    for name in names or CASES:
        write_case(name, out / name)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2:])
