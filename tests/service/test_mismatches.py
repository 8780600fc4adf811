"""What `spinelabel check --deep` finds of mismatches that were planted, and what its repairs set right."""

import hashlib
import os
import secrets
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from sqlalchemy import Engine, Executable, delete, text, update
from sqlmodel import col, func, select

from config.settings import DicomSettings, Hl7Settings, Settings, StorageSettings
from integrations.dicom.part10 import data_set_offset
from integrations.sr.identifiers import MANUFACTURER
from service.deep_checks import check_deeply
from service.health import Check
from service.listening import Listening
from service.log import configure_log
from service.mismatches import DAMAGED
from service.receiving import Receiving
from service.retention import Retention, remove_old_images
from service.store.columns import utc_now
from service.store.database import DATABASE, reading, writing
from service.store.findings import Subject, record_findings
from service.store.objects import ObjectStore, object_name
from service.store.states import ObjectState, WorkState
from service.store.tables import CohortRun, FindingRow, Instance, Message, Report, StoreUse, Study
from service.unnamed_files import Settled, settle_unnamed_files
from tests.odd.dicom.make_cases import write_case
from tests.service.messages import group, oru, receive
from tests.service.rows import NOW, finding
from tests.service.test_receiving import sending

OBJECTS = 11
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


@pytest.fixture
def stored(engine: Engine, tmp_path: Path) -> Receiving:
    """Give a store with the eleven images of a study and the message of a report about it, labelled."""
    settings = Settings(
        data=tmp_path, storage=StorageSettings(keep_free_gb=0), dicom=DicomSettings(port=0), hl7=Hl7Settings(port=0)
    )
    receiving = Receiving(engine, ObjectStore(tmp_path), settings)
    write_case("plain", tmp_path / "odd")
    sending(receiving, tmp_path / "odd")
    receive(Listening(engine, settings, configure_log("listen")), oru("1", group("Normal.", obr18="A1")))
    with writing(engine) as session:
        record_findings(session, Subject(report_id=1), [finding()], work="label-1", now=NOW)
        session.execute(update(Report).values(labels=WorkState.DONE))
    return receiving


def looked_at(receiving: Receiving, *, repairs: bool = False) -> dict[str, Check]:
    """Give what `check --deep` says of what is stored, by its name, without the looks at models."""
    found: dict[str, Check] = {}
    for check in check_deeply(receiving.settings, repairs=repairs):
        found[check.name] = check
        if check.name == "stored objects":
            break
    return {name: check for name, check in found.items() if name != "databases"}


def first_file(receiving: Receiving) -> Path:
    with reading(receiving.engine) as session:
        return receiving.store.path(session.get_one(Instance, 1).file)


def age(path: Path) -> Path:
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def lose_a_file(receiving: Receiving) -> str:
    path = first_file(receiving)
    path.unlink()
    return f"file {path.relative_to(receiving.store.root)}"


def damage_a_file(receiving: Receiving) -> str:
    path = first_file(receiving)
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    return f"file {path.relative_to(receiving.store.root)}"


def lose_a_row(receiving: Receiving) -> str:
    path = age(first_file(receiving))
    change(receiving, delete(Instance).where(col(Instance.id) == 1))
    change(receiving, update(StoreUse).values(bytes=col(StoreUse.bytes) - path.stat().st_size))
    return f"file {path.relative_to(receiving.store.root)}"


def write_a_report_without_a_row(receiving: Receiving) -> str:
    report = Dataset()
    report.SOPClassUID, report.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.3.4"
    report.Modality, report.Manufacturer = "SR", MANUFACTURER
    return place(receiving, report)


def place(receiving: Receiving, data_set: Dataset) -> str:
    """Put a data set into the store by the digest of its whole file, without a row."""
    arrived = receiving.store.incoming / "written"
    if not hasattr(data_set, "file_meta"):
        data_set.file_meta = FileMetaDataset()
        data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data_set.save_as(arrived, enforce_file_format=True)
    name = receiving.store.place(arrived, hashlib.sha256(arrived.read_bytes()).hexdigest())
    age(receiving.store.path(name))
    return f"file {name}"


