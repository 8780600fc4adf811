"""Answers to requests of peers: the status of a response, and what our log says of a refusal."""

from typing import Protocol

from pydicom.dataset import Dataset
from pynetdicom.events import Event


class EventLog(Protocol):
    """What is used of a structlog logger."""

    def warning(self, event: str, **fields: object) -> object:
        """Note something that a person may want to act on."""


def status_answer(status: int, comment: str = "") -> Dataset:
    """Give the status elements of a response (PS3.7, annex C); the comment is the Error Comment (0000,0902)."""
    answer = Dataset()
    answer.Status = status
    if comment:
        answer.ErrorComment = comment
    return answer


def refuse(log: EventLog, event: Event, what: str, status: int, comment: str) -> Dataset:
    """Note that a request was refused, and by whom it was made; gives the answer."""
    log.warning(
        f"{what} refused",
        status=f"{status:04X}",
        reason=comment,
        calling=ascii(event.assoc.requestor.ae_title.strip()),
        address=str(event.assoc.requestor.address),
    )
    return status_answer(status, comment)
