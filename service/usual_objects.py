"""Filing the usual object: new, of a study and series that are known, and saying nothing that changes them.

That is nearly every object there is, so those that several associations bring at one time are filed together by four
plain statements, a fraction of what mapped rows take.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update
from sqlmodel import Session, col

from integrations.dicom.arrivals import Arrival, ReceivedObject
from integrations.dicom.header import InstanceHeader
from service.store.states import ObjectState, WorkState
from service.store.tables import Instance, Series, Study
from service.study_images import is_image

_CAME_BEFORE = select(col(Instance.sop_instance_uid)).where(
    col(Instance.sop_instance_uid).in_(bindparam("sop_instance_uids", expanding=True))
)
_SERIES: Any = (
    select(
        col(Study.study_uid),
        col(Series.series_uid),
        col(Series.id).label("series_id"),
        col(Series.study_id),
        col(Study.accession),
        col(Study.images),
        col(Study.images_starts),
        col(Study.notes),
        col(Study.patient_identifier).label("identifier"),
        col(Study.patient_authority).label("authority"),
    )
    .select_from(Study)
    .join(Series, col(Series.study_id) == col(Study.id))
    .where(
        col(Study.study_uid).in_(bindparam("study_uids", expanding=True)),
        col(Series.series_uid).in_(bindparam("series_uids", expanding=True)),
    )
)
_INSERT = insert(Instance)
_NOTE_IMAGES = (
    update(Study).where(col(Study.id).in_(bindparam("studies", expanding=True))).values(last_image=bindparam("now"))
)


def file_usual_objects(session: Session, objects: Sequence[tuple[ReceivedObject, str]], now: datetime) -> set[int]:
    """File those of some objects that are usual ones, and give their places among these.

    Args:
        session: a transaction that has nothing to write yet.
        objects: what was received, with the file of each, which is in place.
        now: when they are filed.
    """
    headers = [received.header for received, _ in objects]
    connection = session.connection()
    uids = {"sop_instance_uids": [header.sop_instance_uid for header in headers]}
    there = set(connection.execute(_CAME_BEFORE, uids).scalars())
    named = {(header.study_uid, header.series_uid) for header in headers}
    asked = {"study_uids": [study for study, _ in named], "series_uids": [series for _, series in named]}
    series = {(row.study_uid, row.series_uid): row for row in connection.execute(_SERIES, asked)}
    rows: dict[int, dict[str, Any]] = {}
    studies = set()
    for place, (received, file) in enumerate(objects):
        header = received.header
        known = series.get((header.study_uid, header.series_uid))
        if header.sop_instance_uid in there or known is None or not _changes_nothing(header, known):
            continue
        there.add(header.sop_instance_uid)
        uid = {"sop_instance_uid": header.sop_instance_uid, "series_id": known.series_id}
        rows[place] = instance_values(received, file, now) | uid
        if is_image(header.modality, header.sop_class_uid):
            studies.add(known.study_id)
    if rows:
        connection.execute(_INSERT, [*rows.values()])
    if studies:
        connection.execute(_NOTE_IMAGES, {"studies": [*studies], "now": now})
    return set(rows)


def instance_values(arrival: Arrival, file: str, now: datetime) -> dict[str, Any]:
    """Give what the row of an object says of its arrival."""
    return {
        "sop_class_uid": arrival.sop_class_uid,
        "transfer_syntax_uid": arrival.transfer_syntax_uid,
        "sha256": arrival.sha256,
        "file": file,
        "bytes": arrival.size_bytes,
        "received": now,
        "calling_ae": arrival.calling_ae,
        "address": arrival.address,
        "state": ObjectState.STORED,
        "reason": "",
    }


def is_another_patient(header: InstanceHeader, identifier: str, authority: str) -> bool:
    """Tell whether an object names another patient than its study; what one of both does not say is no difference."""
    if not header.patient_id or not identifier:
        return False
    return header.patient_id != identifier or len({header.patient_id_issuer, authority} - {""}) > 1


def _changes_nothing(header: InstanceHeader, known: Row[Any]) -> bool:
    """Tell whether an object leaves its study as it is, but for the time of the last image."""
    says_more: Sequence[object] = (
        not known.accession and header.accession_number,
        not known.identifier and header.patient_id,
        not known.notes and header.notes,
        is_another_patient(header, known.identifier, known.authority),
        is_image(header.modality, header.sop_class_uid)
        and (known.images, known.images_starts) != (WorkState.WAITING, 0),
    )
    return not any(says_more)
