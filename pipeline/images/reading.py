"""The images of one study to discs and findings: the one entry that the service calls."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from config.settings import ImageSettings
from pipeline.images.classifiers import ClassifierSet, load_classifiers, needs_whole_spine
from pipeline.images.detectors.embedded import load_detector
from pipeline.images.detectors.protocol import DetectedDiscs, Detector
from pipeline.images.disc_features import encode_discs
from pipeline.images.disc_places import place_disc
from pipeline.images.encoders.chosen import load_encoder
from pipeline.images.encoders.protocol import Encoder
from pipeline.images.errors import UnreadablePixels
from pipeline.images.findings import DiscEvidence, abstain_from_all, classify_discs
from pipeline.images.model_files import classifier_file
from pipeline.images.series import SeriesChoice, choose_series, choose_whole_spine, read_headers
from pipeline.images.stacks import Stack
from pipeline.images.volume import Volume, load_volume
from pipeline.values import Disc, Finding, Provenance, StudyReading


@dataclass(frozen=True)
class Classification:
    """A set of classifiers with the encoder that it belongs to, and the sha256 of the set."""

    encoder: Encoder
    classifiers: ClassifierSet
    sha256: str


@dataclass(frozen=True)
class ImageReader:
    """Models loaded once; `classification` is None where no classifiers are set. One thread at a time may use it."""

    detector: Detector
    classification: Classification | None
    software: str


def load_image_reader(settings: ImageSettings, data: Path, software: str) -> ImageReader:
    """Load detector, encoder and classifiers.

    Args:
        settings: what reads the images; with classifiers "none" studies give discs and no findings.
        data: the folder of the installation, which sets that were trained here lie under.
        software: name and version that the findings' provenance carries.

    Raises:
        UnusableModel: a model file is missing, damaged, or made for another part.
    """
    detector = load_detector()
    if settings.classifiers == "none":
        return ImageReader(detector, None, software)
    encoder = load_encoder(settings.encoder)
    loaded, sha256 = load_classifiers(classifier_file(settings.classifiers, data), encoder.name)
    return ImageReader(detector, Classification(encoder, loaded, sha256), software)


def read_study(reader: ImageReader, paths: Sequence[Path], conditions: Collection[str]) -> StudyReading:
    """Read the images of one study.

    Args:
        reader: the loaded models.
        paths: DICOM Part 10 files of one study, in any order and transfer syntax; what is no image is passed over.
        conditions: names of the conditions that are asked; others that a classifier knows are left out.

    Returns:
        Discs from head to foot and one finding per condition and level. Without a usable series findings are "not
        imaged"; where levels are unknown, findings of a level are uncertain and have no number.
    """
    images, _ = read_headers(paths)
    choice = choose_series(images)
    if choice.stack is None:
        return _nothing_read(reader, conditions, choice.reason)
    try:
        volume = load_volume(choice.stack)
    except UnreadablePixels as error:
        return _nothing_read(reader, conditions, str(error))
    found = reader.detector.detect(volume)
    placed = tuple(place_disc(volume, disc) for disc in found.discs)
    findings: tuple[Finding, ...] = ()
    reason = f"{choice.reason}; no image classifiers are set"
    if part := reader.classification:
        chosen, wide = _share_out(part.classifiers, choice)
        findings = _classify(reader, replace(part, classifiers=chosen), (volume, found, placed, ""), conditions)
        if wide:
            findings += _classify_wide(reader, replace(part, classifiers=wide[1]), wide[0], conditions)
        reason = choice.reason
    return StudyReading(choice.stack.images[0].series_uid, reason, found.levels_known, found.reason, placed, findings)


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
    reader: ImageReader, part: Classification, stack: Stack, conditions: Collection[str]
) -> tuple[Finding, ...]:
    """Classify by a stack of the whole spine, whose discs are not shown: the study's are those of the chosen one."""
    scan = f" of the series {stack.images[0].description or 'without a name'}"
    try:
        volume = load_volume(stack)
    except UnreadablePixels as error:
        provenance = _provenance(reader, part, hashlib.sha256(b"").hexdigest())
        return abstain_from_all(part.classifiers, conditions, f"{error}{scan}", provenance)
    found = reader.detector.detect(volume)
    placed = tuple(place_disc(volume, disc) for disc in found.discs)
    return _classify(reader, part, (volume, found, placed, scan), conditions)


def _classify(
    reader: ImageReader,
    part: Classification,
    seen: tuple[Volume, DetectedDiscs, tuple[Disc, ...], str],
    conditions: Collection[str],
) -> tuple[Finding, ...]:
    volume, found, placed, scan = seen
    encoded = encode_discs(part.encoder, volume, found.discs)
    evidence = DiscEvidence(encoded, placed, found.levels_known, found.reason, scan)
    digest = hashlib.sha256(np.ascontiguousarray(volume.voxels).tobytes()).hexdigest()
    return classify_discs(part.classifiers, evidence, conditions, _provenance(reader, part, digest))


def _nothing_read(reader: ImageReader, conditions: Collection[str], reason: str) -> StudyReading:
    findings: tuple[Finding, ...] = ()
    if part := reader.classification:
        provenance = _provenance(reader, part, hashlib.sha256(b"").hexdigest())
        findings = abstain_from_all(part.classifiers, conditions, reason, provenance)
    return StudyReading(None, reason, levels_known=False, levels_reason=reason, discs=(), findings=findings)


def _provenance(reader: ImageReader, part: Classification, input_sha256: str) -> Provenance:
    """Say what made a finding; the thresholds come with the classifiers, so both have their digest."""
    name = f"{part.classifiers.name}@sha256:{part.sha256}"
    return Provenance(
        model=f"{part.encoder.name}+{reader.detector.name}",
        adapter=name,
        prompt=None,
        definition_version=None,
        calibration=name,
        input_sha256=input_sha256,
        software=reader.software,
    )
