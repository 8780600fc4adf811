"""Each row of what the DICOM conformance statement says of us as provider, tried on an association.

A row that nothing is known of here fails.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import MRImageStorage
from pynetdicom.status import GENERAL_STATUS, STORAGE_SERVICE_CLASS_STATUS

from config.settings import DicomSettings, Peer
from integrations.dicom import commitment_answers, hints
from integrations.dicom.admission import (
    APPLICATION_CONTEXT_NAME,
    CALLED_TITLE,
    CALLING_ADDRESS,
    CALLING_TITLE,
    PROTOCOL_VERSION,
    REJECTIONS,
    TOO_MANY,
    TOO_MANY_OF_PEER,
    UNDECIDED,
    Rejection,
)
from integrations.dicom.arrivals import Intake
from integrations.dicom.commitment import FAILURES, GIVEN_FAILURES, CommitmentReport, CommitmentRequest, Reference
from integrations.dicom.commitment_answers import Answer
from integrations.dicom.commitment_service import MOST_BYTES, CommitmentDoor, commitment_service
from integrations.dicom.errors import ContradictsCommand, OutOfResources, Refusal, TransactionOpen, UnusableIdentifier
from integrations.dicom.receiver import start_receiver
from integrations.dicom.statement import REFUSALS
from tests.integrations.dicom.conftest import HeardLog, Running, Shelf, start
from tests.integrations.dicom.sending import Sent, associate, take_apart
from tests.peers.committing import Archive, CommittingPeer, action, report_of, request
from tests.peers.scripted import ACCEPTED, ScriptedClient, associate_request
from tests.peers.scripted import REJECTED as ANSWERED_NO

__all__ = ["start"]
ECHO = [("1.2.840.10008.1.1", "1.2.840.10008.1.2")]
IMAGE = Reference(MRImageStorage, "1.2.3.1")
OPEN, BREAKS, ASKED = "1.2.131", "1.2.110", "1.2.0"
"""Transaction UIDs: of an open request, of one that our store fails on, and of one that we asked with."""


@dataclass
class Site:
    """Our receiver, with a shelf for a store, and what it heard that peers keep."""

    shelf: Shelf
    heard: list[CommitmentReport] = field(default_factory=list)
    port: int = 0

    @property
    def peer(self) -> Peer:
        return Peer(name="us", ae_title="SPINELABEL", port=self.port)

    @property
    def intake(self) -> Intake:
        return Intake(self.shelf.folder, self.shelf.persist, self.shelf.keep_refused)

    def take(self, asked: CommitmentRequest) -> int:
        if asked.transaction_uid == OPEN:
            raise TransactionOpen
        return 1 // (asked.transaction_uid != BREAKS)

    def hear(self, _: str, report: CommitmentReport) -> bool:
        self.heard.append(report)
        return bool(1 // (report.transaction_uid != BREAKS)) and report.transaction_uid == ASKED


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, log = tmp_path_factory.mktemp("site"), HeardLog()
    site = Site(Shelf(folder))
    door = CommitmentDoor(
        may_ask=lambda title: title == "MODALITY",
        take=site.take,
        examine=lambda _: CommitmentReport("1.2", (), ()),
        settle=lambda *_: None,
        hear=site.hear,
    )
    receiver = start_receiver(
        DicomSettings(port=0),
        site.intake,
        log,
        services=[commitment_service(door, log)],
    )
    site.port = receiver.port
    yield site
    receiver.stop()


REQUESTS: dict[Rejection, dict[str, Any]] = {
    PROTOCOL_VERSION: {"protocol_version": 2},
    APPLICATION_CONTEXT_NAME: {"application_context": b"1.2.3"},
    CALLED_TITLE: {"called": b"NOBODY"},
    CALLING_TITLE: {"calling": b"STRANGER"},
    CALLING_ADDRESS: {},
    TOO_MANY: {"calling": b"THIRD"},
    TOO_MANY_OF_PEER: {"calling": b"FIRST"},
    UNDECIDED: {},
}
INSIDE = {TOO_MANY: (b"FIRST", b"SECOND"), TOO_MANY_OF_PEER: (b"FIRST",)}


@pytest.mark.parametrize("rejection", REJECTIONS, ids=lambda each: each.sentence)
def test_each_rejection_is_the_answer_to_its_request(
    rejection: Rejection, start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = ("SCRIPTED", "FIRST", "SECOND", "THIRD")
    senders = [Peer(name=title.lower(), ae_title=title, port=1, may=("send",)) for title in titles]
    running = start(senders, max_associations=2, max_associations_per_peer=1)
    if rejection is UNDECIDED:
        monkeypatch.setattr("integrations.dicom.door.admit", lambda *_: 1 / 0)

    with ExitStack() as opened:
        for title in INSIDE.get(rejection, ()):
            inside = opened.enter_context(ScriptedClient(running.receiver.port))
            inside.send(associate_request(ECHO, calling=title))
            assert getattr(inside.receive(), "kind", None) == ACCEPTED
        source = "127.0.0.2" if rejection is CALLING_ADDRESS else "127.0.0.1"
        client = opened.enter_context(ScriptedClient(running.receiver.port, source))
        client.send(associate_request(ECHO, **REQUESTS[rejection]))
        answer = client.receive()

    assert answer is not None
    assert (answer.kind, answer.rejection) == (ANSWERED_NO, rejection.answer)
    assert running.log.lines[-1][1]["reason"] == rejection.sentence


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda each: f"{each.status:04X}H")
def test_each_refusal_of_an_object_is_given_and_its_bytes_kept_where_the_statement_says(
    refusal: type[Refusal], image: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = take_apart(image)
    sent: Sent = {
        UnusableIdentifier: replace(whole, data_set=b"\x08\0\x60\0CS\2\0MR"),
        ContradictsCommand: replace(whole, sop_instance="1.2.3"),
        OutOfResources: whole,
    }[refusal]
    if refusal is OutOfResources:
        monkeypatch.setattr(site.shelf, "fault", OutOfResources("full"))
    before = len(site.shelf.refused)

    with associate(site.port, sent) as client:
        answer = client.store(sent.pdus())
        monkeypatch.undo()
        again = client.store(whole.pdus())

    assert (answer.Status, again.Status) == (refusal.status, 0x0000)
    assert len(answer.ErrorComment) <= 64
    assert len(site.shelf.refused) - before == (refusal is not OutOfResources)


ASKING: dict[Answer, dict[str, Any]] = {
    commitment_answers.WRITTEN_DOWN: {},
    commitment_answers.NOT_AUTHORIZED: {"title": "STRANGER"},
    commitment_answers.NO_SUCH_ACTION: {"action_type": 2},
    commitment_answers.NO_SUCH_INSTANCE: {"instance": "1.2.3"},
    commitment_answers.INVALID_ARGUMENT: {"uid": None},
    commitment_answers.DUPLICATE_TRANSACTION: {"uid": OPEN},
    commitment_answers.RESOURCE_LIMITATION: {"padding": MOST_BYTES},
    commitment_answers.PROCESSING_FAILURE: {"uid": BREAKS},
}


@pytest.mark.parametrize("answer", commitment_answers.TO_REQUEST, ids=lambda each: each.when)
def test_each_answer_to_a_request_for_commitment_is_given(answer: Answer, site: Site) -> None:
    how = {"title": "MODALITY", "uid": "1.2.4", "action_type": 1, "padding": 0, **ASKING[answer]}
    asked = action(how["uid"], [(IMAGE.sop_class_uid, IMAGE.sop_instance_uid)])
    asked.add_new(0x00420011, "OB", bytes(how["padding"]))
    where = {"instance": how["instance"]} if "instance" in how else {}

    association = CommittingPeer(how["title"]).associate(site.peer)
    given = request(association, asked, how["action_type"], **where)
    association.release()

    assert given.Status == answer.status


REPORTING = {
    commitment_answers.WRITTEN_DOWN: ASKED,
    commitment_answers.INVALID_ARGUMENT: "",
    commitment_answers.NOT_ASKED: "1.2.9",
    commitment_answers.PROCESSING_FAILURE: BREAKS,
}


@pytest.mark.parametrize("answer", commitment_answers.TO_REPORT, ids=lambda each: each.when)
def test_each_answer_to_a_report_of_commitment_is_given(answer: Answer, site: Site) -> None:
    report = report_of(action(REPORTING[answer], [(IMAGE.sop_class_uid, IMAGE.sop_instance_uid)]))

    assert Archive().report(site.peer, report, 1) == answer.status


@pytest.mark.parametrize("reason", FAILURES, ids=lambda reason: f"{reason:04X}H")
def test_each_failure_reason_is_understood(reason: int, site: Site) -> None:
    report = report_of(action(ASKED, [(IMAGE.sop_class_uid, IMAGE.sop_instance_uid)]), reason)

    assert Archive().report(site.peer, report, 2) == 0x0000

    assert [(failed.reference, failed.reason) for failed in site.heard[-1].failed] == [(IMAGE, reason)]
    assert set(GIVEN_FAILURES) <= set(FAILURES)


def test_no_status_is_private() -> None:
    given = {each.status for each in (*commitment_answers.TO_REQUEST, *commitment_answers.TO_REPORT)} | {
        *hints.REFUSALS
    }

    assert given <= {*GENERAL_STATUS, *FAILURES}
    assert {each.status for each in REFUSALS} <= set(STORAGE_SERVICE_CLASS_STATUS)
