"""Small invented studies on disk with a table of labels, and stand-ins for what reads them.

A disc with rust is bright; a patient with woodworm has a bright line in front of all discs. Nothing here looks like a
spine: it is there to see the machinery learn what is in the images, at the right disc and patient.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from config.conditions import DISC_LEVELS, Condition
from pipeline.images.detectors.protocol import DetectedDiscs, LocatedDisc
from pipeline.images.encoders.protocol import Floats
from pipeline.images.graded import Grading
from pipeline.images.volume import Volume
from pipeline.splits import Part, part_of_patient
from pipeline.training.encoded_scans import ScanReader
from pipeline.training.image_release import ImageSources, ImageTraining, release_classifiers
from pipeline.values import Standing
from tests.pipeline.images.phantom import COLUMNS, ROWS, mr_image, positions

LEVELS = DISC_LEVELS[-3:]
DISC_ROWS = (6, 12, 18)
CONDITIONS = (
    Condition(name="rust", definition="Rust is red.", levels=LEVELS),
    Condition(name="woodworm", definition="Woodworm makes holes.", bag=("L3-L4", "L5-S1")),
)
TOP = 4000
"""An image that reaches it shows no sacrum."""


@dataclass(frozen=True)
class Invented:
    """One study and the truth about it."""

    patient: str
    rust: tuple[bool, bool, bool]
    woodworm: bool
    slices: int = 5
    levels_known: bool = True

    @property
    def row(self) -> dict[str, str]:
        """Its row of the table."""
        rust = {f"rust {level}": str(int(here)) for level, here in zip(LEVELS, self.rust, strict=True)}
        return {"study": self.patient, "patient": self.patient, **rust, "woodworm": str(int(self.woodworm))}

    def write(self, root: Path) -> None:
        """Write its images into a folder of its own."""
        rng = np.random.default_rng(int.from_bytes(self.patient.encode(), "big"))
        folder = root / self.patient
        folder.mkdir(parents=True)
        for number, place in enumerate(positions(self.slices), 1):
            ds = mr_image(number, place)
            pixels = rng.normal(100, 8, (ROWS, COLUMNS))
            for row, here in zip(DISC_ROWS, self.rust, strict=True):
                pixels[row - 1 : row + 2, 7:10] += 150 * here
                pixels[row - 1 : row + 2, 4] += 150 * self.woodworm
            pixels[0, 0] = 0 if self.levels_known else TOP
            ds.PixelData = pixels.astype(np.uint16).tobytes()
            ds.StudyInstanceUID = f"2.25.7{int.from_bytes(self.patient.encode(), 'big')}"
            ds.save_as(folder / f"{number}.dcm", enforce_file_format=True)


def patients(part: Part) -> Iterator[str]:
    """Name patients that fall into a part."""
    return (name for name in (f"P{number}" for number in count()) if part_of_patient(name) == part)


def invent(each: int = 10) -> list[Invented]:
    """Invent as many present as absent patients for each part; of their discs every second has rust."""
    parts: tuple[Part, ...] = ("fitted", "calibrated", "tested")
    return [
        Invented(name, (number % 2 == 0, number % 3 == 0, number % 2 == 1), woodworm=number % 2 == 0)
        for part in parts
        for number, name in zip(range(2 * each), patients(part), strict=False)
    ]


def write_table(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    """Write rows as CSV with the columns of the first."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


class FixedDetector:
    """Knows where the discs are; without levels where the image says so."""

    name = "fixed@sha256:0"

    def __init__(self) -> None:
        self.calls = 0

    def detect(self, volume: Volume) -> DetectedDiscs:
        """Give the three discs."""
        self.calls += 1
        known = bool(volume.voxels.max() < TOP)
        middle = (len(volume.voxels) - 1) / 2
        discs = tuple(
            LocatedDisc(level if known else None, (middle, float(row), 8.0), 0.0, 40.0, 1.0)
            for level, row in zip(LEVELS, DISC_ROWS, strict=True)
        )
        return DetectedDiscs(discs, known, "fixed" if known else "levels unknown: no sacrum")


class CoarseEncoder:
    """Gives the middle slice in 128 coarse pixels."""

    name = "coarse@sha256:0"

    def encode(self, cut: Floats) -> Floats:
        """Encode a disc volume to (128,)."""
        coarse: Floats = cut[4].reshape(8, 14, 16, 14).mean(axis=(1, 3)).ravel()
        return coarse


class BrightDetector(FixedDetector):
    """Stands in for another project's detector: grades rust by one bright pixel, and encodes a disc as that pixel."""

    name = "Bright 1 (licence: none)"

    def detect(self, volume: Volume) -> DetectedDiscs:
        """Give the three discs with grades and encodings."""
        found = super().detect(volume)
        seen = [float(volume.voxels[2, round(disc.centre[1]), 8]) for disc in found.discs]
        pairs = zip(found.discs, seen, strict=True)
        discs = tuple(replace(disc, grades={"Rustiness": (0.0, bright - 200)}) for disc, bright in pairs)
        return replace(found, discs=discs, encodings=np.array(seen, np.float32)[:, None])


RUSTINESS = Grading("rust", per_disc=True, levels=LEVELS, grades=("Rustiness",))
"""What the grades of `BrightDetector` say."""


STUDIES = invent()
TRAINING = ImageTraining("site", Standing.DEMONSTRATION, "balanced")


def train(
    labels: Path,
    root: Path,
    out: Path,
    reader: ScanReader | None = None,
    conditions: Sequence[Condition] = CONDITIONS,
    training: ImageTraining = TRAINING,
) -> dict[str, Any]:
    """Train a set and give its table."""
    reader = reader or ScanReader(FixedDetector(), CoarseEncoder())
    sources = (ImageSources(labels, root), conditions)
    return release_classifiers(reader, sources, training, out, lambda _read, _total: None)


def rows_by_method(values: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Give the rows of a table by condition and method."""
    return {(row["condition"], row["method"]): row for row in values["rows"]}
