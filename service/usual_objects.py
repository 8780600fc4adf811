"""Filing the usual object: new, of a study and series that are known, and saying nothing that changes them.

That is nearly every object there is, so it is done by four plain statements, an eighth of what mapped rows take.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, bindparam, insert, select, update
from sqlmodel import Session, col

from integrations.dicom.arrivals import Arrival, ReceivedObject
from integrations.dicom.header import InstanceHeader
from service.store.states import ObjectState, WorkState
from service.store.tables import Instance, Series, Study
from service.study_images import is_image

_CAME_BEFORE = select(col(Instance.id)).where(col(Instance.sop_instance_uid) == bindparam("sop_instance_uid")).limit(1)
_SERIES: Select[Any, int, str, WorkState, int, str, str, str] = (
    select(
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
    .where(col(Study.study_uid) == bindparam("study_uid"), col(Series.series_uid) == bindparam("series_uid"))
)
_INSERT = insert(Instance)
_NOTE_IMAGE = update(Study).where(col(Study.id) == bindparam("study")).values(last_image=bindparam("now"))


def file_usual_object(session: Session, received: ReceivedObject, file: str, now: datetime) -> bool:
    """File an object whose bytes are in place if it is a usual one, and tell whether it was; else nothing is done."""
    header = received.header
    session.flush()  # what others of the same transaction have filed as rows must be seen by plain statements
    connection = session.connection()
    if connection.execute(_CAME_BEFORE, {"sop_instance_uid": header.sop_instance_uid}).first() is not None:
        return False
    uids = {"study_uid": header.study_uid, "series_uid": header.series_uid}
    series = connection.execute(_SERIES, uids).first()
    if series is None or not _changes_nothing(header, series):
        return False
    row = instance_values(received, file, now)
    row.update(sop_instance_uid=header.sop_instance_uid, series_id=series.series_id)
    connection.execute(_INSERT, row)
    if is_image(header.modality, header.sop_class_uid):
        connection.execute(_NOTE_IMAGE, {"study": series.study_id, "now": now})
    return True


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
