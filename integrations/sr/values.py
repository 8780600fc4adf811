"""What a structured report is written from."""

from dataclasses import dataclass
from datetime import datetime

from pydicom import Dataset

from config.conditions import Condition
from pipeline.values import Finding


@dataclass(frozen=True)
class SrStudy:
    """The study that a report describes.

    `images` are read without pixels and left undecoded; the first gives patient and study. Of these, the images of
    `series_uid`, the study's chosen series, and of the series that findings name become evidence and sources; where
    there is none, the first image alone is evidence. `charset` is the defined term of the character set for text that
    does not fit its own declaration.
    """

    images: tuple[Dataset, ...]
    series_uid: str | None
    charset: str = "ISO_IR 100"


@dataclass(frozen=True)
class ReportReference:
    """The report that findings were read from, as it came by HL7. Identifiers are empty where the message had none."""

    control_id: str
    filler_order_number: str
    placer_order_number: str
    accession_number: str
    status: str
    sha256: str


@dataclass(frozen=True)
class SrContent:
    """What the report says. `left_out` says in words what this destination does not get, empty where it gets all."""

    findings: tuple[Finding, ...]
    left_out: str
    report: ReportReference | None


@dataclass(frozen=True)
class PreviousSr:
    """The structured report of the same study that the new one replaces."""

    series_instance_uid: str
    sop_instance_uid: str
    instance_number: int


@dataclass(frozen=True)
class SrInstance:
    """What tells one report from the next. `written_at` carries its zone."""

    sop_instance_uid: str
    written_at: datetime
    previous: PreviousSr | None = None


@dataclass(frozen=True)
class Installation:
    """Who writes: `device_uid` stays the same for the life of an installation, `name` is its AE title."""

    device_uid: str
    name: str
    version: str
    conditions: tuple[Condition, ...]
