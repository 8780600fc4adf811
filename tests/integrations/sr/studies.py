"""Small MR studies, findings and identifiers for the tests of structured reports."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from config.conditions import load_conditions
from integrations.sr.document import write_sr
from integrations.sr.identifiers import derived_uid
from integrations.sr.values import Installation, ReportReference, SrContent, SrInstance, SrStudy
from pipeline.values import Disc, Finding, Provenance, Source, Standing, State

STUDY_UID = derived_uid("a study")
SERIES_UID = derived_uid("its T2 series")
PROVENANCE = Provenance(
    model="smollm2-135m-instruct@sha256:1111",
    adapter="answers@sha256:2222",
    prompt="direct-1",
    definition_version="1",
    calibration="stenosis-3",
    input_sha256="3333",
    software="0.1.0",
)
REPORT = ReportReference(
    control_id="MSG00017",
    filler_order_number="F-17",
    placer_order_number="P-17",
    accession_number="ACC-17",
    status="F",
    sha256="4" * 64,
)
INSTALLATION = Installation(
    device_uid=derived_uid("this installation"), name="SPINELABEL", version="0.1.0", conditions=load_conditions()
)
INSTANCE = SrInstance(derived_uid("a report"), datetime(2024, 3, 11, 9, 30, tzinfo=UTC))


def mr_image(number: int, **attributes: object) -> Dataset:
    """Make one sagittal T2 image of 16 x 16; an attribute given as None is not there at all."""
    values: dict[str, object] = {
        "SOPClassUID": MRImageStorage,
        "SOPInstanceUID": derived_uid("image", str(number)),
        "StudyInstanceUID": STUDY_UID,
        "SeriesInstanceUID": SERIES_UID,
        "SpecificCharacterSet": "ISO_IR 100",
        "PatientName": "Doe^Jane",
        "PatientID": "MRN-17",
        "PatientBirthDate": "19610704",
        "PatientSex": "F",
        "StudyID": "S17",
        "StudyDate": "20240311",
        "StudyTime": "101500",
        "StudyDescription": "MR lumbar spine",
        "AccessionNumber": "ACC-17",
        "ReferringPhysicianName": "Roe^Richard",
        "Manufacturer": "Phantom",
        "Modality": "MR",
        "SeriesNumber": 4,
        "InstanceNumber": number,
        "ImagePositionPatient": [4.4 * number, -80.0, 40.0],
        "ImageOrientationPatient": [0, 1, 0, 0, 0, -1],
        "PixelSpacing": [1.0, 1.0],
        "SliceThickness": 4.0,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": 16,
        "Columns": 16,
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "PixelData": bytes(512),
    }
    image = Dataset()
    for keyword, value in (values | attributes).items():
        if value is not None:
            setattr(image, keyword, value)
    return image


def as_received(image: Dataset, swap: tuple[bytes, bytes] | None = None) -> Dataset:
    """Write an image and read it as the product does; `swap` replaces bytes in between, as a bad sender would."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = image.SOPClassUID
    meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.file_meta = meta
    buffer = BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    data = buffer.getvalue()
    if swap:
        assert data.count(swap[0]) == 1
        data = data.replace(*swap)
    return dcmread(BytesIO(data), stop_before_pixels=True)


def mr_study(swap: tuple[bytes, bytes] | None = None, **attributes: object) -> SrStudy:
    """Make a study of three received images."""
    images = tuple(as_received(mr_image(number, **attributes), swap) for number in (1, 2, 3))
    return SrStudy(images, SERIES_UID)


def finding(condition: str, **changes: object) -> Finding:
    """Make a calibrated, present finding of a report, and change it."""
    present = Finding(
        condition=condition,
        level=None,
        source=Source.REPORT,
        state=State.PRESENT,
        answer=True,
        probability=0.9,
        log_odds=2.2,
        logits=(3.2, 1.0),
        threshold=0.5,
        standing=Standing.CALIBRATED,
        reason="",
        evidence=None,
        disc=None,
        provenance=PROVENANCE,
    )
    return replace(present, **changes)  # type: ignore[arg-type]


def undetermined(condition: str, state: State, reason: str, **changes: object) -> Finding:
    """Make a finding whose source abstained."""
    silent = {"answer": None, "probability": None, "log_odds": None, "logits": None, "threshold": None}
    return finding(condition, state=state, reason=reason, **(silent | changes))


def disc_on(number: int, level: str = "L4-L5") -> Disc:
    """Make a disc on the image of that number, away from its edges."""
    return Disc(
        level=level,
        sop_instance_uid=derived_uid("image", str(number)),
        row=7.0,
        column=8.0,
        centre_mm=(8.8, -72.0, 33.0),
        angle_deg=0.0,
        confidence=0.97,
        outline=((4.0, 5.0), (12.0, 5.0), (12.0, 9.0), (4.0, 9.0), (4.0, 5.0)),
    )


FROM_REPORT = (
    finding("cancer", state=State.ABSENT, answer=False, probability=0.0312, log_odds=-3.4),
    finding("stenosis"),
    finding("stenosis", level="L3-L4", state=State.ABSENT, answer=False, probability=0.2, log_odds=-1.4),
    finding("stenosis", level="L4-L5"),
    undetermined("spondylolisthesis", State.NOT_MENTIONED, "The report does not mention it."),
    finding("cauda equina compression", standing=Standing.UNCALIBRATED),
    finding("herniation", state=State.UNCERTAIN, reason="The answer lies in the model's noise."),
)
FROM_IMAGES = (
    finding("cancer", source=Source.IMAGE, standing=Standing.DEMONSTRATION),
    finding("stenosis", level="L4-L5", source=Source.IMAGE, disc=disc_on(2), standing=Standing.DEMONSTRATION),
    undetermined("stenosis", State.NOT_IMAGED, "L5-S1 lies below the scan.", level="L5-S1", source=Source.IMAGE),
)
BOTH = FROM_REPORT + FROM_IMAGES


def written(
    findings: Sequence[Finding] = BOTH,
    study: SrStudy | None = None,
    report: ReportReference | None = REPORT,
    instance: SrInstance = INSTANCE,
    installation: Installation = INSTALLATION,
) -> Dataset:
    """Write a structured report of these findings."""
    return write_sr(study or mr_study(), SrContent(tuple(findings), "", report), instance, installation)
