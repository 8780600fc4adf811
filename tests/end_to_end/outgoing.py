"""A report about a study, as a feed would send it."""

from datetime import UTC, datetime

from pydicom import Dataset
from pydicom.uid import generate_uid

from integrations.hl7.compose import OutgoingReport


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
