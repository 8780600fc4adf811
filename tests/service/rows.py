"""Rows of a study with a report, as the daemon would have written them."""

from datetime import UTC, datetime

from sqlalchemy import Engine

from pipeline.values import Disc, Finding, Provenance, Source, Standing, State
from service.store.database import writing
from service.store.findings import Subject, record_findings
from service.store.states import MessageState, PairingState, WorkState
from service.store.tables import Message, Pairing, Patient, Report, Study, row_id

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MADE_BY = Provenance("model@sha256:00", None, "direct/1", "1", None, "11", "spinelabel 0")
DISC = Disc("L4-L5", "1.2.3.4", 10.5, 20.5, (0.0, 1.0, 2.0), 5.0, 0.9, ((1.0, 2.0), (3.0, 4.0), (1.0, 2.0)))


def finding(condition: str = "stenosis", level: str | None = None, source: Source = Source.REPORT) -> Finding:
    """Give a present finding; one from images lies on a disc."""
    image = source is Source.IMAGE
    return Finding(
        condition=condition,
        level=level,
        source=source,
        state=State.PRESENT,
        answer=True,
        probability=0.75,
        log_odds=1.0986,
        logits=None if image else (1.0, -0.0986),
        threshold=0.5,
        standing=Standing.DEMONSTRATION if image else Standing.UNCALIBRATED,
        reason="",
        evidence=None if image else "CANARYSENTENCE.",
        disc=DISC if image and level else None,
        provenance=MADE_BY,
    )


def add_study(engine: Engine, number: int = 1) -> tuple[int, int]:
    """Write a study and its paired, labelled report with a finding of each source; gives their numbers."""
    with writing(engine) as session:
        patient = Patient(identifier=f"CANARYID{number}", name="CANARYNAME^ADA", birth_date="19310704", sex="F")
        session.add(patient)
        session.flush()
        study = Study(
            study_uid=f"1.2.3.{number}",
            patient_id=row_id(patient),
            accession=f"CANARYACC{number}",
            study_date="20260301",
            first_received=NOW,
            last_image=NOW,
            images=WorkState.DONE,
        )
        message = Message(received=NOW, peer="127.0.0.1", sha256="00", raw=b"MSH", state=MessageState.REPORT)
        session.add_all([study, message])
        session.flush()
        report = Report(
            message_id=row_id(message),
            order_key=str(number),
            received=NOW,
            status="final",
            text="CANARYTEXT",
            labels=WorkState.DONE,
            pairing=PairingState.PAIRED,
        )
        session.add(report)
        session.flush()
        session.add(
            Pairing(report_id=row_id(report), study_id=row_id(study), how="accession number", evidence="", created=NOW)
        )
        for subject, source, level in (
            (Subject(report_id=row_id(report)), Source.REPORT, None),
            (Subject(study_id=row_id(study)), Source.IMAGE, "L4-L5"),
        ):
            record_findings(session, subject, [finding(level=level, source=source)], work=f"{source}-{number}", now=NOW)
        return row_id(study), row_id(report)
