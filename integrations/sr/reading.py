"""Our structured reports read back, for summaries, tests and reports that a PACS sends back."""

from dataclasses import dataclass

from highdicom.sr import (
    CodedConcept,
    ComprehensiveSR,
    MeasurementsAndQualitativeEvaluations,
    PlanarROIMeasurementsAndQualitativeEvaluations,
)
from highdicom.sr.utils import find_content_items
from pydicom import Dataset

from config.conditions import Code
from integrations.sr import codes
from integrations.sr.errors import UnreadableSr
from integrations.sr.groups import Group, concept
from pipeline.values import Source


@dataclass(frozen=True)
class SrRegion:
    """An outline on one image: (column, row) points from the image's top left corner, closed."""

    sop_instance_uid: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class SrFinding:
    """One measurement group.

    `presence` is None where it is undetermined; then `probability` and `threshold` are None too. `parameters` holds the
    provenance and the standing under their names. `comment` is the reason in words, or what limits the answer.
    """

    condition: str
    level: str | None
    source: Source
    tracking_uid: str
    finding: Code
    site: Code
    presence: bool | None
    probability: float | None
    threshold: float | None
    comment: str
    algorithm: str
    parameters: dict[str, str]
    region: SrRegion | None
    source_images: tuple[str, ...]


def read_findings(document: Dataset) -> tuple[SrFinding, ...]:
    """Read every finding of a structured report of ours, in its order.

    Raises:
        UnreadableSr: the object is no report of this product, or a group lacks an item.
    """
    try:
        report = ComprehensiveSR.from_dataset(document)
        groups = find_content_items(report.content[0], name=concept(codes.MEASUREMENT_GROUP), recursive=True)
        return tuple(_finding(item) for item in groups)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UnreadableSr(f"This is no structured report of Spinelabel ({type(error).__name__}).") from error


def _finding(item: Dataset) -> SrFinding:
    template = (
        PlanarROIMeasurementsAndQualitativeEvaluations
        if item.template_id == "1410"
        else MeasurementsAndQualitativeEvaluations
    )
    group: Group = template.from_sequence([item])
    site = _code(group.finding_sites[0].value)
    level = codes.disc_level(site.value, site.scheme)
    head, _, source = str(group.tracking_identifier).rpartition("/")
    texts = _texts(item)
    return SrFinding(
        condition=head.removesuffix(f"/{level}"),
        level=level,
        source=Source(source),
        tracking_uid=str(group.tracking_uid),
        finding=_code(group.finding_type),
        site=site,
        presence=_presence(group),
        probability=_number(group, codes.PROBABILITY),
        threshold=_number(group, codes.THRESHOLD),
        comment=" ".join(texts.get(codes.COMMENT.value, [])),
        algorithm=texts[codes.ALGORITHM_NAME.value][0],
        parameters=dict(text.split("=", 1) for text in texts[codes.ALGORITHM_PARAMETERS.value]),
        region=_region(group),
        source_images=_source_images(group),
    )


def _code(value: CodedConcept | None) -> Code:
    if value is None:
        raise UnreadableSr("A measurement group names no finding, so this is no structured report of Spinelabel.")
    return Code(value.value, value.scheme_designator, value.meaning)


def _texts(group: Dataset) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for item in find_content_items(group, value_type="TEXT"):
        texts.setdefault(item.name.value, []).append(item.value)
    return texts


def _presence(group: Group) -> bool | None:
    value = group.get_qualitative_evaluations(concept(codes.PRESENCE))[0][0].value
    return {codes.PRESENT.value: True, codes.ABSENT.value: False, codes.UNDETERMINED.value: None}[value.value]


def _number(group: Group, name: Code) -> float | None:
    measurements = group.get_measurements(concept(name))
    return float(measurements[0].value) if measurements else None


def _region(group: Group) -> SrRegion | None:
    if not isinstance(group, PlanarROIMeasurementsAndQualitativeEvaluations) or group.roi is None:
        return None
    image = group.roi.ContentSequence[0].ReferencedSOPSequence[0]
    points = tuple((float(column), float(row)) for column, row in group.roi.value)
    return SrRegion(str(image.ReferencedSOPInstanceUID), points)


def _source_images(group: Group) -> tuple[str, ...]:
    if isinstance(group, PlanarROIMeasurementsAndQualitativeEvaluations):
        return ()
    return tuple(image.referenced_sop_instance_uid for image in group.source_images)
