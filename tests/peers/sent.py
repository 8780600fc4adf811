"""Drawn studies and their reports as a hospital would send them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydicom import Dataset
from pydicom.uid import generate_uid

from integrations.hl7.compose import OutgoingReport, compose_oru
from pipeline.training.drawn_reports import drawn_report
from pipeline.training.drawn_studies import drawn_study
from tests.peers.daemon import framed


@dataclass(frozen=True)
class Sent:
    """A study as files, the text of its report, and the file of its message."""

    images: tuple[Path, ...]
    text: str
    message: Path


def draw(folder: Path, seed: int) -> Sent:
    """Draw a study and its report into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    study = drawn_study(seed)
    text = drawn_report(seed, {"stenosis": ("L4-L5",)}).text
    return Sent(write_images(study.datasets, folder), text, write_message(study.datasets[0], text, folder))


def write_images(images: Sequence[Dataset], folder: Path) -> tuple[Path, ...]:
    """Write images as Part 10 files."""
    paths = tuple(folder / f"{number:03}.dcm" for number in range(len(images)))
    for image, path in zip(images, paths, strict=True):
        image.save_as(path, enforce_file_format=True)
    return paths


def write_message(image: Dataset, text: str, folder: Path) -> Path:
    """Write the message that brings a report about the study of an image."""
    message = folder / "report.hl7"
    message.write_bytes(framed(compose_oru(outgoing(image, text))))
    return message


def outgoing(image: Dataset, text: str) -> OutgoingReport:
    """Name the study by its accession number and patient, not by its UID."""
    now = datetime.now(UTC)
    return OutgoingReport(
        control_id=generate_uid()[-18:],
        accession=str(image.AccessionNumber),
        study_uid="",
        patient_id=str(image.PatientID),
        authority="",
        family=str(image.PatientName.family_name),
        given=str(image.PatientName.given_name),
        birth_date=str(image.get("PatientBirthDate") or ""),
        sex=str(image.get("PatientSex") or ""),
        procedure_code="MRLS",
        procedure="MR LUMBAR SPINE",
        observed_at=now,
        reported_at=now,
        text=text,
    )
