"""A stand-in for a PACS: takes every object and puts it into a folder. For demonstrations and tests."""

from pathlib import Path

from config.settings import DicomSettings
from integrations.dicom.answers import EventLog
from integrations.dicom.arrivals import (
    Intake,
    ReceivedObject,
    RefusedObject,
    StoreOutcome,
)
from integrations.dicom.receiver import Receiver, start_receiver


def start_stand_in(settings: DicomSettings, folder: Path, log: EventLog) -> Receiver:
    """Listen as a PACS that keeps each object as `folder`/SHA256.dcm and keeps nothing that it refuses.

    Nothing is synchronised to the disk: no study may depend on this.

    Raises:
        ReceiverNotStarted: the address or port cannot be listened on.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def keep(received: ReceivedObject) -> StoreOutcome:
        target = folder / f"{received.sha256}.dcm"
        known = target.exists()
        received.path.replace(target)
        return StoreOutcome.KNOWN_ALREADY if known else StoreOutcome.STORED

    def forget(refused: RefusedObject) -> None:
        refused.path.unlink()

    return start_receiver(settings, Intake(folder, keep, forget), log)
