"""A peer that tells of studies by procedure steps and notifications, made of pynetdicom as a modality's maker would."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydicom import DataElement, Dataset
from pydicom.config import IGNORE
from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    InstanceAvailabilityNotification,
    ModalityPerformedProcedureStep,
)

from config.settings import Peer
from integrations.dicom.association import prepare_pynetdicom

STEP, NOTIFICATION = ModalityPerformedProcedureStep, InstanceAvailabilityNotification
MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"


@dataclass(frozen=True)
class Announcing:
    """An association on which a peer tells; each method gives the status that it was answered."""

    association: Association
    answered: list[str]

    def create(self, uid: str | None, step: Dataset) -> Dataset:
        """Create a procedure step; the last of `answered` is then the UID that the answer names."""
        return self.association.send_n_create(step, STEP, uid)[0]

    def change(self, uid: str, step: Dataset) -> Dataset:
        """Set attributes of a procedure step."""
        return self.association.send_n_set(step, STEP, uid)[0]

    def notify(self, uid: str, notification: Dataset) -> Dataset:
        """Notify of instances."""
        return self.association.send_n_create(notification, NOTIFICATION, uid)[0]


@contextmanager
def announcing(peer: Peer, title: str = "MODALITY") -> Iterator[Announcing]:
    """Associate with a peer for both classes."""
    prepare_pynetdicom()
    ae = AE(title)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 20
    answered: list[str] = []

    def note(event: Event) -> None:
        answered.append(str(event.message.command_set.get("AffectedSOPInstanceUID", "")))

    association = ae.associate(
        peer.host,
        peer.port,
        [build_context(STEP), build_context(NOTIFICATION)],
        ae_title=peer.ae_title,
        evt_handlers=[(evt.EVT_DIMSE_RECV, note)],
    )
    assert association.is_established
    try:
        yield Announcing(association, answered)
    finally:
        association.release()


def new_step(*study_uids: str, status: str | None = "IN PROGRESS") -> Dataset:
    """Make the Attribute List of a new step of studies, as a modality writes it when the first scan begins."""
    step = Dataset()
    step.ScheduledStepAttributesSequence = [_of_study(uid) for uid in study_uids]
    step.PatientName, step.PatientID = "CANARYNAME^ADA", "CANARYID"
    step.PerformedStationAETitle, step.Modality = "MODALITY", "MR"
    step.PerformedSeriesSequence = []
    if status is not None:
        step.PerformedProcedureStepStatus = status
    return step


def changed_step(status: str | None, named: Iterable[str] | None = None) -> Dataset:
    """Make the Modification List of a step that now stands so, and has acquired these."""
    step = Dataset()
    if status is not None:
        step.PerformedProcedureStepStatus = status
    if named is not None:
        series = Dataset()
        series.SeriesInstanceUID = "1.2.3.1"
        series.ReferencedImageSequence = [_of_object(uid) for uid in named]
        step.PerformedSeriesSequence = [series]
    return step


def notification(study_uid: str, named: Iterable[str], gone: Iterable[str] = ()) -> Dataset:
    """Make the Attribute List of a notification that instances of a study are there, and others are not."""
    said, series = Dataset(), Dataset()
    said.StudyInstanceUID = study_uid
    said.ReferencedPerformedProcedureStepSequence = []
    series.SeriesInstanceUID = "1.2.3.1"
    series.ReferencedSOPSequence = [
        _of_object(uid, InstanceAvailability=availability, RetrieveAETitle="PACS")
        for availability, uids in (("ONLINE", named), ("UNAVAILABLE", gone))
        for uid in uids
    ]
    said.ReferencedSeriesSequence = [series]
    return said


def _of_study(uid: str) -> Dataset:
    item = Dataset()
    item[0x0020000D] = DataElement(0x0020000D, "UI", uid, validation_mode=IGNORE)
    item.AccessionNumber = "A1"
    return item


def _of_object(uid: str, **more: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = MR_IMAGE, uid
    for keyword, value in more.items():
        setattr(item, keyword, value)
    return item
