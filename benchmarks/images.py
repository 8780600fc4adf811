"""Studies from DICOM files to findings, against the encoder alone: python -m benchmarks.images [--json].

Ours is `read_study` with the embedded detector and encoder and the demonstration classifiers: headers, choice of the
series, pixels, discs, disc volumes, features, findings. Theirs is the same encoder's passes over the same disc volumes,
cut beforehand. The studies are drawn ones. Sides take turns study by study, in one process with the same threads; the
best of the rounds counts. The detector's own time is a part of ours, printed apart. The peak of memory is that of a
process of its own which reads one study of 1,000 images, the models and libraries included.
"""

import argparse
import json
import multiprocessing
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from pydicom import Dataset
from pydicom.uid import UID
from scipy import ndimage

from benchmarks.rows import print_rows
from config.conditions import load_conditions
from config.image_settings import ImageSettings
from pipeline.images.disc_volumes import cut_disc
from pipeline.images.encoders.protocol import Encoder, Floats
from pipeline.images.reader import ImageReader, load_image_reader
from pipeline.images.reading import read_study
from pipeline.images.series import choose_series, read_headers
from pipeline.images.volume import Volume, load_volume
from pipeline.training.demonstration import write_study
from pipeline.training.drawn_studies import drawn_study
from service.installation import SOFTWARE

FIRST_SEED = 40_000_000
GOAL, MEMORY_GOAL_MB = 1.5, 1536.0
CONDITIONS = tuple(condition.name for condition in load_conditions())
SAGITTAL, EDGE, SLICE_MM = 220, 512, 0.9  # of the large study: images of the series that is read, pixels, mm


@dataclass(frozen=True)
class Case:
    """One study's files, its volume, and the volumes of the discs that are encoded."""

    paths: tuple[Path, ...]
    volume: Volume
    cuts: tuple[Floats, ...]


def prepare(reader: ImageReader, seed: int, folder: Path) -> Case:
    """Draw a study, write it, and cut its discs."""
    folder.mkdir()
    write_study(drawn_study(seed), folder)
    paths = tuple(sorted(folder.iterdir()))
    stack = choose_series(read_headers(paths)[0]).stack
    if stack is None:
        raise SystemExit(f"The drawn study {seed} has no usable series.")
    volume = load_volume(stack)
    found = reader.detector.detect(volume)
    return Case(paths, volume, tuple(cut_disc(volume, disc) for disc in found.discs if disc.confidence))


def seconds(work: Callable[[], object]) -> float:
    """Measure one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(reader: ImageReader, encoder: Encoder, cases: list[Case], rounds: int) -> list[dict[str, object]]:
    """Let the sides take turns; sums over the studies of each side's best time."""
    totals = {"ours": 0.0, "theirs": 0.0, "detector": 0.0}
    for case in cases:
        sides: dict[str, Callable[[], object]] = {
            "ours": lambda case=case: read_study(reader, case.paths, CONDITIONS),  # type: ignore[misc]
            "theirs": lambda case=case: [encoder.encode(cut) for cut in case.cuts],  # type: ignore[misc]
            "detector": lambda case=case: reader.detector.detect(case.volume),  # type: ignore[misc]
        }
        best = dict.fromkeys(sides, float("inf"))
        for _ in range(rounds):
            for name, work in sides.items():
                best[name] = min(best[name], seconds(work))
        for name, value in best.items():
            totals[name] += value / len(cases)
    discs = sum(len(case.cuts) for case in cases) / len(cases)
    ratio = totals["ours"] / totals["theirs"]
    row = {"theirs": round(totals["theirs"], 3), "unit": "s"}
    return [
        {"case": f"a study of {discs:.1f} discs, from files to findings, against the encoder alone"}
        | {"ours": round(totals["ours"], 3), **row, "ratio": round(ratio, 2), "goal": GOAL, "met": ratio <= GOAL},
        {"case": "of it the detector", "ours": round(totals["detector"], 3), **row}
        | {"ratio": round(totals["detector"] / totals["theirs"], 2), "goal": None, "met": None},
    ]


def write_large(folder: Path, count: int) -> None:
    """Write a study of many images: thin sagittal T2 slices of a drawn spine, and axial ones for the rest."""
    folder.mkdir()
    middle = drawn_study(FIRST_SEED).datasets[6]
    scale = EDGE / max(middle.Rows, middle.Columns)
    plane = ndimage.zoom(middle.pixel_array, scale, order=1)[:EDGE, :EDGE].astype(np.uint16)
    x, y, z = (float(value) for value in middle.ImagePositionPatient)
    for number in range(count):
        ds: Dataset = deepcopy(middle)
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID(f"{middle.SOPInstanceUID}.{number}")
        ds.Rows, ds.Columns = plane.shape
        ds.PixelSpacing = [float(middle.PixelSpacing[0]) / scale] * 2
        ds.PixelData, ds.InstanceNumber = plane.tobytes(), number + 1
        ds.ImagePositionPatient = [round(x + number * SLICE_MM, 3), y, z]
        if number >= SAGITTAL:
            ds.SeriesInstanceUID = f"{middle.SeriesInstanceUID}.{number // 100}"
            ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
            ds.ImagePositionPatient = [x, y, round(z - number * SLICE_MM, 3)]
        ds.save_as(folder / f"{number:04}.dcm", enforce_file_format=True)


def _read_apart(folder: Path, pipe: Connection) -> None:
    reader = load_image_reader(ImageSettings(classifiers="demonstration"), Path(), SOFTWARE)
    reading = read_study(reader, sorted(folder.iterdir()), CONDITIONS)
    pipe.send((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(reading.discs)))


def measure_memory(folder: Path, count: int) -> dict[str, object]:
    """Read a large study in a process of its own and give the peak of its memory.

    Raises:
        SystemExit: that process failed.
    """
    write_large(folder, count)
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_read_apart, args=(folder, there))
    process.start()
    there.close()  # so that the end of the process ends the wait
    try:
        peak, discs = here.recv()
    except EOFError as error:
        process.join()
        raise SystemExit(f"The process that reads the large study ended with exit code {process.exitcode}.") from error
    process.join()
    ratio = peak / MEMORY_GOAL_MB
    return {
        "case": f"peak memory, a study of {count} images of {EDGE} x {EDGE}, {discs} discs, against the limit",
        "ours": round(peak),
        "theirs": MEMORY_GOAL_MB,
        "unit": "MB",
        "ratio": round(ratio, 2),
        "goal": 1.0,
        "met": ratio <= 1,
    }


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=8, help="drawn studies")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each side; the best counts")
    parser.add_argument("--images", type=int, default=1000, help="images of the large study; 0 leaves it out")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    reader = load_image_reader(ImageSettings(classifiers="demonstration"), Path(), SOFTWARE)
    if reader.classification is None:
        raise SystemExit("The demonstration classifiers are not there.")
    with tempfile.TemporaryDirectory() as work:
        cases = [prepare(reader, FIRST_SEED + n, Path(work) / f"{n}") for n in range(arguments.studies)]
        rows = measure(reader, reader.classification.encoder, cases, arguments.rounds)
        if arguments.images:
            rows.append(measure_memory(Path(work) / "large", arguments.images))
    if arguments.json:
        print(json.dumps({"name": "images", "rows": rows}))
        return
    print_rows(rows)
    threads = torch.get_num_threads()
    print(f"{platform.machine()}, {os.cpu_count()} processors, {threads} threads, Python {platform.python_version()}")


if __name__ == "__main__":
    main()
