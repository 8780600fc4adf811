"""One finding as a measurement group of TID 1500."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    FindingSite,
    ImageRegion,
    Measurement,
    MeasurementsAndQualitativeEvaluations,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    SourceImageForMeasurementGroup,
    SourceImageForRegion,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom import Dataset

from config.conditions import Code, Condition
from integrations.sr import codes
from integrations.sr.errors import InconsistentFinding, NoEvidence
from integrations.sr.identifiers import derived_uid, tracking_identifier
from integrations.sr.rounding import written_numbers
from integrations.sr.wording import STANDING, named, reason
from pipeline.values import Disc, Finding, Source, Standing, State

Group = MeasurementsAndQualitativeEvaluations | PlanarROIMeasurementsAndQualitativeEvaluations


@dataclass(frozen=True)
class GroupContext:
    """What all groups of one report share.

    `images` are those of the series that were read, by SOP Instance UID; `series_uid` is the study's chosen one.
    """

    study_uid: str
    conditions: Mapping[str, Condition]
    images: Mapping[str, Dataset]
    series_uid: str | None


def concept(code: Code) -> CodedConcept:
    """Turn a code of ours into one of highdicom's."""
    return CodedConcept(code.value, code.scheme, code.meaning)


def text_item(name: Code, value: str) -> TextContentItem:
    """Make a TEXT item that a container contains; highdicom's templates have no argument for additional items."""
    return TextContentItem(concept(name), value, relationship_type="CONTAINS")


def measurement_group(finding: Finding, context: GroupContext) -> Group:
    """Write one finding: TID 1410 with its region where it was read on a disc, else TID 1501.

    Undetermined findings have a reason in words and no number.

    Raises:
        InconsistentFinding: state, answer and numbers contradict each other, or the disc's outline is no area.
        NoEvidence: the image of the disc is not among the images given.
    """
    presence = presence_of(finding)
    identifier = tracking_identifier(finding.condition, finding.level, finding.source)
    content: dict[str, Any] = {
        # The UID stays the same in a superseding report.
        "tracking_identifier": TrackingIdentifier(
            derived_uid("tracking", context.study_uid, finding.condition, finding.level or "", finding.source),
            identifier,
        ),
        "finding_type": concept(codes.finding_code(finding.condition, context.conditions.get(finding.condition))),
        "method": concept(_METHOD[finding.source]),
        "finding_sites": [_site(finding, context.conditions.get(finding.condition))],
        "algorithm_id": _algorithm(finding, decided=presence != codes.UNDETERMINED),
        "measurements": _measurements(finding) if presence != codes.UNDETERMINED else [],
        "qualitative_evaluations": [QualitativeEvaluation(concept(codes.PRESENCE), concept(presence))],
    }
    if finding.source is Source.IMAGE and finding.disc is not None:
        region = _region(finding.disc, context.images)
        group: Group = PlanarROIMeasurementsAndQualitativeEvaluations(referenced_region=region, **content)
    else:
        group = MeasurementsAndQualitativeEvaluations(source_images=_sources(finding, context), **content)
    if said := reason(finding):
        group[0].ContentSequence.append(text_item(codes.COMMENT, said))
    return group


def presence_of(finding: Finding) -> Code:
    """Give the presence that a report shows: the answer where the state is present or absent, else Undetermined.

    Raises:
        InconsistentFinding: state, answer and numbers contradict each other.
    """
    if finding.answer is None or finding.state not in (State.PRESENT, State.ABSENT):
        return codes.UNDETERMINED
    if finding.probability is None or finding.threshold is None:
        raise InconsistentFinding(f"{named(finding)} has an answer without probability or threshold. Label it again.")
    if not finding.answer == (finding.state is State.PRESENT) == (finding.probability >= finding.threshold):
        raise InconsistentFinding(f"{named(finding)}: state, answer and probability disagree. Label it again.")
    return codes.PRESENT if finding.answer else codes.ABSENT


_METHOD = {Source.REPORT: codes.FROM_REPORT, Source.IMAGE: codes.FROM_IMAGE}


def _site(finding: Finding, condition: Condition | None) -> FindingSite:
    if finding.level is not None:
        disc = codes.DISCS[finding.level]
        return FindingSite(concept(disc.structure), topographical_modifier=concept(disc.level))
    return FindingSite(concept(condition.site if condition and condition.site else codes.SPINE))


def _algorithm(finding: Finding, *, decided: bool) -> AlgorithmIdentification:
    """Identify what made the finding (TID 4019); thresholds and log-odds unrounded, since NUM items are rounded."""
    name = finding.provenance.model.partition("@")[0]
    if finding.standing in (Standing.DEMONSTRATION, Standing.UNCALIBRATED):
        name = f"{name} ({STANDING[finding.standing]})"
    parameters: dict[str, object] = asdict(finding.provenance) | {"standing": finding.standing}
    if decided:
        parameters |= {"threshold": finding.threshold, "log_odds": finding.log_odds}
    return AlgorithmIdentification(
        name=name,
        version=finding.provenance.software,
        parameters=[f"{key}={value}" for key, value in parameters.items() if value is not None],
        family=concept(codes.ARTIFICIAL_INTELLIGENCE),
    )


def _measurements(finding: Finding) -> list[Measurement]:
    if finding.probability is None or finding.threshold is None or finding.answer is None:
        return []
    probability, threshold = written_numbers(
        float(finding.probability), float(finding.threshold), answer=finding.answer
    )
    unit = concept(codes.NO_UNITS)
    return [
        # TID 300 has the method under the number; highdicom writes the group's as CONTAINS.
        Measurement(concept(codes.PROBABILITY), probability, unit, method=concept(_METHOD[finding.source])),
        Measurement(concept(codes.THRESHOLD), threshold, unit),
    ]


def _region(disc: Disc, images: Mapping[str, Dataset]) -> ImageRegion:
    """Outline a disc as a closed POLYLINE of (column, row) from the image's top left corner (PS3.3 C.18.6.1.2)."""
    image = images.get(disc.sop_instance_uid)
    if image is None:
        raise NoEvidence(f"The image that shows {disc.level or 'a disc'} was not given. Give all images of the series.")
    points = np.asarray(disc.outline, dtype=np.float64).reshape(-1, 2)
    points = np.clip(points, 0, (float(image.Columns), float(image.Rows)))
    if len(np.unique(points, axis=0)) < 3:
        raise InconsistentFinding(f"The outline of {disc.level or 'a disc'} is no area on its image. Read it again.")
    if not np.array_equal(points[0], points[-1]):
        points = np.vstack([points, points[:1]])
    frames = None if disc.frame is None else [disc.frame]
    return ImageRegion("POLYLINE", points, SourceImageForRegion(image.SOPClassUID, image.SOPInstanceUID, frames))


def _sources(finding: Finding, context: GroupContext) -> list[SourceImageForMeasurementGroup]:
    """Cite the images of the series that an image finding was read from."""
    if finding.source is not Source.IMAGE:
        return []
    series = finding.series_uid or context.series_uid
    return [
        SourceImageForMeasurementGroup(image.SOPClassUID, image.SOPInstanceUID)
        for image in context.images.values()
        if image.SeriesInstanceUID == series
    ]