def leave_a_foreign_file(receiving: Receiving) -> str:
    (receiving.store.root / "notes.txt").write_text("whose?")
    return "file notes.txt"


def leave_an_incoming_file(receiving: Receiving) -> str:
    path = receiving.store.incoming / "0123.part"
    path.write_bytes(b"half")
    age(path)
    return "incoming file 0123.part"


def miscount(receiving: Receiving) -> str:
    change(receiving, update(StoreUse).values(bytes=7))
    return "count of stored bytes"


def cut_a_reference(receiving: Receiving) -> str:
    with sqlite3.connect(receiving.settings.data / DATABASE) as connection:  # which minds no references
        connection.execute("DELETE FROM study")
    return "series 1"


def change_a_message(receiving: Receiving) -> str:
    change(receiving, update(Message).values(raw=b"MSH|other"))
    return "message 1"


def answer_twice(receiving: Receiving) -> str:
    with writing(receiving.engine) as session:
        current = session.exec(select(FindingRow)).one()
        session.add(FindingRow(**{**current.model_dump(), "id": None, "work": "label-2"}))
    return "report 1"


def change_an_export(receiving: Receiving) -> str:
    folder = receiving.settings.data / "exports" / "all" / "1"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    with writing(receiving.engine) as session:
        session.add(CohortRun(cohort="all", started=NOW, folder="exports/all/1", rows=1, manifest_sha256="0" * 64))
    return "export exports/all/1"


def lose_a_report(receiving: Receiving) -> str:
    for statement in ("order_number", "finding", "report"):
        change(receiving, text(f"DELETE FROM {statement}"))  # noqa: S608  # the names stand above
    return "message 1"


def change(receiving: Receiving, statement: Executable) -> None:
    with writing(receiving.engine) as session:
        session.execute(statement)


Plant = Callable[[Receiving], str]
REPAIRED: list[Plant] = [lose_a_row, write_a_report_without_a_row, leave_an_incoming_file, miscount]
NAMED: list[Plant] = [
    lose_a_file,
    damage_a_file,
    leave_a_foreign_file,
    cut_a_reference,
    change_a_message,
    answer_twice,
    change_an_export,
    lose_a_report,
]


def test_what_is_whole_has_no_mismatch(stored: Receiving) -> None:
    assert looked_at(stored) == {
        "stored objects": Check("stored objects", is_well=True, reason=f"{OBJECTS} objects are as they were stored")
    }


@pytest.mark.parametrize("plant", [*REPAIRED, *NAMED])
def test_each_planted_mismatch_is_found_and_named(stored: Receiving, plant: Plant) -> None:
    named = plant(stored)

    found = looked_at(stored)

    assert named in found
    assert not found[named].is_well
    assert not found["stored objects"].is_well


@pytest.mark.parametrize("plant", REPAIRED)
def test_what_a_repair_can_set_right_is_well_afterwards(stored: Receiving, plant: Plant) -> None:
    named = plant(stored)

    looked_at(stored, repairs=True)

    assert named not in looked_at(stored)
    assert looked_at(stored)["stored objects"].is_well


@pytest.mark.parametrize("plant", NAMED)
def test_a_repair_leaves_alone_what_it_could_make_worse(stored: Receiving, plant: Plant) -> None:
    named = plant(stored)

    looked_at(stored, repairs=True)

    assert named in looked_at(stored)


def test_all_of_them_together_are_found_by_one_look(stored: Receiving) -> None:
    plants = [write_a_report_without_a_row, leave_a_foreign_file, leave_an_incoming_file, miscount, change_a_message]
    plants += [answer_twice, change_an_export, damage_a_file]
    named = {plant(stored) for plant in plants}

    assert named <= looked_at(stored).keys()


@pytest.mark.parametrize("plant", [lose_a_file, damage_a_file])
def test_an_object_whose_file_is_lost_or_damaged_is_whole_again_once_it_is_sent_again(
    stored: Receiving, plant: Plant, tmp_path: Path
) -> None:
    named = plant(stored)
    looked_at(stored, repairs=True)

    sending(stored, tmp_path / "odd")

    assert named not in looked_at(stored)
    assert len(list((tmp_path / DAMAGED).glob("*"))) == (plant is damage_a_file)


