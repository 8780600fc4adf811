"""What we answer to the requests of Storage Commitment (PS3.7, 10.1.1.1.8, 10.1.4.1.10 and annex C)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """A status, and when it is given."""

    status: int
    when: str


WRITTEN_DOWN = Answer(0x0000, "what it says is on disk")
NOT_AUTHORIZED = Answer(0x0124, "the calling title may not ask")
NO_SUCH_ACTION = Answer(0x0123, "the action is another than type 1")
NO_SUCH_INSTANCE = Answer(0x0112, "the SOP instance is another than the well-known one")
INVALID_ARGUMENT = Answer(0x0115, "an attribute is missing or no UID")
DUPLICATE_TRANSACTION = Answer(0x0131, "a request of the same Transaction UID is open")
RESOURCE_LIMITATION = Answer(0x0213, "it is longer than we take")
NOT_ASKED = Answer(0x0115, "we asked nothing of this peer under its Transaction UID")
PROCESSING_FAILURE = Answer(0x0110, "it cannot be read or kept")

TO_REQUEST = (
    WRITTEN_DOWN,
    NOT_AUTHORIZED,
    NO_SUCH_ACTION,
    NO_SUCH_INSTANCE,
    INVALID_ARGUMENT,
    DUPLICATE_TRANSACTION,
    RESOURCE_LIMITATION,
    PROCESSING_FAILURE,
)
"""What an N-ACTION is answered, by which a peer asks us to commit."""

TO_REPORT = (WRITTEN_DOWN, INVALID_ARGUMENT, NOT_ASKED, PROCESSING_FAILURE)
"""What an N-EVENT-REPORT is answered, by which a peer says what it keeps."""
