"""`spinelabel check`: what is well, and what to do about the rest."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Engine

from config.settings import Destination, ExportSettings, Peer, ReportSettings, Settings, load_settings
from integrations.dicom.stand_in import start_stand_in
from service.checks import check_installation, check_stored_objects
from service.log import configure_log
from service.receiving import Receiving
from service.store.columns import utc_now
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.states import MessageState
from service.store.tables import Instance, Message
from tests.odd.dicom.make_cases import write_case
from tests.peers.dicom import free_port
from tests.service.test_receiving import sending

Site = Callable[..., Settings]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    def make(**values: object) -> Settings:
        free = {"port": 0}
        config = tmp_path / "site.yaml"
        config.write_text(
            yaml.safe_dump(
                {"data": str(tmp_path), "storage": {"keep_free_gb": 0}, "dicom": free, "hl7": free, "web": free}
            )
        )
        return load_settings(config).model_copy(update=values)

    return make


def unwell(settings: Settings) -> dict[str, str]:
    return {check.name: check.reason for check in check_installation(settings) if not check.is_well}


def test_a_site_that_is_ready_is_well_in_everything(site: Site, engine: Engine, tmp_path: Path) -> None:
    pacs = start_stand_in(
        load_settings().dicom.model_copy(update={"port": 0}), tmp_path / "pacs", configure_log("pacs")
    )
    peer = Peer(name="pacs", ae_title="SPINELABEL", port=pacs.port)
    try:
        assert unwell(site(peers=(peer,), destinations=(Destination(peer="pacs"),))) == {}
    finally:
        pacs.stop()


def test_a_destination_that_does_not_answer_is_named(site: Site) -> None:
    peer = Peer(name="pacs", ae_title="PACS", port=free_port())

    said = unwell(site(peers=(peer,), destinations=(Destination(peer="pacs"),)))["destination pacs"]

    assert said.startswith(f"127.0.0.1:{peer.port} does not take connections. Check its AE title")


def test_a_port_that_another_program_holds_is_named(site: Site) -> None:
    settings = site()
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        hl7 = settings.hl7.model_copy(update={"port": taken})

        assert f"127.0.0.1:{taken}: Address already in use" in unwell(site(hl7=hl7))["port of listen"]


@pytest.mark.parametrize("missing", ["config.json", "tokenizer", "weights", "model-00002-of-00002.safetensors"])
def test_a_model_folder_without_a_file_is_named_with_the_file(site: Site, tmp_path: Path, missing: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    files = {
        "config.json": "{}",
        "tokenizer.json": "{}",
        "model-00001-of-00002.safetensors": "",
        "model-00002-of-00002.safetensors": "",
    }
    if missing.startswith("model-"):
        weights = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
        files["model.safetensors.index.json"] = json.dumps({"weight_map": weights})
        del files[missing]
    for name, content in files.items():
        if missing not in name and not (missing == "weights" and name.endswith(".safetensors")):
            (folder / name).write_text(content)

    said = unwell(site(reports=ReportSettings(model=str(folder))))["language model"]

    assert str(folder) in said
    assert missing in said


def test_a_cohort_file_that_cannot_be_used_is_named(site: Site, tmp_path: Path) -> None:
    (tmp_path / "cohorts").mkdir()
    (tmp_path / "cohorts" / "bad.yaml").write_text("name: bad\nschedule: sometimes")

    settings = site(exports=ExportSettings(cohorts=tmp_path / "cohorts"))

    assert "bad.yaml, schedule" in unwell(settings)["cohorts"]


def test_a_clock_that_stands_before_what_was_received_is_said(site: Site, engine: Engine) -> None:
    with writing(engine) as session:
        late = utc_now() + timedelta(days=1)
        session.add(Message(received=late, peer="a", sha256="0", raw=b"", state=MessageState.KEPT))

    assert "Set it by NTP" in unwell(site())["clock"]


@pytest.mark.parametrize("fault", ["missing", "damaged"])
def test_stored_objects_are_read_and_one_that_changed_is_found(
    site: Site, engine: Engine, tmp_path: Path, fault: str
) -> None:
    write_case("plain", tmp_path / "odd")
    sending(Receiving(engine, ObjectStore(tmp_path), site()), tmp_path / "odd")
    assert check_stored_objects(site()).is_well
    with reading(engine) as session:
        path = ObjectStore(tmp_path).path(session.get_one(Instance, 1).file)
    if fault == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"\x01")

    found = check_stored_objects(site())

    assert not found.is_well
    assert path.name in found.reason


def test_the_command_prints_one_value_and_its_status_says_whether_all_is_well(tmp_path: Path) -> None:
    config = tmp_path / "site.yaml"
    config.write_text(yaml.safe_dump({"data": str(tmp_path / "data"), "web": {"port": 0}}))

    command = [sys.executable, "-m", "service.cli", "check", "--json", "--config", str(config)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ran.returncode == 1
    found = {one["name"]: one["ok"] for one in json.loads(ran.stdout)}
    assert (found["settings"], found["destinations"]) == (True, False)
    assert not (tmp_path / "data").exists()
