"""Storage Commitment on associations that we open: asking a peer to commit, and telling one what we keep.

Who proposes which role: whoever asks is SCU, as associations are without negotiation; to report we propose to be SCP
(PS3.4, J.3.3; PS3.7, D.3.3.4). Many peers leave the role negotiation unanswered and take the report all the same.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydicom.dataset import Dataset
from pynetdicom import build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.dimse_messages import N_EVENT_REPORT_RSP
from pynetdicom.events import Event

from config.settings import Peer
from integrations.dicom.calling import ANSWER_SECONDS, Refused, Unreachable, call_peer, not_taken
from integrations.dicom.commitment import (
    PUSH_MODEL,
    PUSH_MODEL_INSTANCE,
    REQUEST,
    TRANSFER_SYNTAXES,
    CommitmentReport,
    Reference,
    answer_to_report,
    write_report,
    write_request,
)
from integrations.dicom.treatments import Treatment, outcome_of

REPORT_WAIT_SECONDS = 5.0
"""How long an association on which we asked is kept for the report, which may as well come on another."""

_SETTLE_SECONDS = 0.1

_Taking = Literal["taken", "tried again", "refused"]

REPORT_TREATMENTS: tuple[Treatment[_Taking], ...] = (
    Treatment(0x0000, 0x0000, "taken"),
    Treatment(0xB000, 0xBFFF, "taken"),
    Treatment(0x0110, 0x0110, "tried again"),
    Treatment(0x0213, 0x0213, "tried again"),
    Treatment(0x0001, 0xFFFF, "refused"),
)
"""What is made of the answer to an N-EVENT-REPORT; the first that fits counts."""

REQUEST_TREATMENTS: tuple[Treatment[_Taking], ...] = (Treatment(0x0131, 0x0131, "taken"), *REPORT_TREATMENTS)
"""What is made of the answer to an N-ACTION. A Transaction UID in use: a request came through, its answer was lost."""


@dataclass(frozen=True)
class Done:
    """The peer has taken what was asked or told."""


@dataclass(frozen=True)
class NotOffered:
    """The peer does not offer Storage Commitment, in its own words of negotiation."""

    reason: str


Taken = Done | Refused | Unreachable


def ask_to_commit(
    peer: Peer,
    our_ae_title: str,
    transaction_uid: str,
    references: Sequence[Reference],
    hear: Callable[[CommitmentReport], bool],
    *,
    wait_seconds: float = REPORT_WAIT_SECONDS,
) -> Taken | NotOffered:
    """Ask a peer to commit to objects, on an association of its own that is kept a little for the report.

    Args:
        peer: who is asked.
        our_ae_title: the calling AE title.
        transaction_uid: by what the report will name the request.
        references: the objects.
        hear: notes a report that comes on this association; tells whether it is about something that was asked.
        wait_seconds: how long the association is kept.
    """
    answered, reported = threading.Event(), threading.Event()

    def note_report(event: Event) -> None:
        if isinstance(event.message, N_EVENT_REPORT_RSP):
            reported.set()

    def answer(event: Event) -> tuple[int, None]:
        # A report of an earlier request may come at once; served meanwhile it could confuse pynetdicom's threads so
        # that our own request would wait for ever.
        answered.wait(ANSWER_SECONDS)
        given, _ = answer_to_report(event.event_information, hear)
        return given.status, None

    association = call_peer(
        peer,
        our_ae_title,
        [build_context(PUSH_MODEL, list(TRANSFER_SYNTAXES))],
        handlers=[(evt.EVT_N_EVENT_REPORT, answer), (evt.EVT_DIMSE_SENT, note_report)],
    )
    if not isinstance(association, Association):
        return _not_offered(association, peer)
    action = write_request(transaction_uid, references)
    status, _ = association.send_n_action(action, REQUEST, PUSH_MODEL, PUSH_MODEL_INSTANCE)
    answered.set()
    taken = _taken(status, REQUEST_TREATMENTS)
    if isinstance(taken, Done):
        _wait(association, reported, wait_seconds)
    _release(association)
    return taken


def report_commitments(peer: Peer, our_ae_title: str, reports: Sequence[CommitmentReport]) -> list[Taken]:
    """Tell a peer on one association what became of its requests; gives its answer to each, in order."""
    association = call_peer(
        peer,
        our_ae_title,
        [build_context(PUSH_MODEL, list(TRANSFER_SYNTAXES))],
        roles=[build_role(PUSH_MODEL, scp_role=True)],
    )
    if not isinstance(association, Association):
        return [association] * len(reports)
    answers: list[Taken] = []
    for number, report in enumerate(reports, start=1):
        if not association.is_established:
            answers.append(Unreachable("the association ended before an answer came"))
            continue
        event_type, event = write_report(report)
        status, _ = association.send_n_event_report(
            event, event_type, PUSH_MODEL, PUSH_MODEL_INSTANCE, msg_id=1 + number % 0xFFFF
        )
        answers.append(_taken(status, REPORT_TREATMENTS))
    if association.is_established:
        association.release()
    return answers


def taken_by_status(
    status: int | None, comment: str = "", treatments: Sequence[Treatment[_Taking]] = REPORT_TREATMENTS
) -> Taken:
    """Say what a status means for us; None is no answer."""
    if status is None:
        return Unreachable("the association ended, or the time ran out, before an answer came")
    match outcome_of(treatments, status):
        case "taken":
            return Done()
        case "tried again":
            return Unreachable(f"{status:04X}H {comment}".strip())
        case "refused":
            return Refused(status, comment)


def _taken(response: Dataset, treatments: Sequence[Treatment[_Taking]]) -> Taken:
    status = int(response.Status) if "Status" in response else None
    return taken_by_status(status, str(response.get("ErrorComment", "") or ""), treatments)


def _not_offered(answer: Refused | Unreachable, peer: Peer) -> Taken | NotOffered:
    nothing = not_taken(peer.name, PUSH_MODEL)
    return NotOffered(nothing) if answer == Refused(None, nothing) else answer


def _wait(association: Association, reported: threading.Event, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while association.is_established and not reported.is_set() and time.monotonic() < deadline:
        reported.wait(0.05)


def _release(association: Association) -> None:
    """Release as pynetdicom does, but without its endless wait where a report is being served at this moment."""
    association._reactor_checkpoint.clear()
    time.sleep(_SETTLE_SECONDS)  # its thread comes by here every millisecond
    if association.is_established:
        association.acse.negotiate_release()
    association._reactor_checkpoint.set()
