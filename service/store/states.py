"""How far things have come: the values of the state columns."""

from enum import StrEnum


class ObjectState(StrEnum):
    """What became of a received DICOM object."""

    STORED = "stored"
    SAME_CONTENT = "same content"
    CONFLICT = "conflict"
    REFUSED = "refused"
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
    REFUSED = "refused"
    REPLACED = "replaced"
    CANCELLED = "cancelled"


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


UNDELIVERED = (DeliveryState.WAITING, DeliveryState.QUEUED, DeliveryState.REFUSED)
"""What has not reached its destination and still should."""
