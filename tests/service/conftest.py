"""A store of its own for each test."""

from collections.abc import Iterator
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
