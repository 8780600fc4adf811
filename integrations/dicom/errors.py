"""Errors of DICOM networking.

DicomError
├── ReceiverNotStarted
├── Unaskable
└── Refusal: an object is answered with a failure status
    ├── UnusableIdentifier   C000H
    ├── ContradictsCommand   A900H
    └── OutOfResources       A700H

A refusal's text is the Error Comment (0000,0902) that the sender sees: at most 64 characters, naming the attribute and
never its value. Statuses: PS3.4 Table B.2-1.
"""

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
