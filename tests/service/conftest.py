"""A store of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from service.store.database import open_database
from service.store.upgrade import upgrade_database


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    upgrade_database(tmp_path)
    database = open_database(tmp_path)
    yield database
    database.dispose()
