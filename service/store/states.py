"""How far things have come: the values of the state columns."""

from enum import StrEnum


class ObjectState(StrEnum):
    """What became of a received DICOM object."""

    STORED = "stored"
    SAME_CONTENT = "same content"
    CONFLICT = "conflict"
    REFUSED = "refused"
    DISMISSED = "dismissed"
    """A person has looked at a refused object or a conflict, and nothing is to be done about it."""
    RETURNED = "returned"
    """A structured report of our own that came back, as written or with what an archive changed."""
    HEADER = "header"
    """Its pixels were removed after the time that the site keeps images; what a report cites is still there."""


class MessageState(StrEnum):
    """What became of a received HL7 message."""

    REPORT = "report"
    KEPT = "kept"
    REPEATED = "repeated"
    REFUSED = "refused"
    INCOMPLETE = "incomplete"


class WorkState(StrEnum):
    """How far a report's labelling or a study's reading has come."""

    WAITING = "waiting"
    HELD = "held"
    QUEUED = "queued"
    DONE = "done"
    FAILED = "failed"


class PairingState(StrEnum):
    """Whether a report has found its study."""

    UNPAIRED = "unpaired"
    PAIRED = "paired"
    REVIEW = "review"


class DeliveryState(StrEnum):
    """How far a document has come on its way to one destination."""

    WAITING = "waiting"
    QUEUED = "queued"
    DELIVERED = "delivered"
    KEPT = "kept"
    """The destination has committed to keep it or, where its answer says so, was found to have it."""
    NOT_CONFIRMED = "not confirmed"
    """It was delivered, and the destination was asked in vain whether it keeps it."""
    NOT_KEPT = "not kept"
    """It was delivered, and the destination says that it does not keep it."""
    REFUSED = "refused"
    REPLACED = "replaced"
    CANCELLED = "cancelled"


class FetchState(StrEnum):
    """How far the fetching of a study has come."""

    WAITING = "waiting"
    QUEUED = "queued"
    DONE = "done"
    GIVEN_UP = "given up"


class FetchOrigin(StrEnum):
    """What a study is fetched for."""

    REPORT = "report"
    PRIOR = "prior"
    CAMPAIGN = "campaign"


class CommitmentState(StrEnum):
    """How far a storage commitment has come, whoever asked for it."""

    WAITING = "waiting"
    """Our request, or our report, has not reached the peer yet."""
    ASKED = "asked"
    """The peer has our request, and its report is awaited."""
    SOUGHT = "sought"
    """No report is awaited any more, and the peer is asked by C-FIND whether it has the object."""
    ENDED = "ended"
    """The report was made."""
    GIVEN_UP = "given up"
    """Its time ran out, or the peer will have nothing of it."""


class RunState(StrEnum):
    """What became of a run of a cohort."""

    DONE = "done"
    FAILED = "failed"


class RoleState(StrEnum):
    """How a role of the daemon is."""

    STARTING = "starting"
    LOADING = "loading"
    UP = "up"
    DOWN = "down"
    STOPPED = "stopped"


UNDELIVERED = (DeliveryState.WAITING, DeliveryState.QUEUED, DeliveryState.REFUSED, DeliveryState.NOT_KEPT)
"""What its destination does not have and still should."""

HANDED_OVER = (DeliveryState.DELIVERED, DeliveryState.KEPT, DeliveryState.NOT_CONFIRMED)
"""What its destination took and, as far as it said, has."""

FOR_A_PERSON = (DeliveryState.REFUSED, DeliveryState.NOT_KEPT)
"""What goes no further by itself."""
