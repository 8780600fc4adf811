"""What a person does about objects that were refused or came again with other content, by the commands."""

import json
from pathlib import Path

import pytest
import yaml
from pydicom import dcmread
from sqlmodel import col, select
from typer.testing import CliRunner

from config.settings import load_settings
from service.cli import load_commands
from service.store.columns import utc_now
from service.store.database import reading
from service.store.room import bytes_in_use
from service.store.states import ObjectState, WorkState
from service.store.tables import Instance, Patient, Study
from tests.integrations.dicom.sending import take_apart
from tests.odd.dicom.make_cases import write_case
from tests.service.arriving import Arriving, arriving, association
from tests.service.browsing import browse, text


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    values = {"data": str(tmp_path / "data"), "dicom": {"port": 0}, "storage": {"keep_free_gb": 0}}
    path.write_text(yaml.safe_dump(values))
    return path


def spinelabel(*arguments: str, config: Path, status: int = 0, answer: str = "") -> str:
    ran = CliRunner().invoke(load_commands(), [*arguments, "--config", str(config)], input=answer)
    assert ran.exit_code == status, ran.output
    return " ".join(ran.output.split())


def listed(config: Path, *options: str) -> list[dict[str, object]]:
    found = json.loads(spinelabel("object", "list", "--json", *options, config=config))
    return list(found)


def send(arrived: Arriving, folder: Path) -> None:
    for sent in map(take_apart, sorted(folder.glob("*.dcm"))):
        with association(arrived.receiver.port, sent) as client:
            client.store(sent.pdus())


def standing(arrived: Arriving) -> tuple[str, set[str], WorkState]:
    """Give the patient's name, the names in the objects in use, and how far the reading of the images is."""
    with reading(arrived.engine) as session:
        study, patient = session.exec(select(Study, Patient).join(Patient)).one()
        files = session.exec(select(Instance.file).where(Instance.state == ObjectState.STORED)).all()
    names = {str(dcmread(arrived.store.path(file)).PatientName) for file in files}
    assert len(files) == 11
    return patient.name, names, study.images


def test_a_newer_version_is_taken_into_use_and_that_is_undone_by_taking_the_first(config: Path, tmp_path: Path) -> None:
    write_case("rec-06", tmp_path / "odd")
    with arriving(load_settings(config)) as arrived:
        send(arrived, tmp_path / "odd" / "1-first")
        before = standing(arrived)
        send(arrived, tmp_path / "odd" / "4-name-corrected")
        page = browse(arrived.settings, arrived.engine, utc_now)
        with reading(arrived.engine) as session:
            study = session.exec(select(Study)).one()
            firsts = session.exec(
                select(Instance.id).where(Instance.state == ObjectState.STORED).order_by(col(Instance.id))
            ).all()
        name = study.accession or study.study_uid
        assert f"object use --study {name}" in text(page, "/waiting")
        assert "11 objects came again" in text(page, f"/studies/{study.link}")

        spinelabel("object", "use", "--study", name, config=config)

        patient, names, images = standing(arrived)
        assert names == {patient} != before[1]
        assert images == WorkState.WAITING
        assert listed(config) == []
        assert "took another version of an object into use" in text(page, f"/studies/{study.link}")

        spinelabel("object", "use", *map(str, firsts), config=config)

        assert standing(arrived)[:2] == before[:2]
        send(arrived, tmp_path / "odd" / "4-name-corrected")  # what was decided stays so
        assert listed(config) == []


def test_a_conflict_that_is_dismissed_waits_for_nobody_until_that_is_undone(config: Path, tmp_path: Path) -> None:
    write_case("rec-06", tmp_path / "odd")
    with arriving(load_settings(config)) as arrived:
        send(arrived, tmp_path / "odd" / "1-first")
        before = standing(arrived)
        send(arrived, tmp_path / "odd" / "5-other-pixels")
        number = str(listed(config)[0]["number"])

        spinelabel("object", "dismiss", number, config=config)
        send(arrived, tmp_path / "odd" / "5-other-pixels")

        assert number not in {str(row["number"]) for row in listed(config)}
        assert number in {str(row["number"]) for row in listed(config, "--all")}
        spinelabel("object", "dismiss", number, "--undo", config=config)
        assert len(listed(config)) == 11
        assert standing(arrived) == before


def test_refused_objects_go_through_again_after_a_preview_as_their_data_sets_say(config: Path, tmp_path: Path) -> None:
    write_case("plain", tmp_path / "plain")
    first, second = sorted((tmp_path / "plain").glob("*.dcm"))[:2]
    nameless = dcmread(second)
    del nameless.StudyInstanceUID
    nameless.save_as(second)
    sent = take_apart(first)
    with arriving(load_settings(config)) as arrived, association(arrived.receiver.port, sent) as client:
        wrong = type(sent)(sent.data_set, sent.sop_class, "1.2.3", sent.transfer_syntax)
        assert client.store(wrong.pdus()).Status == 0xA900
        assert client.store(take_apart(second).pdus()).Status == 0xC000
        assert "spinelabel reprocess objects" in str(listed(config)[0]["reason"])

        preview = spinelabel("reprocess", "objects", "--dry-run", config=config)
        assert "It would be stored in study" in preview
        assert "It stays refused: Study Instance UID (0020,000D) is missing" in preview
        spinelabel("reprocess", "objects", config=config, status=1, answer="n\n")
        assert len(listed(config)) == 2

        spinelabel("reprocess", "objects", config=config, answer="y\n")

        assert [row["number"] for row in listed(config)] == [2]
        (row,) = arrived.rows()
        kept = dcmread(arrived.store.path(row.file))
        assert kept.file_meta.MediaStorageSOPInstanceUID == kept.SOPInstanceUID == sent.sop_instance
        assert take_apart(arrived.store.path(row.file)).data_set == sent.data_set
        assert arrived.is_clean()
        with reading(arrived.engine) as session:
            assert bytes_in_use(session) == sum((arrived.store.root / f).stat().st_size for f in arrived.files())
        assert "Object 1 is not among the refused ones" in refusal("reprocess", "objects", "1", "--yes", config=config)


def refusal(*arguments: str, config: Path) -> str:
    """Give the error that a command ends with."""
    ran = CliRunner().invoke(load_commands(), [*arguments, "--config", str(config)])
    return str(ran.exception)
