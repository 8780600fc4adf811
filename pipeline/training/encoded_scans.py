"""Scans read by the way that received studies take, each encoded once and kept on disk."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.images.companions import choose_companions
from pipeline.images.detectors.protocol import DetectedDiscs, Detector
from pipeline.images.disc_features import encode_discs
from pipeline.images.encoders.protocol import Encoder
from pipeline.images.graded import Grading, above_none
from pipeline.images.headers import ImageHeader
from pipeline.images.reading import count_levels
from pipeline.images.series import SeriesChoice, choose_series, choose_whole_spine
from pipeline.images.stacks import Stack
from pipeline.images.volume import load_volume
from pipeline.training.scan_discs import NO_SERIES, OtherReading, ScanDiscs, StudyDiscs

KEPT_AS = "2"
"""Goes into each file's name; raise it when volumes or cuts are made in another way, so that none is used again."""


@dataclass(frozen=True)
class ScanReader:
    """What reads scans; `gradings` say what the detector's own grades mean, if it gives any."""

    detector: Detector
    encoder: Encoder
    gradings: tuple[Grading, ...] = ()

    @property
    def name(self) -> str:
        """What decides what is read from the same images."""
        gradings = (f"{grading.condition} {' '.join(grading.grades)}" for grading in self.gradings)
        return " ".join([KEPT_AS, self.detector.name, self.encoder.name, *gradings])


@dataclass(frozen=True)
class _Scan:
    """A stack to read, and the choice that its levels are counted with the other scans of; None counts it alone."""

    stack: Stack
    choice: SeriesChoice | None = None

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """All stacks that decide what is read."""
        return (self.stack, *(choose_companions(self.choice) if self.choice else ()))


def read_study_discs(reader: ScanReader, images: Iterable[ImageHeader], kept: Path) -> StudyDiscs | str:
    """Read the chosen scan of a study and, where another shows the whole spine, that one.

    Args:
        reader: the loaded models.
        images: those of one study.
        kept: folder of the scans that were read before.

    Returns:
        The discs, or that no series can be used.

    Raises:
        ImageError: a scan cannot be decoded, or the detector failed.
    """
    choice = choose_series(images)
    if choice.stack is None:
        return NO_SERIES
    chosen = _read_or_take(reader, _Scan(choice.stack, choice), kept)
    whole = choose_whole_spine(choice)
    if whole is None or whole is choice.stack:
        return StudyDiscs(chosen, chosen)
    return StudyDiscs(chosen, _read_or_take(reader, _Scan(whole), kept))


def _read_or_take(reader: ScanReader, scan: _Scan, kept: Path) -> ScanDiscs:
    """Read one scan, or take what was kept of it; the file is named by digests of images, detector and encoder."""
    path = kept / f"{_key(reader, scan)}.npz"
    if not path.exists():
        _keep(_read(reader, scan), path)
    with np.load(path, allow_pickle=False) as arrays:
        levels = tuple(str(level) or None for level in arrays["levels"])
        return ScanDiscs(levels, arrays["features"], _other(arrays) if "other" in arrays else None)


def _key(reader: ScanReader, scan: _Scan) -> str:
    digest = hashlib.sha256(reader.name.encode())
    for stack in scan.stacks:
        digest.update(b"stack")
        for image in stack.images:
            digest.update(hashlib.sha256(image.path.read_bytes()).digest())
    return digest.hexdigest()


def _read(reader: ScanReader, scan: _Scan) -> ScanDiscs:
    volume = load_volume(scan.stack)
    found = count_levels(reader.detector, scan.choice, volume) if scan.choice else reader.detector.detect(volume)
    encoded = encode_discs(reader.encoder, volume, found.discs)
    seen = [i for i, each in enumerate(encoded) if each.features is not None]
    features = np.array([encoded[i].features for i in seen], np.float32)
    levels = tuple(encoded[i].disc.level if found.levels_known else None for i in seen)
    return ScanDiscs(levels, features, _own_reading(reader, found, seen))


def _own_reading(reader: ScanReader, found: DetectedDiscs, seen: list[int]) -> OtherReading | None:
    """Give what the detector itself says of some of its discs; None where it neither grades nor encodes any."""
    scores = {
        grading.condition: [above_none(found.discs[i], grading.grades) for i in seen] for grading in reader.gradings
    }
    present = {
        name: np.array([score is not None and score > 0 for score in each], bool)
        for name, each in scores.items()
        if any(score is not None for score in each)
    }
    if not present and found.encodings is None:
        return None
    name = reader.detector.name.partition(" (")[0]
    return OtherReading(name, None if found.encodings is None else found.encodings[seen], present)


def _keep(scan: ScanDiscs, path: Path) -> None:
    """Write a scan; the file is there whole or not at all."""
    arrays: dict[str, Any] = {
        "levels": np.array([level or "" for level in scan.levels], str),
        "features": scan.features,
    }
    if scan.other:
        arrays["other"] = np.array(scan.other.name)
        arrays |= {f"present {name}": present for name, present in scan.other.present.items()}
        if scan.other.features is not None:
            arrays["other features"] = scan.other.features
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".part")
    with aside.open("wb") as file:
        np.savez(file, **arrays)
    aside.replace(path)


def _other(arrays: Any) -> OtherReading:
    present = {name.removeprefix("present "): arrays[name] for name in arrays.files if name.startswith("present ")}
    features = arrays.get("other features")
    return OtherReading(str(arrays["other"]), features, present)
