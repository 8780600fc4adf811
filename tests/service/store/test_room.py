"""The limit on what the store holds, over the real receiver."""

from pathlib import Path

import pytest
from pydicom import dcmread
from sqlmodel import select

from config.settings import DicomSettings, Settings, StorageSettings
from service.health import readiness
from service.store.columns import utc_now
from service.store.database import reading
from service.store.room import GIGABYTE, bytes_in_use
from service.store.states import ObjectState
from service.store.tables import Instance
from tests.integrations.dicom.sending import take_apart
from tests.service.arriving import Arriving, arriving, association, case_objects


def site(data: Path, limit_bytes: int | None = None) -> Settings:
    limit = None if limit_bytes is None else limit_bytes / GIGABYTE
    return Settings(data=data, dicom=DicomSettings(port=0), storage=StorageSettings(keep_free_gb=0, limit_gb=limit))


def counted(arrived: Arriving) -> int:
    with reading(arrived.engine) as session:
        return bytes_in_use(session)


def on_disk(arrived: Arriving) -> int:
    return sum((arrived.store.root / file).stat().st_size for file in arrived.files())


def store_check(arrived: Arriving) -> list[str]:
    checks = readiness(arrived.engine, arrived.settings, utc_now())
    return [check.reason for check in checks if check.name == "store"]


def test_objects_are_refused_before_the_store_passes_its_limit_and_taken_once_it_is_raised(tmp_path: Path) -> None:
    objects = case_objects(tmp_path / "plain")
    with arriving(site(tmp_path / "data", 30_000)) as arrived, association(arrived.receiver.port, objects[0]) as client:
        assert store_check(arrived) == [""]
        answers = [client.store(sent.pdus()) for sent in objects]
        taken = len(arrived.rows())
        assert on_disk(arrived) == counted(arrived) <= 30_000
        assert arrived.is_clean()
    assert 0 < taken < 11
    assert [answer.Status for answer in answers] == [0] * taken + [0xA700] * (11 - taken)
    assert answers[-1].ErrorComment == "The receiver's store has reached its limit"

    with arriving(site(tmp_path / "data", counted_limit := on_disk_of(tmp_path / "data"))) as arrived:
        assert "almost storage.limit_gb" in store_check(arrived)[0]
        assert counted_limit == counted(arrived)

    with arriving(site(tmp_path / "data", 10**9)) as arrived, association(arrived.receiver.port, objects[0]) as client:
        assert {client.store(sent.pdus()).Status for sent in objects} == {0}
        assert on_disk(arrived) == counted(arrived)


def on_disk_of(data: Path) -> int:
    return sum(path.stat().st_size for path in (data / "objects").rglob("*") if path.is_file())


def test_what_is_refused_or_in_conflict_counts_too_and_what_is_known_does_not(tmp_path: Path) -> None:
    first, second = case_objects(tmp_path / "plain")[:2]
    image = dcmread(tmp_path / "plain" / "001.dcm")
    image.PatientName = "Other^Name"
    image.save_as(tmp_path / "other.dcm")
    nameless = dcmread(tmp_path / "plain" / "002.dcm")
    del nameless.StudyInstanceUID
    nameless.save_as(tmp_path / "nameless.dcm")
    with arriving(site(tmp_path / "data")) as arrived, association(arrived.receiver.port, first) as client:
        for sent in (first, first, take_apart(tmp_path / "other.dcm"), take_apart(tmp_path / "nameless.dcm"), second):
            client.store(sent.pdus())
        with reading(arrived.engine) as session:
            states = list(session.exec(select(Instance.state)))
        assert sorted(states) == sorted(
            [ObjectState.STORED, ObjectState.CONFLICT, ObjectState.REFUSED, ObjectState.STORED]
        )
        assert on_disk(arrived) == counted(arrived)


def test_a_file_whose_rows_cannot_be_written_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = case_objects(tmp_path / "plain")[0]
    with arriving(site(tmp_path / "data")) as arrived, association(arrived.receiver.port, sent) as client:
        with monkeypatch.context() as broken:
            broken.setattr("service.filing.series_of", lambda *_: 1 / 0)
            refused = client.store(sent.pdus())
        assert (refused.Status, arrived.files()) == (0xA700, set())
        assert client.store(sent.pdus()).Status == 0
        assert on_disk(arrived) == counted(arrived)
