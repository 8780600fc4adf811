"""Errors of DICOM networking.

DicomError
├── ReceiverNotStarted
├── Unaskable
├── UnusableReference       a storage commitment's request or report lacks what it needs
├── RequestRefused: a request other than a C-STORE is answered with a failure status
│   ├── CommitmentRefused   one for storage commitment
│   │   ├── MayNotAsk       0124H
│   │   └── TransactionOpen 0131H
│   └── HintRefused         what a peer says of a study under way or complete
│       └── StepEnded       0110H, A710H
└── Refusal: an object is answered with a failure status
    ├── UnusableIdentifier   C000H
    ├── ContradictsCommand   A900H
    └── OutOfResources       A700H

A refusal's text is the Error Comment (0000,0902) that the sender sees: at most 64 characters, naming the attribute and
never its value. Statuses: PS3.4 Table B.2-1.
"""

from integrations.dicom.commitment_answers import DUPLICATE_TRANSACTION, NOT_AUTHORIZED, Answer
from integrations.errors import DicomError


class ReceiverNotStarted(DicomError):
    """The receiver cannot listen where the settings say."""


class Unaskable(DicomError):
    """A study cannot be asked for by what names it."""


class Refusal(DicomError):
    """An object is not taken; the sender is told why in a status and a comment."""

    status: int

    def __init__(self, comment: str) -> None:
        super().__init__(comment)
        self.comment = comment[:64]


class UnusableIdentifier(Refusal):
    """A UID that the store needs is missing or is none. Sending the same bytes again will not help."""

    status = 0xC000


class ContradictsCommand(Refusal):
    """The data set is another class or instance than the C-STORE command announced."""

    status = 0xA900


class OutOfResources(Refusal):
    """There is no room, or the object could not be written down; the sender may try again later."""

    status = 0xA700


class UnusableReference(DicomError):
    """A request or report of a storage commitment lacks an attribute, or has one that is no UID; names it."""


class RequestRefused(DicomError):
    """A request is refused; the comment is as that of a `Refusal`, the Error ID (0000,0903) is none where it is 0."""

    error_id = 0

    def __init__(self, status: int, comment: str) -> None:
        super().__init__(comment)
        self.status, self.comment = status, comment[:64]


class CommitmentRefused(RequestRefused):
    """A request for storage commitment is refused."""

    def __init__(self, answer: Answer, comment: str) -> None:
        super().__init__(answer.status, comment)


class HintRefused(RequestRefused):
    """A procedure step or a notification of instance availability is refused (PS3.4, F.7.2 and R.3.2)."""


class StepEnded(HintRefused):
    """A procedure step is completed or discontinued, so that it stays as it is (PS3.4, F.7.2.2.4)."""

    error_id = 0xA710

    def __init__(self) -> None:
        super().__init__(0x0110, "Performed Procedure Step Object may no longer be updated")


class MayNotAsk(CommitmentRefused):
    """The calling title is none that may ask us to commit (PS3.7, C.4.3: not authorized)."""

    def __init__(self) -> None:
        super().__init__(NOT_AUTHORIZED, "This calling AE title may not ask for storage commitment")


class TransactionOpen(CommitmentRefused):
    """A request of the same Transaction UID has not been reported yet (PS3.3, C.14.1.1)."""

    def __init__(self) -> None:
        super().__init__(DUPLICATE_TRANSACTION, "A request with this Transaction UID (0008,1195) is open")
