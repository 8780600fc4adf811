"""The discs of a study's scans to findings, by classifiers and by a detector's own grades."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pipeline.images.classifiers import ClassifierSet, needs_whole_spine
from pipeline.images.detectors.protocol import DetectedDiscs
from pipeline.images.disc_features import encode_discs
from pipeline.images.disc_places import place_disc
from pipeline.images.errors import UnreadablePixels
from pipeline.images.findings import DiscEvidence, abstain_from_all, classify_discs
from pipeline.images.graded import Grading, abstain_from_grades, grade_discs
from pipeline.images.numbering import Naming, name_discs
from pipeline.images.reader import Classification, ImageReader
from pipeline.images.series import SeriesChoice, choose_whole_spine
from pipeline.images.stacks import Stack
from pipeline.images.volume import Volume, load_volume
from pipeline.values import Disc, Finding, Provenance

_NOTHING = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class ReadScan:
    """A volume with its discs, also as they lie on the images.

    `name` says which scan it is where it is not the study's chosen one, as in " of the series T2 spine".
    """

    volume: Volume
    found: DetectedDiscs
    placed: tuple[Disc, ...]
    name: str = ""

    @cached_property
    def sha256(self) -> str:
        """Of the voxels."""
        return hashlib.sha256(np.ascontiguousarray(self.volume.voxels).tobytes()).hexdigest()


def judge_study(
    reader: ImageReader, naming: Naming, chosen: ReadScan, conditions: Collection[str]
) -> tuple[Finding, ...]:
    """Give the findings of a study from its chosen scan; conditions of the whole spine from the scan that shows it.

    The chosen scan's discs have been named as people do; those of the whole spine are named so here.
    """
    gradings = _asked(reader, conditions)
    findings: tuple[Finding, ...] = ()
    if part := reader.classification:
        near, wide = _share_out(part.classifiers, naming.choice)
        findings = _classify(reader, replace(part, classifiers=near), chosen, conditions)
        if wide:
            findings += _classify_wide(reader, replace(part, classifiers=wide[1]), wide[0], conditions, naming)
    if gradings:
        provenance = _provenance(reader, None, chosen.sha256)
        findings += grade_discs(gradings, chosen.found, chosen.placed, provenance)
    return findings


def abstain_from_study(reader: ImageReader, conditions: Collection[str], reason: str) -> tuple[Finding, ...]:
    """Give the findings of a study without a usable series: not imaged, with the reason."""
    findings = abstain_from_grades(_asked(reader, conditions), reason, _provenance(reader, None, _NOTHING))
    if part := reader.classification:
        provenance = _provenance(reader, part, _NOTHING)
        findings = abstain_from_all(part.classifiers, conditions, reason, provenance) + findings
    return findings


def _asked(reader: ImageReader, conditions: Collection[str]) -> tuple[Grading, ...]:
    return tuple(grading for grading in reader.gradings if grading.condition in conditions)


def _share_out(
    classifiers: ClassifierSet, choice: SeriesChoice
) -> tuple[ClassifierSet, tuple[Stack, ClassifierSet] | None]:
    """Give the classifiers that judge the chosen stack, and those that judge the whole spine where another shows it."""
    wide = [item for item in classifiers.classifiers if not item.per_disc and needs_whole_spine(item.levels)]
    stack = choose_whole_spine(choice) if wide else None
    if stack is None or stack is choice.stack:
        return classifiers, None
    rest = tuple(item for item in classifiers.classifiers if item not in wide)
    return replace(classifiers, classifiers=rest), (stack, replace(classifiers, classifiers=tuple(wide)))


def _classify_wide(
    reader: ImageReader, part: Classification, stack: Stack, conditions: Collection[str], naming: Naming
) -> tuple[Finding, ...]:
    """Classify by a stack of the whole spine, whose discs are not shown: the study's are those of the chosen one."""
    shown = stack.images[0]
    name = f" of the series {shown.description or 'without a name'}"
    try:
        volume = load_volume(stack)
    except UnreadablePixels as error:
        provenance = _provenance(reader, part, _NOTHING)
        findings = abstain_from_all(part.classifiers, conditions, f"{error}{name}", provenance)
    else:
        found = name_discs(reader.detector.detect(volume), naming, stack, volume)
        placed = tuple(place_disc(volume, disc) for disc in found.discs)
        findings = _classify(reader, part, ReadScan(volume, found, placed, name), conditions)
    return tuple(replace(finding, series_uid=shown.series_uid) for finding in findings)


def _classify(
    reader: ImageReader, part: Classification, scan: ReadScan, conditions: Collection[str]
) -> tuple[Finding, ...]:
    encoded = encode_discs(part.encoder, scan.volume, scan.found.discs)
    evidence = DiscEvidence(encoded, scan.placed, scan.found.levels_known, scan.found.reason, scan.name)
    return classify_discs(part.classifiers, evidence, conditions, _provenance(reader, part, scan.sha256))


def _provenance(reader: ImageReader, part: Classification | None, input_sha256: str) -> Provenance:
    """Say what made a finding: classifiers and their thresholds, which share a digest, or the detector alone."""
    name = f"{part.classifiers.name}@sha256:{part.sha256}" if part else None
    return Provenance(
        model=f"{part.encoder.name}+{reader.detector.name}" if part else reader.detector.name,
        adapter=name,
        prompt=None,
        definition_version=None,
        calibration=name,
        input_sha256=input_sha256,
        software=reader.software,
    )
