"""What is received, how it is kept until it is stored, and what the sender is told."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from config.settings import DicomSettings
from integrations.dicom.arrivals import Intake
from integrations.dicom.errors import OutOfResources, ReceiverNotStarted, UnusableIdentifier
from integrations.dicom.incoming import clear_incoming
from integrations.dicom.receiver import start_receiver
from integrations.dicom.sender import Delivered, verify
from tests.integrations.dicom.conftest import Running
from tests.integrations.dicom.sending import associate, send_files, take_apart
from tests.peers.dicom import Orthanc, storescu
from tests.peers.scripted import ABORT
from tests.waiting import wait_until

Cases = Callable[[str], list[Path]]


def data_sets(running: Running) -> list[bytes]:
    """What is on the shelf, without the file meta information, in the order it came."""
    return [take_apart(running.shelf.file(received)).data_set for received in running.shelf.received]


def changed(path: Path, folder: Path, **attributes: object) -> Path:
    """Write an image of `plain` anew, with attributes set, or taken away by None."""
    ds = dcmread(path)
    for keyword, value in attributes.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    target = folder / f"changed-{len(list(folder.iterdir()))}.dcm"
    ds.save_as(target)
    return target


def status(answer: Dataset) -> str:
    return f"{answer.Status:04X}"


def test_dcmtk_delivers_a_study(running: Running, case_files: Cases) -> None:
    sent = storescu(running.peer, *case_files("plain"))

    assert sent.returncode == 0, sent.stderr
    assert len(running.shelf.received) == 11
    assert running.receiver.counts() == {"stored": 11}


def test_orthanc_delivers_a_study(running: Running, case_files: Cases, orthanc: Orthanc) -> None:
    for path in case_files("plain"):
        orthanc.request("/instances", path.read_bytes())

    orthanc.send(orthanc.instances(), "SPINELABEL", running.receiver.port)

    assert {received.calling_ae for received in running.shelf.received} == {"ORTHANC"}
    assert len(running.shelf.received) == 11


def test_an_echo_is_answered(running: Running) -> None:
    assert verify(running.peer, "ECHO") == Delivered(0, "")


@pytest.mark.parametrize("case", ["rec-01", "rec-02", "rec-03", "rec-05", "rec-07", "rec-08", "rec-09"])
def test_odd_objects_are_stored_byte_for_byte(case: str, running: Running, case_files: Cases) -> None:
    paths = case_files(case)

    answers = send_files(running.receiver.port, paths)

    assert {status(answer) for answer in answers} == {"0000"}
    assert data_sets(running) == [take_apart(path).data_set for path in paths]
    assert list(running.incoming.iterdir()) == []


def test_the_file_says_what_the_presentation_context_says(running: Running, case_files: Cases) -> None:
    paths = case_files("rec-07")

    send_files(running.receiver.port, paths)

    for path, received in zip(paths, running.shelf.received, strict=True):
        kept, original = dcmread(running.shelf.file(received)), dcmread(path)
        assert kept.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID == received.transfer_syntax_uid
        assert kept.file_meta.MediaStorageSOPInstanceUID == original.SOPInstanceUID
        assert kept.file_meta.SourceApplicationEntityTitle == "SCRIPTED"


def test_the_digest_is_of_the_data_set_alone(running: Running, case_files: Cases) -> None:
    path = case_files("plain")[0]

    send_files(running.receiver.port, [path])

    data_set = take_apart(path).data_set
    assert running.shelf.received[0].sha256 == hashlib.sha256(data_set).hexdigest()
    assert running.shelf.received[0].size_bytes == len(data_set)


def test_the_same_bytes_again_are_known(running: Running, case_files: Cases) -> None:
    storescu(running.peer, *case_files("plain"))
    storescu(running.peer, *case_files("plain"))

    assert running.receiver.counts() == {"stored": 11, "known already": 11}


@pytest.mark.parametrize(
    ("attributes", "answer", "comment"),
    [
        pytest.param(
            {"StudyInstanceUID": None}, "C000", "Study Instance UID (0020,000D) is missing", id="no study UID"
        ),
        pytest.param({"SeriesInstanceUID": ""}, "C000", "Series Instance UID (0020,000E) is missing", id="empty UID"),
        pytest.param(
            {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"},
            "A900",
            "SOP Class UID (0008,0016) differs from the command's",
            id="another class than announced",
        ),
        pytest.param(
            {"SOPInstanceUID": "1.2.3"},
            "A900",
            "SOP Instance UID (0008,0018) differs from the command's",
            id="another instance than announced",
        ),
    ],
)
def test_a_faulty_object_is_refused_by_name_and_kept_and_the_next_one_is_taken(
    attributes: dict[str, object], answer: str, comment: str, running: Running, case_files: Cases, tmp_path: Path
) -> None:
    good = take_apart(case_files("plain")[0])
    faulty = take_apart(changed(case_files("plain")[1], tmp_path, **attributes))

    with associate(running.receiver.port, good) as client:
        announced = take_apart(case_files("plain")[1])
        refusal = client.store(replace(announced, data_set=faulty.data_set).pdus())
        success = client.store(good.pdus())

    assert (status(refusal), refusal.ErrorComment) == (answer, comment)
    assert status(success) == "0000"
    assert take_apart(running.shelf.folder / f"refused-{running.shelf.refused[0].sha256}").data_set == faulty.data_set
    assert running.receiver.counts() == {answer: 1, "stored": 1}


def test_uids_that_are_none_are_answered_and_name_no_file(running: Running, case_files: Cases) -> None:
    answers = send_files(running.receiver.port, case_files("rec-04"))

    assert [status(answer) for answer in answers] == ["0000", "0000", "C000", "C000"]
    assert running.shelf.received[1].sop_instance_uid == "1.2.826.0.1.3680043.10.0363.0042.7"
    assert not Path("/tmp/spine-case").exists()  # noqa: S108  where the last of them points


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(OutOfResources("The disk is nearly full"), id="no room"),
        pytest.param(OSError(28, "No space left on device"), id="the disk is full"),
        pytest.param(RuntimeError("row of Sample^PLAIN is locked"), id="anything else"),
    ],
)
def test_what_cannot_be_stored_is_answered_a700_and_the_association_goes_on(
    fault: Exception, running: Running, case_files: Cases
) -> None:
    sent = take_apart(case_files("plain")[0])

    with associate(running.receiver.port, sent) as client:
        running.shelf.fault = fault
        refusal = client.store(sent.pdus())
        running.shelf.fault = None
        success = client.store(sent.pdus())

    assert (status(refusal), status(success)) == ("A700", "0000")
    assert len(refusal.ErrorComment) <= 64
    assert "Sample" not in str(refusal) + str(running.log.lines)
    assert list(running.incoming.iterdir()) == []


def test_what_the_store_refuses_for_its_identifiers_is_kept(running: Running, case_files: Cases) -> None:
    running.shelf.fault = UnusableIdentifier("Series Instance UID (0020,000E) is of another study")

    (refusal,) = send_files(running.receiver.port, case_files("plain")[:1])

    assert (status(refusal), len(running.shelf.refused)) == ("C000", 1)


def test_an_object_is_refused_when_its_file_cannot_be_made(running: Running, case_files: Cases) -> None:
    sent = take_apart(case_files("plain")[0])
    moved = running.incoming.with_name("elsewhere")

    with associate(running.receiver.port, sent) as client:
        running.incoming.rename(moved)
        refusal = client.store(sent.pdus())
        moved.rename(running.incoming)
        success = client.store(sent.pdus())

    assert (status(refusal), status(success)) == ("A700", "0000")


def test_an_object_whose_file_can_neither_be_read_nor_removed_is_refused_for_a_while(
    running: Running, case_files: Cases
) -> None:
    sent = take_apart(case_files("plain")[0])
    pdus = replace(sent, data_set=sent.data_set + bytes(200_000)).pdus()
    moved = running.incoming.with_name("elsewhere")

    with associate(running.receiver.port, sent) as client:
        client.send(b"".join(pdus[:3]))
        wait_until(lambda: list(running.incoming.iterdir()), "the object to begin")
        running.incoming.rename(moved)
        running.incoming.touch()
        refusal = client.store(pdus[3:])

    assert status(refusal) == "A700"


@pytest.mark.parametrize("ending", [pytest.param(b"", id="closes the socket"), pytest.param(ABORT, id="sends A-ABORT")])
def test_a_client_that_goes_in_mid_object_leaves_nothing(ending: bytes, running: Running, case_files: Cases) -> None:
    sent = take_apart(case_files("plain")[0])
    large = replace(sent, data_set=sent.data_set + bytes(200_000))

    with associate(running.receiver.port, sent) as client:
        client.store(sent.pdus())
        client.send(b"".join(large.pdus()[:5]))
        wait_until(lambda: list(running.incoming.iterdir()), "the second object to begin")
        client.send(ending)

    wait_until(lambda: not list(running.incoming.iterdir()), "its file to go")
    assert len(running.shelf.received) == 1


def test_a_client_that_falls_silent_within_a_pdu_is_given_up(start: Callable[..., Running], case_files: Cases) -> None:
    running = start(network_timeout_seconds=0.5, max_associations=1)
    sent = take_apart(case_files("plain")[0])

    with associate(running.receiver.port, sent) as client:
        client.send(b"".join(sent.pdus())[:-100])
        while client.receive() is not None:
            pass

    wait_until(lambda: not list(running.incoming.iterdir()), "its file to go")
    wait_until(lambda: isinstance(verify(running.peer, "NEXT"), Delivered), "the place to be free")


def test_leftovers_of_a_killed_process_are_cleared(tmp_path: Path) -> None:
    (tmp_path / "left.part").write_bytes(b"half an object")

    assert clear_incoming(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_named(running: Running) -> None:
    settings = DicomSettings(port=running.receiver.port)
    intake = Intake(running.incoming, running.shelf.persist, running.shelf.keep_refused)

    with pytest.raises(ReceiverNotStarted, match=rf"127\.0\.0\.1:{running.receiver.port}.*dicom\.port"):
        start_receiver(settings, intake, running.log)
