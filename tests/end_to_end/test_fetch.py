"""A report whose study was never sent: the daemon fetches it from Orthanc and sends the structured report there."""

from pathlib import Path

import pytest
from sqlmodel import Session, select

from integrations.dicom.sender import send_objects
from service.store.database import reading
from service.store.fetch_tables import Fetch
from service.store.states import DeliveryState, FetchState, PairingState
from service.store.tables import Delivery, Instance, Report
from tests.peers.archives import running_archive
from tests.peers.daemon import Daemon, running_daemon
from tests.peers.dicom import Orthanc, free_port
from tests.peers.sent import draw
from tests.waiting import wait_until

SECONDS = 240


def settings(orthanc: Orthanc, port: int, way: str) -> dict[str, object]:
    pacs = {"name": "pacs", "ae_title": "ORTHANC", "port": orthanc.dicom.port, "may": ["send", "query"]}
    return {
        "peers": [{**pacs, "retrieve": [way]}],
        "dicom": {"port": port, "study_quiet_seconds": 2},
        "fetch": {"wait_seconds": 1},
    }


@pytest.mark.long
@pytest.mark.parametrize("way", ["move", "get"])
def test_a_study_that_only_its_report_speaks_of_comes_out_as_a_structured_report(way: str, tmp_path: Path) -> None:
    sent, port = draw(tmp_path / "study", 1), free_port()
    modalities = {"us": ["SPINELABEL", "127.0.0.1", port]}
    with running_archive(tmp_path / "orthanc", DicomModalities=modalities) as orthanc:
        send_objects(sent.images, orthanc.dicom, "TEST")
        with running_daemon(tmp_path / "daemon", orthanc.dicom, settings(orthanc, port, way)) as daemon:
            daemon.port("work")
            assert "MSA|AA" in daemon.send_report(sent.message)
            wait_until(lambda: _fetches(daemon), "the study to be asked for", SECONDS)
            daemon.kill("work")

            wait_until(lambda: _is_delivered(daemon), "the structured report to be delivered", SECONDS)

            with reading(daemon.engine()) as session:
                _is_whole(session, len(sent.images))
        assert len(orthanc.find({"Level": "Series", "Query": {"Modality": "SR"}})) == 1


def _fetches(daemon: Daemon) -> list[Fetch]:
    with reading(daemon.engine()) as session:
        return list(session.exec(select(Fetch)))


def _is_delivered(daemon: Daemon) -> bool:
    with reading(daemon.engine()) as session:
        return session.exec(select(Delivery).where(Delivery.state == DeliveryState.DELIVERED)).first() is not None


def _is_whole(session: Session, images: int) -> None:
    (fetch,) = session.exec(select(Fetch)).all()
    assert fetch.state == FetchState.DONE
    assert session.exec(select(Report)).one().pairing == PairingState.PAIRED
    objects = [each for each in session.exec(select(Instance)) if each.state == "stored"]
    assert len(objects) == images
