"""What the demo sends: drawn studies with reports written to match, or the study and report that a person gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from integrations.hl7.compose import OutgoingReport, compose_oru
from pipeline.training.drawn_reports import drawn_report
from pipeline.training.drawn_studies import drawn_study
from service.errors import DemoFailed

Truth = Mapping[tuple[str, str | None], bool]

DRAWN: tuple[Mapping[str, tuple[str, ...]], ...] = (
    {"stenosis": ("L4-L5",), "spondylolisthesis": (), "cancer": ()},
    {"stenosis": ("L3-L4", "L5-S1"), "spondylolisthesis": ("L4-L5",), "cancer": (), "herniation": ("L5-S1",)},
    {"stenosis": (), "spondylolisthesis": (), "cancer": ("L2-L3",)},
)
"""What each drawn study and its report have, and where."""

SEEN_ON_IMAGES = frozenset({"stenosis", "spondylolisthesis", "cancer"})


@dataclass(frozen=True)
class Case:
    """A study as files and the HL7 message of its report; `truth` holds the labels that are known."""

    study_uid: str
    accession: str
    files: tuple[Path, ...]
    message: bytes
    report: str
    truth: Truth


def drawn_cases(folder: Path) -> list[Case]:
    """Draw the demo's studies into a folder, and write a report for each."""
    return [_drawn_case(folder, seed, present) for seed, present in enumerate(DRAWN, 1)]


def _drawn_case(folder: Path, seed: int, present: Mapping[str, tuple[str, ...]]) -> Case:
    study = drawn_study(seed, {name: present[name] for name in SEEN_ON_IMAGES})
    report = drawn_report(seed, {name: levels for name, levels in present.items() if levels})
    first = study.datasets[0]
    files = _write(study.datasets, folder / f"study-{seed}")
    return Case(
        str(first.StudyInstanceUID),
        str(first.AccessionNumber),
        files,
        compose_oru(_outgoing(first, report.text)),
        report.text,
        report.labels,
    )


def given_case(study: Path, report: Path, folder: Path) -> Case:
    """Take a study folder and a report (text or HL7 message) as they are.

    Where the study has no accession number and the report is a text, one is made up in copies of both.

    Raises:
        DemoFailed: the folder holds no DICOM object, or the report cannot be read.
    """
    files = tuple(path for path in sorted(study.rglob("*")) if path.is_file() and _is_dicom(path))
    if not files:
        raise DemoFailed(f"{study} holds no DICOM object. Name a folder with the files of one study.")
    first = dcmread(files[0], stop_before_pixels=True)
    try:
        content = report.read_bytes()
    except OSError as error:
        raise DemoFailed(f"{report}: {error.strerror}. Name a text or HL7 file.") from error
    if content.lstrip(b"\x0b\r\n \xef\xbb\xbf").startswith(b"MSH"):
        message = content.strip(b"\x0b\x1c\r\n") + b"\r"
        return Case(str(first.StudyInstanceUID), str(first.get("AccessionNumber", "")), files, message, report.name, {})
    text = content.decode("utf-8", "replace")
    if not first.get("AccessionNumber"):
        files = _with_accession(files, "DEMO1", folder / "study-given")
        first = dcmread(files[0], stop_before_pixels=True)
    message = compose_oru(_outgoing(first, text))
    return Case(str(first.StudyInstanceUID), str(first.AccessionNumber), files, message, text, {})


def _is_dicom(path: Path) -> bool:
    try:
        dcmread(path, specific_tags=["SOPClassUID"], stop_before_pixels=True)
    except (InvalidDicomError, OSError):
        return False
    return True


def _with_accession(files: tuple[Path, ...], accession: str, folder: Path) -> tuple[Path, ...]:
    datasets = [dcmread(path) for path in files]
    for dataset in datasets:
        dataset.AccessionNumber = accession
    return _write(tuple(datasets), folder)


def _write(datasets: tuple[Dataset, ...], folder: Path) -> tuple[Path, ...]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = tuple(folder / f"{number:03d}.dcm" for number in range(1, len(datasets) + 1))
    for dataset, path in zip(datasets, paths, strict=True):
        dataset.save_as(path, enforce_file_format=True)
    return paths


def _outgoing(image: Dataset, text: str) -> OutgoingReport:
    name = image.get("PatientName") or ""
    now = datetime.now(UTC)
    return OutgoingReport(
        control_id=f"DEMO{now:%H%M%S%f}",
        accession=str(image.AccessionNumber),
        study_uid=str(image.StudyInstanceUID),
        patient_id=str(image.get("PatientID") or ""),
        authority="",
        family=str(getattr(name, "family_name", "")),
        given=str(getattr(name, "given_name", "")),
        birth_date=str(image.get("PatientBirthDate") or ""),
        sex=str(image.get("PatientSex") or ""),
        procedure_code="MRLS",
        procedure=str(image.get("StudyDescription") or "MR LUMBAR SPINE"),
        observed_at=now,
        reported_at=now,
        text=text,
    )
