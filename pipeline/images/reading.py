"""The images of one study to discs and findings: the one entry that the service calls."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.images.companions import choose_companions
from pipeline.images.detectors.protocol import DetectedDiscs, Detector
from pipeline.images.disc_places import place_disc
from pipeline.images.errors import DetectorFailed, UnreadablePixels
from pipeline.images.judging import ReadScan, abstain_from_study, judge_study
from pipeline.images.numbering import AS_COUNTED, Naming, Numbering, name_discs
from pipeline.images.reader import ImageReader
from pipeline.images.series import SeriesChoice, choose_series, read_headers
from pipeline.images.stations import Scan, settle_levels
from pipeline.images.volume import Volume, load_volume
from pipeline.values import StudyReading


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
    naming = Naming(numbering, choice)
    found = name_discs(count_levels(reader.detector, choice, volume), naming, choice.stack, volume)
    placed = tuple(place_disc(volume, disc) for disc in found.discs)
    findings = judge_study(reader, naming, ReadScan(volume, found, placed), conditions)
    has_judges = reader.classification or reader.gradings
    reason = choice.reason if has_judges else f"{choice.reason}; no image classifiers are set"
    return StudyReading(choice.stack.images[0].series_uid, reason, found.levels_known, found.reason, placed, findings)


def count_levels(detector: Detector, choice: SeriesChoice, volume: Volume) -> DetectedDiscs:
    """Find the discs of the chosen volume, and name them, with the help of other scans that reach further.

    A scan that cannot be read helps nothing and costs nothing; the reason then says so.

    Raises:
        DetectorFailed: the program of another project gave no usable answer about the chosen volume.
    """
    chosen = Scan("this series", volume, detector.detect(volume))
    others, unread = [], []
    for stack in choose_companions(choice):
        name = stack.images[0].description or "another series"
        try:
            other = load_volume(stack)
            others.append(Scan(name, other, detector.detect(other)))
        except (UnreadablePixels, DetectorFailed) as error:
            unread.append(f"{name} could not be read: {error}")
    settled = settle_levels(chosen, others)
    return replace(settled, reason="; ".join([settled.reason, *unread]))


def _nothing_read(reader: ImageReader, conditions: Collection[str], reason: str) -> StudyReading:
    findings = abstain_from_study(reader, conditions, reason)
    return StudyReading(None, reason, levels_known=False, levels_reason=reason, discs=(), findings=findings)
