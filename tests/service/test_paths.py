"""Names from outside that look like paths lead nowhere."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from config.settings import Settings
from integrations.dicom.header import is_uid
from service.cohort_files import find_cohort, load_cohorts
from service.errors import UnknownCohort, UnusableCohort
from service.listening import Listening
from service.log import configure_log
from service.store.objects import object_name
from tests.service.messages import group, oru, receive

OUTWARD = ("../outside", "/outside", "..", "a/../../outside", "outside\x00", "a\n", "..\\outside", "%2e%2e/outside")


def everything(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


@pytest.mark.parametrize("name", OUTWARD)
def test_no_cohort_is_named_for_a_place_outside(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "cohorts"
    folder.mkdir()
    (folder / "x.yaml").write_text(f"name: {name!r}\n" if "\\" in repr(name)[1:-1] else f"name: '{name}'\n")

    with pytest.raises(UnusableCohort):
        load_cohorts(folder)
    with pytest.raises(UnusableCohort):
        find_cohort(folder, name)


@pytest.mark.parametrize("name", OUTWARD)
def test_no_command_exports_to_a_place_outside(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownCohort):
        find_cohort(tmp_path, name)


@pytest.mark.parametrize("name", OUTWARD)
def test_no_such_name_is_a_uid(name: str) -> None:
    assert not is_uid(name)
    assert not is_uid(f"1.2.3{name}")


def test_the_place_of_an_object_is_made_of_its_digest_alone() -> None:
    assert object_name("ab" * 32) == f"ab/ab/{'ab' * 32}"


@pytest.mark.parametrize("name", ["../../outside", "/etc/outside"])
def test_no_control_id_and_no_name_of_a_sender_becomes_a_path(name: str, engine: Engine, tmp_path: Path) -> None:
    before = everything(tmp_path.parent)
    listening = Listening(engine, Settings(data=tmp_path), configure_log("test"))
    raw = oru(name, group("Normal.", obr18=name), patient=name).replace(b"|RIS|X|", f"|{name}|{name}|".encode())

    codes = receive(listening, raw)

    assert codes == ["AA"]
    made = {path.name for path in everything(tmp_path.parent) - before}
    assert made <= {"spinelabel.sqlite-shm", "spinelabel.sqlite-wal"}


@pytest.mark.parametrize(
    "address",
    [
        "/assets/..%2f..%2fpages.py",
        "/assets/%2e%2e/%2e%2e/pages.py",
        "/assets//etc/passwd",
        "/studies/..%2f..%2fetc",
        "/messages/%00",
    ],
)
def test_no_address_of_the_page_leads_to_a_file(address: str, page: TestClient) -> None:
    answer = page.get(address)

    assert answer.status_code == 404
    assert "import" not in answer.text