def test_an_object_without_a_row_is_taken_as_if_it_had_just_come(stored: Receiving) -> None:
    with reading(stored.engine) as session:
        before = session.get_one(Instance, 1)
    lose_a_row(stored)

    assert settle_unnamed_files(stored, utc_now()) == {Settled.TAKEN: 1}

    with reading(stored.engine) as session:
        (again,) = session.exec(select(Instance).where(Instance.sop_instance_uid == before.sop_instance_uid))
        study = session.exec(select(Study)).one()
    assert (again.file, again.sha256, again.state) == (before.file, before.sha256, ObjectState.STORED)
    assert (again.calling_ae, again.series_id) == (before.calling_ae, before.series_id)
    assert study.images == WorkState.WAITING


def test_an_object_without_a_row_that_cannot_be_filed_is_kept_for_a_person(stored: Receiving) -> None:
    data_set = dcmread(first_file(stored))
    del data_set.StudyInstanceUID
    arrived = stored.store.incoming / "written"
    data_set.save_as(arrived)
    with arrived.open("rb") as file:
        file.seek(data_set_offset(file))
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    age(stored.store.path(stored.store.place(arrived, sha256)))

    assert settle_unnamed_files(stored, utc_now()) == {Settled.HELD: 1}

    with reading(stored.engine) as session:
        (held,) = session.exec(select(Instance).where(Instance.state == ObjectState.REFUSED))
    assert held.sha256 == sha256
    assert dcmread(stored.store.path(held.file)) == data_set
    assert not stored.store.path(object_name(sha256)).exists()


def test_what_is_no_dicom_file_stays_as_it_is(stored: Receiving) -> None:
    arrived = stored.store.incoming / "written"
    arrived.write_bytes(secrets.token_bytes(500))
    name = stored.store.place(arrived, hashlib.sha256(arrived.read_bytes()).hexdigest())
    age(stored.store.path(name))

    assert settle_unnamed_files(stored, utc_now()) == {Settled.LEFT: 1}
    assert stored.store.path(name).exists()


def test_a_file_that_may_be_on_its_way_in_is_not_touched(stored: Receiving) -> None:
    write_a_report_without_a_row(stored)
    os.utime(next(path for path in stored.store.root.rglob("*") if path.stat().st_mtime == LONG_AGO))
    (stored.store.incoming / "0123.part").write_bytes(b"half")

    assert settle_unnamed_files(stored, utc_now()) == {}
    assert (stored.store.incoming / "0123.part").exists()


def test_pixels_that_retention_had_not_removed_yet_do_not_come_back(stored: Receiving) -> None:
    files = {path: path.read_bytes() for path in stored.store.root.rglob("*") if path.is_file()}
    change(stored, update(Study).values(images=WorkState.DONE, document=WorkState.DONE))
    retention = Retention(stored.engine, stored.store, StorageSettings(keep_images_days=1))
    assert remove_old_images(retention, datetime(2030, 1, 1, tzinfo=UTC)).objects == OBJECTS
    headers = [path for path in stored.store.root.rglob("*") if path.is_file()]
    for path, content in files.items():  # as if the round had been killed before it removed them
        path.write_bytes(content)
        age(path)

    assert settle_unnamed_files(stored, utc_now()) == {Settled.REMOVED: OBJECTS}

    assert sorted(path for path in stored.store.root.rglob("*") if path.is_file()) == sorted(headers)
    with reading(stored.engine) as session:
        in_state = select(func.count()).select_from(Instance).where(Instance.state == ObjectState.HEADER)
        assert session.exec(in_state).one() == OBJECTS


def test_a_header_that_retention_had_written_and_not_named_goes(stored: Receiving) -> None:
    header = dcmread(first_file(stored), stop_before_pixels=True)
    place(stored, header)

    assert settle_unnamed_files(stored, utc_now()) == {Settled.REMOVED: 1}
    assert looked_at(stored)["stored objects"].is_well
