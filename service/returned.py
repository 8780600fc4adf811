"""Our own structured reports that a PACS sends back to us, as forwarding rules do: they are kept, and lead to nothing.

An archive may have changed one on the way, as with an Original Attributes Sequence (PS3.3, C.12.1.1.9), and may have
given it another SOP Instance UID.
"""

from dataclasses import dataclass

from pydicom.uid import ExplicitVRLittleEndian
from sqlmodel import Session, select

from integrations.dicom.header import InstanceHeader
from integrations.sr.identifiers import MANUFACTURER
from service.same_content import Comparing, Copy, describe_difference
from service.store.objects import ObjectStore
from service.store.tables import Document
from service.study_images import is_image


@dataclass(frozen=True)
class OurOwn:
    """A report of ours; `file` is the document's, None where this service keeps no such document."""

    file: str | None


def find_our_own(session: Session, header: InstanceHeader) -> OurOwn | None:
    """Tell whether an object is a report of ours: by its SOP Instance UID, else by its maker."""
    if is_image(header.modality, header.sop_class_uid):
        return None
    file = session.exec(select(Document.file).where(Document.sop_instance_uid == header.sop_instance_uid)).one_or_none()
    made_by_us = header.modality == "SR" and header.manufacturer == MANUFACTURER
    return OurOwn(file) if file is not None or made_by_us else None


def describe_return(store: ObjectStore, ours: OurOwn, returned: Copy, charset: str) -> str:
    """Say that a report of ours came back, and what was changed about it."""
    back = "Our own structured report came back."
    if ours.file is None:
        return f"{back} It is none of those that this service keeps."
    written = Copy(store.path(ours.file), ExplicitVRLittleEndian)
    changed = describe_difference(Comparing(store.incoming, charset), written, returned)
    return f"{back} Changed on the way: {changed}." if changed else back
