"""A store of its own for each test."""

import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from config.settings import Hl7Settings, Peer, Settings
from service.store.database import open_database
from service.store.upgrade import upgrade_database
from tests.service.browsing import browse
from tests.service.rows import NOW


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    upgrade_database(tmp_path)
    database = open_database(tmp_path)
    yield database
    database.dispose()


@pytest.fixture
def page(engine: Engine, tmp_path: Path) -> TestClient:
    """Give the pages of a site in Berlin, an hour after its rows were written."""
    peers = (Peer(name="pacs", ae_title="PACS"),)
    settings = Settings(data=tmp_path, peers=peers, hl7=Hl7Settings(time_zone="Europe/Berlin"))
    return browse(settings, engine, lambda: NOW + timedelta(hours=1))


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Give a folder on a small disk of its own, mounted with the options given."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
        if mounted.returncode and "CI" not in os.environ:
            pytest.skip("mounting a disk takes a root that may")
        assert mounted.returncode == 0, mounted.stderr
        return folder

    yield mount
    subprocess.run(["umount", "--lazy", str(folder)], check=False, stderr=subprocess.DEVNULL)
