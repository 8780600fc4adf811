"""The values that all rooms share: a finding, where it came from, and the discs it rests on."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Source(StrEnum):
    """What a finding was read from."""

    REPORT = "report"
    IMAGE = "image"


class State(StrEnum):
    """What a finding says, laid over the yes/no answer and never changing it."""

    PRESENT = "present"
    ABSENT = "absent"
    UNCERTAIN = "uncertain"
    NOT_MENTIONED = "not mentioned"
    NOT_IMAGED = "not imaged"


class Standing(StrEnum):
    """How far the part that made a finding can be trusted."""

    DEMONSTRATION = "demonstration"
    UNCALIBRATED = "uncalibrated"
    CALIBRATED = "calibrated"
    CALIBRATED_HERE = "calibrated here"


@dataclass(frozen=True)
class Provenance:
    """What made a finding, exactly enough to make it again.

    `model` and `adapter` name the part and its sha256 as `name@sha256:…`; parts are joined by a plus. A program of
    another project has `name version (licence: …)`, with `restricted licence` where it also limits what may be done
    with the results. `prompt` is the id and version of the prompt, None for images. `calibration` is None where
    thresholds are the default .5. `input_sha256` is the digest of what the model was given.
    """

    model: str
    adapter: str | None
    prompt: str | None
    definition_version: str | None
    calibration: str | None
    input_sha256: str
    software: str

    @property
    def restricted_by(self) -> tuple[str, ...]:
        """Give the parts, with their licences, that limit what may be done with the results."""
        return tuple(part for part in self.model.split("+") if "(restricted licence: " in part)


@dataclass(frozen=True)
class Disc:
    """An intervertebral disc found on a series.

    `row` and `column` are pixel indices on the image `sop_instance_uid`, which shows the disc's middle. `centre_mm` is
    (x, y, z) in patient coordinates. `angle_deg` is the disc's tilt on that image, clockwise from the columns.
    `outline` is a closed line of (column, row) points on that image, counted from its top left corner: the middle of
    the first pixel is (0.5, 0.5) (DICOM PS3.3 C.18.6.1.2). `level` is None where levels are unknown. `confidence` is
    in [0, 1], None where the detector gives none. `frame` is that of a multi-frame image, counted from 1, and None for
    an image that is an object of its own.
    """

    level: str | None
    sop_instance_uid: str
    row: float
    column: float
    centre_mm: tuple[float, float, float]
    angle_deg: float
    confidence: float | None
    outline: tuple[tuple[float, float], ...]
    frame: int | None = field(default=None, repr=False)  # digests of findings rest on the other values


@dataclass(frozen=True)
class Finding:
    """One condition, at one level or the whole spine, from one source.

    `answer` is `probability >= threshold` and None, with `probability`, `log_odds` and `threshold`, where the source
    abstained. `logits` are those of "yes" and "no", for reports only. `reason` says in words why the state is neither
    present nor absent, or what limits the answer; it is empty where there is nothing to say. `evidence` is the sentence
    of the report that the answer rests on. `disc` is where an image finding of a level was read. `series_uid` is the
    series that an image finding was read from where that is not the study's chosen one.
    """

    condition: str
    level: str | None
    source: Source
    state: State
    answer: bool | None
    probability: float | None
    log_odds: float | None
    logits: tuple[float, float] | None
    threshold: float | None
    standing: Standing
    reason: str
    evidence: str | None
    disc: Disc | None
    provenance: Provenance
    series_uid: str | None = None


def restricted_by(findings: Iterable[Finding]) -> list[str]:
    """Give the parts, with their licences, that limit what may be done with any of the findings."""
    return list(dict.fromkeys(part for finding in findings for part in finding.provenance.restricted_by))


@dataclass(frozen=True)
class ReportLabels:
    """All findings of one report, in the order of the conditions file."""

    report_id: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class StudyReading:
    """What the images of one study gave.

    `series_uid` is None where no series could be used; `reason` says why that series was chosen, or why none was.
    `levels_reason` says which anchor named the discs, or why they have no names. `discs` go from head to foot.
    """

    series_uid: str | None
    reason: str
    levels_known: bool
    levels_reason: str
    discs: tuple[Disc, ...]
    findings: tuple[Finding, ...]
