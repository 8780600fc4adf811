"""Studies out of archives: by C-MOVE to our receiver and by C-GET, and what each end of it means."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage
from pynetdicom import build_context, evt
from pynetdicom.dimse_primitives import C_MOVE

from config.settings import Peer
from integrations.dicom.arrivals import Intake
from integrations.dicom.calling import Refused, Unreachable
from integrations.dicom.errors import OutOfResources
from integrations.dicom.get_contexts import MOST_CONTEXTS, get_contexts
from integrations.dicom.retrieve import Incomplete, Retrieved, UnknownDestination, get_study, move_study
from integrations.dicom.sender import send_objects
from integrations.dicom.taking import WayIn
from tests.integrations.dicom.conftest import HeardLog, Running, Shelf
from tests.integrations.dicom.sending import take_apart
from tests.peers.archives import deciding_archive, running_archive, running_dcmqrscp
from tests.peers.dicom import Orthanc

Cases = Callable[[str], list[Path]]
US = "SPINELABEL"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    (tmp_path / "got").mkdir()
    return Shelf(tmp_path / "got")


def door_to(shelf: Shelf) -> WayIn:
    return WayIn(Intake(shelf.folder, shelf.persist, shelf.keep_refused), "ISO_IR 100", HeardLog())


def study_of(paths: list[Path]) -> str:
    return str(dcmread(paths[0], stop_before_pixels=True).StudyInstanceUID)


@pytest.fixture
def orthanc(tmp_path: Path, running: Running, case_files: Cases) -> Iterator[Orthanc]:
    """Start an Orthanc that holds `plain` and knows our receiver as a destination."""
    modalities = {"us": [US, "127.0.0.1", running.peer.port]}
    with running_archive(tmp_path / "orthanc", DicomModalities=modalities) as archive:
        send_objects(case_files("plain"), archive.dicom, US)
        yield archive


def test_orthanc_moves_a_study_to_us_and_gives_it_on_the_same_association(
    orthanc: Orthanc, running: Running, case_files: Cases, shelf: Shelf
) -> None:
    study = study_of(case_files("plain"))
    sent = {take_apart(path).sop_instance for path in case_files("plain")}

    assert move_study(orthanc.dicom, US, study) == Retrieved(11)
    assert {each.sop_instance_uid for each in running.shelf.received} == sent

    assert get_study(orthanc.dicom, US, study, door_to(shelf)) == Retrieved(11)
    assert {each.sop_instance_uid for each in shelf.received} == sent
    assert {each.calling_ae for each in shelf.received} == {"ORTHANC"}


def test_dcmqrscp_moves_and_gives_the_bytes_that_it_has(
    tmp_path: Path, running: Running, case_files: Cases, shelf: Shelf
) -> None:
    paths = case_files("plain")
    bytes_sent = {take_apart(path).data_set for path in paths}
    with running_dcmqrscp(tmp_path / "archive", running.peer) as archive:
        send_objects(paths, archive, US)

        assert move_study(archive, US, study_of(paths)) == Retrieved(11)
        assert get_study(archive, US, study_of(paths), door_to(shelf)) == Retrieved(11)

    for taken in (running.shelf, shelf):
        assert {take_apart(taken.file(each)).data_set for each in taken.received} == bytes_sent


def test_dcmqrscp_that_does_not_know_our_title_says_so(tmp_path: Path, case_files: Cases) -> None:
    with running_dcmqrscp(tmp_path / "archive") as archive:
        send_objects(case_files("plain"), archive, US)

        assert move_study(archive, US, study_of(case_files("plain"))) == UnknownDestination()


def test_what_we_cannot_store_is_no_success(
    orthanc: Orthanc, running: Running, case_files: Cases, shelf: Shelf
) -> None:
    running.shelf.fault = shelf.fault = OutOfResources("The disk of the receiver is nearly full")
    study = study_of(case_files("plain"))

    for answer in (move_study(orthanc.dicom, US, study), get_study(orthanc.dicom, US, study, door_to(shelf))):
        assert not isinstance(answer, Retrieved)
    assert not list(shelf.folder.iterdir())


def moving(status: int, destination: Peer) -> tuple[Any, Callable[..., Any]]:
    """Give a handler that ends each C-MOVE with a status."""

    def answer(event: Any) -> Iterator[object]:
        if status == 0xA801:
            yield None, None
            return
        yield destination.host, destination.port, {"contexts": [build_context(MRImageStorage)]}
        yield 1
        yield status, Dataset()

    return evt.EVT_C_MOVE, answer


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (0xA801, UnknownDestination),
        (0xA700, Unreachable),
        (0xA701, Unreachable),
        (0xA702, Incomplete),
        (0xC123, Refused),
        (0xA900, Refused),
        (0xFE00, Refused),
    ],
)
def test_a_status_says_what_to_do(status: int, kind: type, running: Running) -> None:
    with deciding_archive([moving(status, running.peer)]) as archive:
        assert isinstance(move_study(archive, US, "1.2.3"), kind)


def test_success_with_failed_sub_operations_is_no_success() -> None:
    def answer(event: Any) -> Iterator[object]:
        response = C_MOVE()
        response.MessageIDBeingRespondedTo = event.request.MessageID
        response.AffectedSOPClassUID = event.request.AffectedSOPClassUID
        response.Status = 0x0000
        response.NumberOfCompletedSuboperations, response.NumberOfFailedSuboperations = 10, 1
        event.assoc.dimse.send_msg(response, event.context.context_id)
        yield None, None

    with deciding_archive([(evt.EVT_C_MOVE, answer)]) as archive:
        assert move_study(archive, US, "1.2.3") == Incomplete(10, 1, 0x0000, "")


def test_an_archive_that_aborts_is_asked_later() -> None:
    def abort(event: Any) -> Iterator[object]:
        event.assoc.abort()
        yield "127.0.0.1", 1

    with deciding_archive([(evt.EVT_C_MOVE, abort), (evt.EVT_C_GET, abort)]) as archive:
        assert isinstance(move_study(archive, US, "1.2.3"), Unreachable)


def test_a_peer_without_get_refuses(running: Running, shelf: Shelf) -> None:
    assert isinstance(get_study(running.peer, US, "1.2.3", door_to(shelf)), Refused)


def test_no_more_contexts_are_proposed_than_an_association_has() -> None:
    contexts, roles = get_contexts()

    assert len(contexts) <= MOST_CONTEXTS
    assert {role.sop_class_uid for role in roles} == {context.abstract_syntax for context in contexts[1:]}
