import errno
import os
import re
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from config.held_folders import held
from service.errors import NewerSchema
from service.store.database import open_database, reading, writing
from service.store.schema import METADATA
from service.store.tables import Patient, Study
from service.store.upgrade import MIGRATIONS, upgrade_database
from service.workflows import prepare_workflows

WRITER = """
import sys
from pathlib import Path
from sqlmodel import select
from service.store.database import open_database, writing
from service.store.tables import Patient
engine = open_database(Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    with writing(engine) as session:
        patient = session.exec(select(Patient)).one()
        patient.name = str(int(patient.name) + 1)
        session.add(patient)
"""


def schema(path: Path) -> set[tuple[str, str]]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("select name, sql from sqlite_master where name not like '%alembic%'").fetchall()
    # The order of a table's constraints means nothing, and a default only served the rows of an earlier release.
    plain = [(name, re.sub(r" DEFAULT '[^']*'", "", sql or "")) for name, sql in rows]
    return {(name, " ".join(sorted(sql.replace(",", " ").split()))) for name, sql in plain}


def test_migrations_build_the_schema_that_the_models_describe(tmp_path: Path) -> None:
    upgrade_database(tmp_path)
    with open_database(tmp_path).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []

    METADATA.create_all(create_engine(f"sqlite:///{tmp_path / 'models.sqlite'}"))

    assert schema(tmp_path / "spinelabel.sqlite") == schema(tmp_path / "models.sqlite")


def test_upgrading_twice_changes_nothing(tmp_path: Path) -> None:
    upgrade_database(tmp_path)
    before = schema(tmp_path / "spinelabel.sqlite")

    upgrade_database(tmp_path)

    assert schema(tmp_path / "spinelabel.sqlite") == before


def test_rows_of_an_earlier_release_are_kept_and_get_what_they_lack(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    alembic = Config()
    alembic.set_main_option("script_location", str(MIGRATIONS))
    with database.execution_options(writes=True).begin() as connection:
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, "0001")
        connection.execute(
            text("insert into patient (id, authority, name, birth_date, sex) values (1, '', '', '', '')")
        )
        for number in (1, 2):
            connection.execute(text(STUDY_OF_0001), {"number": number, "uid": f"1.2.{number}"})

    upgrade_database(tmp_path)

    with reading(database) as session:
        studies = session.exec(select(Study).order_by(col(Study.id))).all()
    assert [study.study_uid for study in studies] == ["1.2.1", "1.2.2"]
    assert len({study.link for study in studies}) == 2
    assert all(len(study.link) == 24 and study.images_starts == 0 for study in studies)


PATIENT_OF_0001 = "insert into patient (id, authority, name, birth_date, sex) values (1, '', '', '', '')"
STUDY_OF_0001 = """
insert into study (id, study_uid, patient_id, accession, accession_issuer, study_id, study_date, study_time,
description, first_received, images, images_attempt, images_reason, discs, results, document, document_reason,
review_reason, notes)
values (:number, :uid, 1, '', '', '', '', '', '', '2026-03-02 12:00:00', 'done', 0, '', '[]', 0, 'done', '', '', '')
"""


def test_a_database_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    upgrade_database(tmp_path)
    with sqlite3.connect(tmp_path / "spinelabel.sqlite") as connection:
        connection.execute("update alembic_version set version_num = '9999'")

    with pytest.raises(NewerSchema, match="newer release"):
        upgrade_database(tmp_path)


def test_four_processes_that_read_and_then_write_lose_no_update(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as session:
        session.add(Patient(name="0"))

    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), "50"]) for _ in range(4)]

    assert [writer.wait(120) for writer in writers] == [0] * 4
    with reading(engine) as session:
        assert session.exec(select(Patient)).one().name == "200"


def test_a_commit_is_on_disk_when_it_returns(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.execute(text("pragma journal_mode")).scalar() == "wal"
        assert connection.execute(text("pragma synchronous")).scalar() == 2  # FULL


def test_an_error_of_the_database_shows_no_value(engine: Engine) -> None:
    with pytest.raises(IntegrityError) as failure, writing(engine) as session:
        session.add_all([Patient(identifier="CANARY", name="CANARY"), Patient(identifier="CANARY")])

    assert "CANARY" not in "".join(traceback.format_exception(failure.value))


@pytest.mark.parametrize("prepare", [upgrade_database, prepare_workflows])
def test_a_start_waits_while_another_makes_the_same_databases(prepare: Callable[[Path], None], tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads, held(tmp_path):
        start = threads.submit(prepare, tmp_path)
        with pytest.raises(TimeoutError):
            start.result(0.5)
        assert not [*tmp_path.iterdir()]
    start.result(30)

    assert [*tmp_path.glob("*.sqlite")]


def test_the_data_folder_and_those_above_it_that_are_made_for_it_are_on_disk_before_anything_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronised: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synchronised.append(Path(f"/proc/self/fd/{fd}").readlink()))

    upgrade_database(tmp_path / "new" / "data")

    assert synchronised == [tmp_path, tmp_path / "new"]


@pytest.mark.parametrize("refusal", [errno.EINVAL, errno.EROFS, errno.EACCES])
def test_a_data_folder_may_lie_in_one_that_cannot_be_synchronised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    synchronise = os.fsync

    def refuse(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink() == tmp_path:
            raise OSError(refusal, os.strerror(refusal))
        synchronise(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)

    upgrade_database(tmp_path / "data")

    assert (tmp_path / "data").is_dir()
