"""Each row of what the DICOM conformance statement says of us as user, tried with a peer that answers as it has it.

A row that nothing is known of here fails.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_GET, C_MOVE
from pynetdicom.events import Event

from config.settings import Peer
from integrations.dicom import commitment_calls, query, retrieve, sender
from integrations.dicom.arrivals import Intake
from integrations.dicom.calling import REJECTED, Refused, Unreachable
from integrations.dicom.calling import REJECTIONS as THEIR_REJECTIONS
from integrations.dicom.commitment import CommitmentReport, Reference
from integrations.dicom.commitment_calls import Done, ask_to_commit, report_commitments
from integrations.dicom.query import Found, ObjectUids, find_studies, has_object
from integrations.dicom.retrieve import Incomplete, Retrieved, UnknownDestination, get_study, move_study
from integrations.dicom.sender import Delivered, send_objects
from integrations.dicom.study_queries import KEYS, StudyQuery
from integrations.dicom.taking import WayIn
from integrations.dicom.treatments import Treatment
from tests.integrations.dicom.conftest import HeardLog, Shelf
from tests.peers.archives import MODELS, study_answer
from tests.peers.committing import PUSH

US = "US"
IMAGE = Reference(MRImageStorage, "1.2.3.1")
ASKED = "1.2.0"


def tried(treatments: Sequence[Treatment[str]]) -> pytest.MarkDecorator:
    """Give each row with the statuses at its ends; the last row takes what others leave."""
    rows = [(row, status) for row in treatments[:-1] for status in sorted({row.first, row.last})]
    rows += [(treatments[-1], status) for status in (0x0122, 0xC123)]
    return pytest.mark.parametrize(("row", "status"), rows, ids=[f"{status:04X}H" for _, status in rows])


@dataclass
class Scripted:
    """A peer that answers whatever is asked by `answer`, and every association by `rejection` where there is one."""

    answer: Callable[[Event], Any] = lambda _: 0x0000
    rejection: tuple[int, int, int] | None = None
    settings: Peer = field(default_factory=lambda: Peer(name="peer", ae_title="PEER", port=1))

    def decide(self, event: Event) -> None:
        if self.rejection is not None:
            event.assoc.acse.send_reject(*self.rejection)
            event.assoc.kill()


@pytest.fixture(scope="module")
def peer() -> Iterator[Scripted]:
    peer, entity = Scripted(), AE("PEER")
    for sop_class in (MRImageStorage, *MODELS):
        entity.add_supported_context(sop_class)
    entity.add_supported_context(PUSH, scu_role=True, scp_role=True)
    asked = (evt.EVT_C_STORE, evt.EVT_C_FIND, evt.EVT_C_MOVE, evt.EVT_C_GET, evt.EVT_N_ACTION, evt.EVT_N_EVENT_REPORT)
    handlers: list[Any] = [
        (evt.EVT_REQUESTED, peer.decide),
        *((each, lambda event: peer.answer(event)) for each in asked),
    ]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    peer.settings = Peer(name="peer", ae_title="PEER", port=int(server.server_address[1]))
    yield peer
    entity.shutdown()


TAKING = {"taken": Done, "tried again": Unreachable, "refused": Refused}


@tried(commitment_calls.REQUEST_TREATMENTS)
def test_each_answer_to_our_request_for_commitment_is_treated_as_the_statement_says(
    row: Treatment[str], status: int, peer: Scripted
) -> None:
    peer.answer = lambda _: (status, None)

    answer = ask_to_commit(peer.settings, US, ASKED, [IMAGE], lambda _: True, wait_seconds=0)

    assert type(answer) is TAKING[row.outcome]


@tried(commitment_calls.REPORT_TREATMENTS)
def test_each_answer_to_our_report_of_commitment_is_treated_as_the_statement_says(
    row: Treatment[str], status: int, peer: Scripted
) -> None:
    peer.answer = lambda _: (status, None)

    (answer,) = report_commitments(peer.settings, US, [CommitmentReport("1.2.3", (IMAGE,), ())])

    assert type(answer) is TAKING[row.outcome]


@tried(sender.TREATMENTS)
def test_each_answer_to_an_object_is_treated_as_the_statement_says(
    row: Treatment[str], status: int, peer: Scripted, image: Path
) -> None:
    peer.answer = lambda _: status

    (answer,) = send_objects([image], peer.settings, US)

    match row.outcome:
        case "delivered":
            assert answer == Delivered(status, "")
        case "delivered with a warning":
            assert isinstance(answer, Delivered)
            assert f"{status:04X}H" in answer.warning
        case _:
            assert type(answer) is TAKING[row.outcome]


@pytest.mark.parametrize(("result", "place"), [*product(REJECTED, THEIR_REJECTIONS)])
def test_each_rejection_by_a_peer_is_treated_and_said_as_the_statement_says(
    result: int, place: tuple[int, int], peer: Scripted, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "rejection", (result, *place))

    (answer,) = send_objects([image], peer.settings, US)

    assert type(answer) is TAKING[REJECTED[result]]
    said = answer.comment if isinstance(answer, Refused) else getattr(answer, "reason", "")
    assert said == f"peer rejected the association: {THEIR_REJECTIONS[place]}"


def test_a_peer_may_give_every_reason_of_the_standard() -> None:
    assert THEIR_REJECTIONS.keys() == {(1, 1), (1, 2), (1, 3), (1, 7), (2, 1), (2, 2), (3, 1), (3, 2)}


def test_each_key_is_asked_at_its_level_and_has_a_value_where_it_is_matched_by(peer: Scripted) -> None:
    asked: dict[str, Dataset] = {}
    answers = {
        "STUDY": study_answer(ModalitiesInStudy=None, NumberOfStudyRelatedInstances=None),
        "SERIES": study_answer(SeriesInstanceUID="1.2.3.4"),
        "IMAGE": study_answer(SOPInstanceUID="1.2.3.4.5"),
    }

    def answer(event: Event) -> Iterator[tuple[int, Dataset | None]]:
        asked[event.identifier.QueryRetrieveLevel] = event.identifier
        yield 0xFF00, answers[event.identifier.QueryRetrieveLevel]
        yield 0x0000, None

    peer.answer = answer
    find_studies(peer.settings, US, StudyQuery("A1", "1.2.3", "P1", "MR", "20260301", "20260302"))
    has_object(peer.settings, US, ObjectUids("1.2.3", "1.2.3.4", "1.2.3.4.5"))

    assert asked.keys() == KEYS.keys()
    for level, keys in KEYS.items():
        sent = {element.keyword: element.value for element in asked[level] if element.keyword != "QueryRetrieveLevel"}
        assert sent.keys() == keys.keys()
        assert {keyword for keyword, value in sent.items() if value} == {
            key for key, matched in keys.items() if matched
        }
        assert all(("-" in sent[keyword]) == (matched == "range") for keyword, matched in keys.items() if matched)


FOUND = {"complete": Found, "an answer": Found, "tried again": Unreachable, "refused": Refused}


@tried(query.TREATMENTS)
def test_each_status_of_a_query_is_treated_as_the_statement_says(
    row: Treatment[str], status: int, peer: Scripted
) -> None:
    studies = 1 if row.outcome == "an answer" else 0
    peer.answer = _finding(status, studies)

    answer = find_studies(peer.settings, US, StudyQuery(accession="A1"))

    assert type(answer) is FOUND.get(row.outcome, Refused)
    assert not isinstance(answer, Found) or len(answer.studies) == studies
    if row.outcome == "complete if we cancelled, else refused":
        peer.answer = _finding(status, 3)
        cancelled = find_studies(peer.settings, US, StudyQuery(accession="A1"), most=1)
        assert isinstance(cancelled, Found)
        assert cancelled.is_cut


def _finding(status: int, studies: int) -> Callable[[Event], Iterator[tuple[int, Dataset | None]]]:
    """Give a handler that finds so many studies, and ends with a status unless that is one of answers."""
    is_pending = status >> 8 == 0xFF

    def answer(_: Event) -> Iterator[tuple[int, Dataset | None]]:
        for number in range(studies):
            yield status if is_pending else 0xFF00, study_answer(StudyInstanceUID=f"1.2.{number}")
        if not is_pending:
            yield status, None

    return answer


RETRIEVED = {
    "incomplete": Incomplete,
    "unknown destination": UnknownDestination,
    "going on, tried again if no more comes": Unreachable,
    "tried again": Unreachable,
    "refused": Refused,
}


@pytest.mark.parametrize("way", ["move", "get"])
@tried(retrieve.TREATMENTS)
def test_each_status_of_a_retrieval_is_treated_as_the_statement_says(
    row: Treatment[str], status: int, way: str, peer: Scripted, tmp_path: Path
) -> None:
    if row.outcome == "complete, or incomplete where a part failed":
        assert _retrieved(peer, tmp_path, way, status) == Retrieved(10)
        assert _retrieved(peer, tmp_path, way, status, failed=1) == Incomplete(10, 1, status, "")
    else:
        assert type(_retrieved(peer, tmp_path, way, status)) is RETRIEVED[row.outcome]


def _retrieved(peer: Scripted, folder: Path, way: str, status: int, failed: int = 0) -> object:
    """Retrieve a study from an archive that answers with one status at once."""

    def answer(event: Event) -> Iterator[Any]:
        response = C_MOVE() if way == "move" else C_GET()
        response.MessageIDBeingRespondedTo = event.request.MessageID
        response.AffectedSOPClassUID = event.request.AffectedSOPClassUID
        response.Status = status
        response.NumberOfCompletedSuboperations, response.NumberOfFailedSuboperations = 10, failed
        event.assoc.dimse.send_msg(response, event.context.context_id)
        if status >> 8 == 0xFF:
            event.assoc.abort()
        yield (None, None) if way == "move" else 0

    peer.answer = answer
    if way == "move":
        return move_study(peer.settings, US, "1.2.3")
    shelf = Shelf(folder)
    door = WayIn(Intake(folder, shelf.persist, shelf.keep_refused), "ISO_IR 100", HeardLog())
    return get_study(peer.settings, US, "1.2.3", door)
