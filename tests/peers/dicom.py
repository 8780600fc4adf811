"""Real DICOM programs at the other end: Orthanc and DCMTK, on loopback with free ports and folders of their own."""

import json
import os
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from config.settings import Peer
from tests.waiting import wait_until


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc; `dicom` is how to reach it as a peer, `url` its REST interface, `pid` its process."""

    dicom: Peer
    url: str
    pid: int = 0

    def request(self, path: str, body: bytes | None = None, method: str | None = None) -> Any:
        """Call the REST interface and give the JSON of its answer."""
        request = urllib.request.Request(f"{self.url}{path}", data=body, method=method)  # noqa: S310  loopback
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")

    def instances(self) -> list[str]:
        """Give Orthanc's own identifiers of what it stores."""
        return list(self.request("/instances"))

    def find(self, query: Mapping[str, object]) -> list[str]:
        """Give Orthanc's own identifiers of what matches a query of `/tools/find`."""
        return list(self.request("/tools/find", json.dumps(query).encode()))

    def file(self, instance: str) -> bytes:
        """Give a stored instance as the file that Orthanc would send."""
        with urllib.request.urlopen(f"{self.url}/instances/{instance}/file", timeout=30) as answer:  # noqa: S310
            return bytes(answer.read())

    def send(self, instances: Sequence[str], ae_title: str, port: int) -> None:
        """Send stored instances to a peer on this machine."""
        self.request("/modalities/receiver", json.dumps([ae_title, "127.0.0.1", port]).encode(), "PUT")
        body = json.dumps({"Resources": list(instances), "Synchronous": True}).encode()
        self.request("/modalities/receiver/store", body)


def free_port() -> int:
    """Give a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str) -> str:
    """Find a program; without it the test is skipped, but in CI it fails."""
    # A virtual environment holds pynetdicom's programs under DCMTK's names.
    path = shutil.which(name, path=f"/usr/bin:/usr/sbin:{os.environ['PATH']}")
    if path is None and "CI" in os.environ:
        pytest.fail(f"{name} is not installed")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


@contextmanager
def running_orthanc(folder: Path, port: int | None = None, **options: object) -> Iterator[Orthanc]:
    """Start Orthanc on the store in `folder`, with settings besides its defaults, and stop it at the end."""
    dicom, http = port or free_port(), free_port()
    settings = {
        "Name": "peer",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "index"),
        "DicomAet": "ORTHANC",
        "DicomPort": dicom,
        "HttpPort": http,
        "AuthenticationEnabled": False,
        "RemoteAccessAllowed": False,
        "OverwriteInstances": False,
        "Plugins": [],
        **options,
    }
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "orthanc.json"
    configuration.write_text(json.dumps(settings))
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([program("Orthanc"), str(configuration)], stdout=log, stderr=log)
    try:
        orthanc = Orthanc(Peer(name="orthanc", ae_title="ORTHANC", port=dicom), f"http://127.0.0.1:{http}", process.pid)
        wait_until(lambda: is_listened_on(http) and is_listened_on(dicom), "Orthanc to listen")
        yield orthanc
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def running_storescp(folder: Path, *options: str, port: int | None = None) -> Iterator[Peer]:
    """Start DCMTK's storescp, which writes into `folder`, and stop it at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    command = [program("storescp"), "--output-directory", str(folder), "-aet", "STORESCP", *options, str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: is_listened_on(port), "storescp to listen")
        yield Peer(name="storescp", ae_title="STORESCP", port=port)
    finally:
        process.terminate()
        process.wait(timeout=30)


def storescu(peer: Peer, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Send files with DCMTK's storescu; `arguments` are its options and files."""
    command = [program("storescu"), "-v", "-aec", peer.ae_title, peer.host, str(peer.port), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    with running_orthanc(tmp_path / "orthanc") as running:
        yield running


@pytest.fixture
def storescp(tmp_path: Path) -> Iterator[Peer]:
    with running_storescp(tmp_path / "storescp", "--fork") as peer:
        yield peer


def is_listened_on(port: int) -> bool:
    """Tell whether somebody takes connections on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
