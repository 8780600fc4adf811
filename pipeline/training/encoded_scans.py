"""Scans read by the way that received studies take, each encoded once and kept on disk."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pipeline.images.detectors.protocol import DetectedDiscs, Detector
from pipeline.images.disc_features import encode_discs
from pipeline.images.encoders.protocol import Encoder
from pipeline.images.headers import ImageHeader
from pipeline.images.series import choose_series, choose_whole_spine
from pipeline.images.stacks import Stack
from pipeline.images.volume import Volume, load_volume
from pipeline.training.scan_discs import NO_SERIES, OtherReading, ScanDiscs, StudyDiscs

KEPT_AS = "1"
"""Goes into each file's name; raise it when volumes or cuts are made in another way, so that none is used again."""


class OtherReader(Protocol):
    """Another project's reader, whose answers and encodings are tabled beside ours; `name` tells its version."""

    @property
    def name(self) -> str:
        """Name and version."""

    def read(self, volume: Volume, found: DetectedDiscs) -> OtherReading:
        """Read all discs that were found, in their order."""


@dataclass(frozen=True)
class ScanReader:
    """What reads scans; `other` is None where there is none."""

    detector: Detector
    encoder: Encoder
    other: OtherReader | None = None

    @property
    def name(self) -> str:
        """What decides what is read from the same images."""
        parts = (self.detector, self.encoder, self.other)
        return " ".join([KEPT_AS, *(part.name for part in parts if part is not None)])


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
    chosen = read_scan(reader, choice.stack, kept)
    whole = choose_whole_spine(choice)
    if whole is None or whole is choice.stack:
        return StudyDiscs(chosen, chosen)
    return StudyDiscs(chosen, read_scan(reader, whole, kept))


def read_scan(reader: ScanReader, stack: Stack, kept: Path) -> ScanDiscs:
    """Read one scan, or take what was kept of it; the file is named by digests of images, detector and encoder.

    Raises:
        UnreadablePixels: an image cannot be decoded.
    """
    path = kept / f"{_key(reader, stack)}.npz"
    if not path.exists():
        _keep(_read(reader, stack), path)
    with np.load(path, allow_pickle=False) as arrays:
        levels = tuple(str(level) or None for level in arrays["levels"])
        return ScanDiscs(levels, arrays["features"], _other(arrays) if "other" in arrays else None)


def _key(reader: ScanReader, stack: Stack) -> str:
    digest = hashlib.sha256(reader.name.encode())
    for image in stack.images:
        digest.update(hashlib.sha256(image.path.read_bytes()).digest())
    return digest.hexdigest()


def _read(reader: ScanReader, stack: Stack) -> ScanDiscs:
    volume = load_volume(stack)
    found = reader.detector.detect(volume)
    encoded = encode_discs(reader.encoder, volume, found.discs)
    seen = [i for i, each in enumerate(encoded) if each.features is not None]
    features = np.array([encoded[i].features for i in seen], np.float32)
    levels = tuple(encoded[i].disc.level if found.levels_known else None for i in seen)
    return ScanDiscs(levels, features, _among(reader.other.read(volume, found), seen) if reader.other else None)


def _among(other: OtherReading, seen: list[int]) -> OtherReading:
    """Give what another reader says of some of the discs."""
    features = None if other.features is None else other.features[seen]
    return OtherReading(other.name, features, {name: present[seen] for name, present in other.present.items()})


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
