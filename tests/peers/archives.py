"""Archives that are asked for studies: Orthanc, DCMTK's dcmqrscp, and ones whose answers a test decides."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from config.settings import Peer
from tests.peers.dicom import Orthanc, free_port, is_listened_on, program, running_orthanc
from tests.waiting import wait_until

MODELS = (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)


@contextmanager
def running_dcmqrscp(folder: Path, move_to: Peer | None = None) -> Iterator[Peer]:
    """Start DCMTK's archive on a folder of its own; it knows `move_to` as a destination, and stops at the end."""
    store, port = folder / "QRSCP", free_port()
    store.mkdir(parents=True)
    destination = f"us = ({move_to.ae_title}, 127.0.0.1, {move_to.port})" if move_to else ""
    (folder / "dcmqrscp.cfg").write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\n{destination}\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nQRSCP {store} RW (100, 1024mb) ANY\nAETable END\n"
    )
    command = [program("dcmqrscp"), "-c", str(folder / "dcmqrscp.cfg")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peer = Peer(name="archive", ae_title="QRSCP", port=port, may=("query",))
    try:
        wait_until(lambda: is_listened_on(port), "dcmqrscp to listen")
        yield peer
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def deciding_archive(handlers: Sequence[tuple[Any, Callable[..., Any]]]) -> Iterator[Peer]:
    """Start an archive whose answers to C-FIND, C-MOVE and C-GET are what a test's handlers give."""
    entity = AE("DECIDED")
    for model in MODELS:
        entity.add_supported_context(model)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=list(handlers))
    assert server is not None
    try:
        yield Peer(name="decided", ae_title="DECIDED", port=int(server.server_address[1]), may=("query",))
    finally:
        entity.shutdown()


def answering(*answers: Dataset, status: int = 0x0000) -> tuple[Any, Callable[..., Any]]:
    """Give a handler that answers each C-FIND with these studies, whatever was asked, and ends with a status."""

    def answer(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        for each in answers:
            yield 0xFF00, each
        yield status, None

    return evt.EVT_C_FIND, answer


def study_answer(**attributes: object) -> Dataset:
    """Give an answer at the level of studies; what is not named is as in a usual one."""
    answer = Dataset()
    usual = {
        "QueryRetrieveLevel": "STUDY",
        "StudyInstanceUID": "1.2.3",
        "AccessionNumber": "A1",
        "PatientID": "P1",
        "StudyDate": "20260301",
        "ModalitiesInStudy": "MR",
        "NumberOfStudyRelatedInstances": 11,
        "InstanceAvailability": "ONLINE",
    }
    for keyword, value in {**usual, **attributes}.items():
        setattr(answer, keyword, value)
    return answer


@contextmanager
def running_archive(folder: Path, port: int | None = None, **options: object) -> Iterator[Orthanc]:
    """Start an Orthanc that answers whoever asks; `DicomModalities` among the options says where it sends to."""
    allowed = {f"DicomAlwaysAllow{what}": True for what in ("Find", "Get", "Move")}
    with running_orthanc(folder, port, **{**allowed, **options}) as orthanc:
        queried = orthanc.dicom.model_copy(update={"may": ("query",)})
        yield Orthanc(queried, orthanc.url)
