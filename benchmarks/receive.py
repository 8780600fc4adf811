"""Objects received a second, against DCMTK's storescp and Orthanc: python -m benchmarks.receive [--json].

Each side starts on an empty store and is sent the same files by DCMTK's storescu; sides take turns and the best of the
rounds counts. Ours answers after file, folder and row are synchronised to the disk. storescp runs with --fork and
synchronises nothing, Orthanc runs as shipped (SyncStorageArea). A client with TCP_NODELAY does not wait for TCP's
delayed acknowledgements, which otherwise decide.
"""

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from benchmarks.rows import print_rows
from config.settings import DicomSettings, Peer, Settings
from integrations.dicom.arrivals import Intake
from integrations.dicom.receiver import start_receiver
from service.receiving import Receiving
from service.store.database import open_database
from service.store.objects import ObjectStore
from service.store.upgrade import upgrade_database
from tests.peers.dicom import program, running_orthanc, running_storescp

Side = Callable[[Path], AbstractContextManager[Peer]]


@dataclass(frozen=True)
class Case:
    """What is sent, and by what factor ours shall be ahead of each peer."""

    name: str
    files: tuple[Path, ...]
    associations: int
    no_delay: bool
    goals: dict[str, float]


class _NoLog:
    def warning(self, event: str, **fields: object) -> None:
        print(event, fields, file=sys.stderr)


def _serve(folder: Path, settings: DicomSettings, pipe: Connection) -> None:
    """Run our receiver on our store in this process until the pipe says so."""
    upgrade_database(folder)
    receiving = Receiving(open_database(folder), ObjectStore(folder), Settings(data=folder))
    intake = Intake(receiving.store.incoming, receiving.persist, receiving.keep_refused)
    receiver = start_receiver(settings, intake, _NoLog())
    pipe.send(receiver.port)
    pipe.recv()
    receiver.stop()


@contextmanager
def receiving(folder: Path, settings: DicomSettings) -> Iterator[Peer]:
    """Run our receiver on our store as a process of its own."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(folder, settings, there))
    process.start()
    yield Peer(name="ours", ae_title="SPINELABEL", port=here.recv())
    here.send("stop")
    process.join(30)


def ours(folder: Path) -> AbstractContextManager[Peer]:
    """Run our receiver as shipped."""
    return receiving(folder, DicomSettings(port=0))


@contextmanager
def dcmtk(folder: Path) -> Iterator[Peer]:
    """Run DCMTK's storescp, a process for each association."""
    with running_storescp(folder, "--fork") as peer:
        yield peer


@contextmanager
def orthanc(folder: Path) -> Iterator[Peer]:
    """Run Orthanc as shipped."""
    with running_orthanc(folder) as running:
        yield running.dicom


def write_objects(folder: Path, count: int, edge: int) -> tuple[Path, ...]:
    """Write MR images of `edge` by `edge` pixels of 16 bit noise."""
    folder.mkdir()
    noise = np.random.default_rng(0)
    study, series = generate_uid(), generate_uid()
    paths = tuple(folder / f"{number:06}.dcm" for number in range(count))
    for number, path in enumerate(paths, 1):
        ds = Dataset()
        ds.SOPClassUID, ds.SOPInstanceUID = MRImageStorage, generate_uid()
        ds.StudyInstanceUID, ds.SeriesInstanceUID = study, series
        ds.PatientName, ds.PatientID, ds.AccessionNumber, ds.Modality = "Speed^Test", "SPEED", "SPEED", "MR"
        ds.SeriesNumber, ds.InstanceNumber = 1, number
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.Rows = ds.Columns = edge
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
        ds.PixelData = noise.integers(0, 65536, (edge, edge), dtype=np.uint16).tobytes()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dcmwrite(path, ds, enforce_file_format=True)
    return paths


def seconds_to_send(case: Case, peer: Peer) -> float:
    """Send the files of a case and wait until all are answered with success."""
    environment = {**os.environ, **({"TCP_NODELAY": "1"} if case.no_delay else {})}
    command = [program("storescu"), "-aec", peer.ae_title, peer.host, str(peer.port)]
    shares = [case.files[first :: case.associations] for first in range(case.associations)]
    start = time.perf_counter()
    clients = [subprocess.Popen([*command, *map(str, share)], env=environment) for share in shares if share]
    failed = [client.args for client in clients if client.wait()]
    if failed:
        sys.exit(f"{peer.name} did not take every object")
    return time.perf_counter() - start


def objects_per_second(case: Case, side: Side, work: Path) -> float:
    """Start a side on an empty store and measure it once."""
    with tempfile.TemporaryDirectory(dir=work) as folder, side(Path(folder) / "store") as peer:
        return len(case.files) / seconds_to_send(case, peer)


def measure(case: Case, sides: dict[str, Side], rounds: int, work: Path) -> list[dict[str, object]]:
    """Let the sides take turns at one case; a row for each peer."""
    best = dict.fromkeys(sides, 0.0)
    for _ in range(rounds):
        for name, side in sides.items():
            best[name] = max(best[name], objects_per_second(case, side, work))
    rows: list[dict[str, object]] = []
    for name, theirs in best.items():
        if name == "ours":
            continue
        ratio, goal = best["ours"] / theirs, case.goals.get(name)
        rows.append(
            {
                "case": f"{case.name}, against {name}",
                "ours": round(best["ours"], 1),
                "theirs": round(theirs, 1),
                "unit": "objects/s",
                "ratio": round(ratio, 2),
                "goal": goal,
                "met": None if goal is None else ratio >= goal,
            }
        )
    return rows


def cases(arguments: argparse.Namespace, work: Path) -> Iterator[Case]:
    """Give the cases of the command line, and write their files."""
    kinds = [("16 x 16", write_objects(work / "small", arguments.small, 16), 5.0)]
    kinds += [("512 x 512", write_objects(work / "large", arguments.large, 512), 2.0)]
    for size, files, goal in kinds:
        for associations in arguments.associations:
            name = f"{len(files)} objects of {size}, {associations} association{'s' if associations > 1 else ''}"
            yield Case(name, files, associations, no_delay=False, goals={"storescp": goal, "Orthanc": goal})
            yield Case(f"{name}, TCP_NODELAY", files, associations, no_delay=True, goals={"Orthanc": 1.0})


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=200, help="objects of 16 x 16")
    parser.add_argument("--large", type=int, default=60, help="objects of 512 x 512 x 16 bit")
    parser.add_argument("--associations", type=int, nargs="+", default=[1, 8], help="at one time")
    parser.add_argument("--rounds", type=int, default=1, help="turns of each side; the best counts")
    parser.add_argument("--work", type=Path, default=None, help="folder for files and stores, on the disk to measure")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    sides: dict[str, Side] = {"ours": ours, "storescp": dcmtk, "Orthanc": orthanc}
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(dir=arguments.work) as work:
        for case in cases(arguments, Path(work)):
            rows += measure(case, sides, arguments.rounds, Path(work))
            if not arguments.json:
                print_rows(rows[-2:])
    if arguments.json:
        print(json.dumps({"name": "receive", "rows": rows}))
    else:
        print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")


if __name__ == "__main__":
    main()
