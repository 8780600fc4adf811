"""The images of one study to discs and findings: the one entry that the service calls."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from config.settings import DetectorSettings
from pipeline.images.classifiers import ClassifierSet, load_classifiers
from pipeline.images.companions import choose_companions
from pipeline.images.detectors.embedded import load_detector
from pipeline.images.detectors.external import load_external_detector
from pipeline.images.detectors.protocol import DetectedDiscs, Detector
from pipeline.images.disc_features import encode_discs
from pipeline.images.disc_places import place_disc
from pipeline.images.encoder import Encoder, load_encoder
from pipeline.images.errors import UnreadablePixels
from pipeline.images.findings import DiscEvidence, abstain_from_all, classify_discs
from pipeline.images.graded import Grading, abstain_from_grades, grade_discs, load_gradings
from pipeline.images.numbering import AS_COUNTED, Numbering, apply_numbering
from pipeline.images.series import SeriesChoice, choose_series, read_headers
from pipeline.images.stations import Scan, settle_levels
from pipeline.images.volume import Volume, load_volume
from pipeline.values import Disc, Finding, Provenance, StudyReading

EMBEDDED = DetectorSettings(kind="embedded")


@dataclass(frozen=True)
class Classification:
    """A set of classifiers with the encoder that it belongs to, and the sha256 of the set."""

    encoder: Encoder
    classifiers: ClassifierSet
    sha256: str


@dataclass(frozen=True)
class ImageReader:
    """Models loaded once; `classification` is None where no classifiers are set. One thread at a time may use it.

    `gradings` are what the detector's own grades say of the conditions that no classifier covers.
    """

    detector: Detector
    classification: Classification | None
    software: str
    gradings: tuple[Grading, ...] = ()


def load_image_reader(
    classifiers: Literal["none", "demonstration"], software: str, detector: DetectorSettings = EMBEDDED
) -> ImageReader:
    """Load detector, encoder and classifiers.

    Args:
        classifiers: the set's name; with "none" studies give discs, and no findings but those of a detector's grades.
        software: name and version that the findings' provenance carries.
        detector: which detector, and how it is started.

    Raises:
        UnusableModel: a model file is missing, damaged, or made for another part.
        DetectorFailed: the program of another project cannot be started or is not installed.
    """
    finder = load_detector() if detector.kind == "embedded" else load_external_detector(detector)
    gradings = load_gradings(detector.kind)
    if classifiers == "none":
        return ImageReader(finder, None, software, gradings)
    encoder = load_encoder()
    loaded, sha256 = load_classifiers(classifiers, encoder.name)
    covered = {classifier.condition for classifier in loaded.classifiers}
    rest = tuple(grading for grading in gradings if grading.condition not in covered)
    return ImageReader(finder, Classification(encoder, loaded, sha256), software, rest)


def read_study(
    reader: ImageReader, paths: Sequence[Path], conditions: Collection[str], numbering: Numbering = AS_COUNTED
) -> StudyReading:
    """Read the images of one study.

    Args:
        reader: the loaded models.
        paths: DICOM Part 10 files of one study, in any order and transfer syntax; what is no image is passed over.
        conditions: names of the conditions that are asked; others that a classifier knows are left out.
        numbering: what people say of the levels.

    Returns:
        Discs from head to foot and one finding per condition and level. Without a usable series findings are "not
        imaged"; where levels are unknown, findings of a level are uncertain and have no number.

    Raises:
        DetectorFailed: the program of another project gave no usable answer; the study can be tried again.
    """
    images, _ = read_headers(paths)
    choice = choose_series(images)
    if choice.stack is None:
        return _nothing_read(reader, conditions, choice.reason)
    try:
        volume = load_volume(choice.stack)
    except UnreadablePixels as error:
        return _nothing_read(reader, conditions, str(error))
    counted = _name_by_companions(reader.detector, choice, Scan("this series", volume, reader.detector.detect(volume)))
    found = apply_numbering(counted, numbering)
    placed = tuple(place_disc(volume, disc) for disc in found.discs)
    findings = _classify(reader, volume, found, (placed, conditions))
    has_findings = reader.classification or reader.gradings
    reason = choice.reason if has_findings else f"{choice.reason}; no image classifiers are set"
    return StudyReading(choice.stack.images[0].series_uid, reason, found.levels_known, found.reason, placed, findings)


def _name_by_companions(detector: Detector, choice: SeriesChoice, chosen: Scan) -> DetectedDiscs:
    """Look for the anchor on other scans of the study, if there are any that reach further."""
    others = []
    for stack in choose_companions(choice):
        try:
            volume = load_volume(stack)
        except UnreadablePixels:
            continue
        name = stack.images[0].description or "another series"
        others.append(Scan(name, volume, detector.detect(volume)))
    return settle_levels(chosen, others)


def _classify(
    reader: ImageReader, volume: Volume, found: DetectedDiscs, asked: tuple[tuple[Disc, ...], Collection[str]]
) -> tuple[Finding, ...]:
    placed, conditions = asked
    if not (reader.classification or reader.gradings):
        return ()
    digest = hashlib.sha256(np.ascontiguousarray(volume.voxels).tobytes()).hexdigest()
    graded = grade_discs(_asked_gradings(reader, conditions), found, placed, _provenance(reader, None, digest))
    part = reader.classification
    if part is None:
        return graded
    encoded = encode_discs(part.encoder, volume, found.discs)
    evidence = DiscEvidence(encoded, placed, found.levels_known, found.reason)
    return classify_discs(part.classifiers, evidence, conditions, _provenance(reader, part, digest)) + graded


def _asked_gradings(reader: ImageReader, conditions: Collection[str]) -> tuple[Grading, ...]:
    return tuple(grading for grading in reader.gradings if grading.condition in conditions)


def _nothing_read(reader: ImageReader, conditions: Collection[str], reason: str) -> StudyReading:
    digest = hashlib.sha256(b"").hexdigest()
    findings = abstain_from_grades(_asked_gradings(reader, conditions), reason, _provenance(reader, None, digest))
    if part := reader.classification:
        provenance = _provenance(reader, part, digest)
        findings = abstain_from_all(part.classifiers, conditions, reason, provenance) + findings
    return StudyReading(None, reason, levels_known=False, levels_reason=reason, discs=(), findings=findings)


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
