"""A store with something of everything that pages show."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Engine

from service.roles import ROLES
from service.store.commitment_tables import Commitment
from service.store.database import writing
from service.store.fetch_tables import ACCESSION, Fetch
from service.store.states import (
    DeliveryState,
    FetchOrigin,
    MessageState,
    ObjectState,
    PairingState,
    RoleState,
    RunState,
    WorkState,
)
from service.store.tables import (
    CohortRun,
    Delivery,
    DestinationRow,
    Document,
    Instance,
    Message,
    Patient,
    Report,
    RoleRow,
    Series,
    Study,
    row_id,
)
from tests.service.rows import NOW, add_study

LONG = "The association was rejected: it does not know our AE title. It is not sent again by itself; use the command."


def fill(engine: Engine) -> None:
    """Write studies in every state, messages, reports, roles, runs and deliveries, with names of awkward lengths."""
    for number in range(1, 8):
        add_study(engine, number)
    with writing(engine) as session:
        states: dict[int, dict[str, Any]] = {
            2: {"review_reason": "Its objects carry two patient IDs. Decide, and use `spinelabel study accept`."},
            3: {"images": WorkState.FAILED, "images_reason": "It failed unexpectedly (MemoryError)."},
            4: {"images": WorkState.QUEUED, "document": WorkState.WAITING},
            5: {"description": "MR LUMBAR SPINE WITHOUT AND WITH CONTRAST, PAEDIATRIC, FOLLOW-UP"},
        }
        for number, values in states.items():
            for name, value in values.items():
                setattr(session.get_one(Study, number), name, value)
        session.get_one(Patient, 5).name = "FEATHERSTONEHAUGH-CHOLMONDELEY^BARTHOLOMEW MAXIMILIAN"
        _add_objects(session)
        _add_deliveries(session)
        _add_messages(session)
        session.add(
            Fetch(
                by=ACCESSION, wanted="CANARYACC7", origin=FetchOrigin.REPORT, next_attempt=NOW, created=NOW, answer=LONG
            )
        )
        for role in ROLES:
            row = RoleRow(role=role, host="a", pid=1, state=RoleState.UP, started=NOW, beat=NOW + timedelta(hours=1))
            if role == "work":
                row.state, row.reason, row.restarts = RoleState.DOWN, "The model folder lacks config.json.", 4
            session.add(row)
        for state, reason in ((RunState.DONE, ""), (RunState.FAILED, "It failed (OSError), and is tried again.")):
            session.add(
                CohortRun(
                    cohort="nightly", started=NOW, folder="exports/nightly/a", rows=1234, manifest_sha256="0",
                    state=state, reason=reason,
                )
            )  # fmt: skip


def _add_objects(session: Any) -> None:
    session.add(Series(study_id=1, series_uid="1.2.3", modality="MR", description="T2 SAG"))
    session.flush()
    for state in (ObjectState.STORED, ObjectState.REFUSED, ObjectState.CONFLICT):
        session.add(
            Instance(
                sop_class_uid="1", transfer_syntax_uid="1", sha256="0", file="f", bytes=1, received=NOW,
                calling_ae="PACS", address="192.0.2.1", state=state,
                reason="Study Instance UID (0020,000D) is missing.",
                series_id=1 if state is ObjectState.STORED else None,
            )
        )  # fmt: skip


def _add_deliveries(session: Any) -> None:
    for number, state in ((1, DeliveryState.DELIVERED), (5, DeliveryState.WAITING), (6, DeliveryState.REFUSED)):
        document = Document(
            study_id=number, accepts="trial", inputs="0", sop_instance_uid=f"2.25.{10**37 + number}", file="f",
            sha256="0", created=NOW,
        )  # fmt: skip
        session.add(document)
        session.flush()
        answer = {"delivered": "B000H Coercion of data elements"}.get(state, LONG)
        session.add(
            Delivery(
                document_id=row_id(document), destination="pacs", state=state, attempts=2, next_attempt=NOW,
                answer=answer,
            )
        )  # fmt: skip
    session.add(
        Commitment(peer="pacs", our_title="SPINELABEL", delivery_id=1, asked=NOW, next_attempt=NOW, expires=NOW)
    )
    session.add(
        DestinationRow(
            name="pacs", unanswered=3, silent_since=NOW, next_attempt=NOW + timedelta(hours=2), answer="no connection"
        )
    )


def _add_messages(session: Any) -> None:
    session.add(
        Message(
            received=NOW, peer="192.0.2.7", sha256="0", raw=b"x", state=MessageState.INCOMPLETE, reason="Cut in half."
        )
    )
    message = session.get_one(Message, 7)
    message.ack_code, message.message_type, message.control_id = "AA", "ORU^R01", "MSG00001"
    message.sender, message.notes = "RIS|NORTHMOOR", ["charset: none declared, read as UTF-8"]
    report = session.get_one(Report, 7)
    report.pairing, report.pairing_reason = PairingState.REVIEW, "2 studies fit by accession number. Choose one."
    report.procedure = "MR LUMBAR SPINE"
