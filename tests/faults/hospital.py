"""A daemon with a quick stand-in for its language model, studies to send to it, and what came of them at the PACS."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom import dcmread
from sqlmodel import select

from config.settings import Peer
from integrations.dicom.sender import Delivered, send_objects
from service.store.database import reading
from service.store.states import DeliveryState
from service.store.tables import Delivery, Document
from tests.odd.dicom.phantom import save_all, t2_series
from tests.peers.chat_server import MODEL, Script, listed, running_chat_server
from tests.peers.daemon import Daemon, running_daemon
from tests.peers.sent import Sent, write_message
from tests.waiting import wait_until

SECONDS = 120
TEXT = "FINDINGS: Canal stenosis."


def yes_to_all() -> Script:
    """Give a language model that says yes to whatever it is asked."""
    return Script(lambda _: listed(("yes", -0.1), ("no", -2.5)))


@contextmanager
def running_hospital(
    folder: Path,
    pacs: Peer,
    script: Script | None = None,
    settings: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Daemon]:
    """Run a daemon whose reports are labelled by what `script` says, and wait until its models are loaded."""
    with running_chat_server(script or yes_to_all()) as url:
        quick = {"reports": {"server": {"url": url, "model": MODEL}}, "images": {"classifiers": "none"}}
        values = {**quick, **(settings or {})}
        with running_daemon(folder, pacs, values, environment=environment) as daemon:
            daemon.port("work")
            yield daemon


def draw_small(folder: Path, name: str, text: str = TEXT, images: int = 11) -> Sent:
    """Write a small study and its report."""
    folder = folder / name
    series = t2_series(name)[:images]
    save_all(series, folder / "images")
    return Sent(tuple(sorted((folder / "images").iterdir())), text, write_message(series[0], text, folder))


def send(daemon: Daemon, study: Sent) -> None:
    """Send a study and its report as a PACS and an interface engine do: again, until all has been taken."""
    wait_until(lambda: images_taken(daemon, study), "the images to be taken", SECONDS)
    assert "MSA|AA" in daemon.send_report(study.message)


def images_taken(daemon: Daemon, study: Sent) -> bool:
    """Send the images of a study once; tells whether all were taken."""
    return all(isinstance(answer, Delivered) for answer in send_objects(study.images, daemon.peer(), "TEST"))


def states(daemon: Daemon) -> Counter[DeliveryState]:
    """Count deliveries by how far they have come."""
    with reading(daemon.engine()) as session:
        found = session.exec(select(Delivery.state)).all()
    return Counter(map(DeliveryState, found))


def documents(daemon: Daemon) -> list[str]:
    """Give the SOP Instance UIDs of the structured reports that were written."""
    with reading(daemon.engine()) as session:
        return sorted(session.exec(select(Document.sop_instance_uid)))


def at_pacs(folder: Path) -> list[str]:
    """Give the SOP Instance UIDs of the files that storescp has written, as often as it did (`--unique-filenames`)."""
    files = [path for path in folder.iterdir() if path.is_file()]
    return sorted(str(dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID) for path in files)


def wait_for_deliveries(daemon: Daemon, count: int, seconds: float = SECONDS) -> None:
    """Wait until so many structured reports are delivered, and no other is on its way."""
    what = f"{count} structured reports at the PACS"
    wait_until(lambda: states(daemon) == Counter({DeliveryState.DELIVERED: count}) or None, what, seconds)
