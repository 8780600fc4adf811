"""`spinelabel check`: what is well, and what to do about the rest."""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from safetensors.numpy import save
from sqlalchemy import Engine, text

from config.conditions import load_conditions
from config.image_settings import DetectorSettings, ImageSettings
from config.report_settings import ReportSettings, ServerSettings
from config.settings import Destination, ExportSettings, Peer, Settings, StorageSettings, load_settings
from integrations.dicom.stand_in import start_stand_in
from pipeline.calibration import AnsweredBy
from pipeline.reports.models import embedded_model
from service.checks import check_installation
from service.deep_checks import check_deeply
from service.health import Check
from service.log import configure_log
from service.store.columns import utc_now
from service.store.database import DATABASE, WORKFLOWS, writing
from service.store.states import MessageState
from service.store.tables import Message
from service.store.upgrade import upgrade_database
from service.workflows import prepare_workflows
from tests.peers.detector import stand_in_interpreter
from tests.peers.dicom import free_port
from tests.pipeline.reports.conftest import MakeModel, make_model
from tests.pipeline.reports.site_files import write_site_calibration

__all__ = ["make_model"]

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


def test_an_archive_that_is_only_asked_is_looked_at_too(site: Site) -> None:
    peer = Peer(name="archive", ae_title="PACS", port=free_port(), may=("query",))

    assert "does not take connections" in unwell(site(peers=(peer,)))["archive archive"]


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


def test_a_language_server_is_named_and_its_missing_key_is_found(site: Site, tmp_path: Path) -> None:
    server = ServerSettings(url="http://127.0.0.1:8000/v1", model="llama", api_key_file=tmp_path / "key")
    settings = site(reports=ReportSettings(model=str(tmp_path / "none"), server=server))

    without = unwell(settings)["language model"]
    (tmp_path / "key").write_text("secret-canary")
    [well] = [check.reason for check in check_installation(settings) if check.name == "language model"]

    assert without.startswith(f"{tmp_path / 'key'} holds no readable key.")
    assert well == "llama at http://127.0.0.1:8000/v1, which --deep asks"


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

    assert f"{folder} lacks" in said
    assert missing in said


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        pytest.param("config.json", b"{", "a readable config.json", id="settings cut short"),
        pytest.param("config.json", b"{}", "a config.json of a language model", id="settings of another kind"),
        pytest.param("model.safetensors", b"\x10\0\0\0\0\0\0\0{", "a whole model.safetensors", id="weights cut short"),
    ],
)
def test_a_model_file_that_is_not_whole_is_named(
    site: Site, tmp_path: Path, file: str, content: bytes, said: str
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    whole = {"config.json": b'{"model_type": "llama"}', "tokenizer.json": b"{}", "model.safetensors": save({})}
    for name, usual in whole.items():
        (folder / name).write_bytes(usual)
    settings = site(reports=ReportSettings(model=str(folder)))
    assert "language model" not in unwell(settings)

    (folder / file).write_bytes(content)

    assert f"{folder} lacks {said}" in unwell(settings)["language model"]


SERVED = AnsweredBy("llama@127.0.0.1:8000/v1", None, "the server's", "direct/1")


def calibrated_server(path: Path, answered_by: AnsweredBy) -> ReportSettings:
    """Give settings of a language server and of a calibration that is fitted for what answers."""
    write_site_calibration(path, answered_by, name="ours")
    return ReportSettings(server=ServerSettings(url="http://127.0.0.1:8000/v1", model="llama"), calibration=path)


def test_a_calibration_is_named_with_its_standing_and_for_how_many_questions_it_counts(
    site: Site, tmp_path: Path
) -> None:
    settings = site(reports=calibrated_server(tmp_path / "own.json", SERVED))

    [well] = [check for check in check_installation(settings) if check.name == "calibration"]

    asked = sum(1 + len(condition.levels) for condition in load_conditions())
    assert well.is_well
    assert re.fullmatch(rf"ours@sha256:\w+, calibrated here: thresholds for 1 of {asked} questions", well.reason)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(Path.unlink, ": No such file or directory. Name a file that", id="a missing file"),
        pytest.param(lambda path: path.write_text("{}"), " holds no calibration. Write it with", id="another file"),
        pytest.param(
            lambda path: path.write_text(path.read_text().replace('"n": 40', '"n": 41')),
            " was changed after it was fitted. Calibrate again instead of editing it.",
            id="a changed file",
        ),
        pytest.param(
            lambda path: write_site_calibration(path, replace(SERVED, prompt="summary/1")),
            " was fitted for another prompt (summary/1, here direct/1). Run `spinelabel calibrate`",
            id="one for another prompt",
        ),
    ],
)
def test_a_calibration_that_does_not_count_is_named_with_what_to_do(
    site: Site, tmp_path: Path, spoil: Callable[[Path], object], said: str
) -> None:
    path = tmp_path / "own.json"
    settings = site(reports=calibrated_server(path, SERVED))
    assert "calibration" not in unwell(settings)

    spoil(path)

    assert f"{path}{said}" in unwell(settings)["calibration"]


def test_a_calibration_for_another_model_by_path_is_found_deeply(
    site: Site, make_model: MakeModel, tmp_path: Path
) -> None:
    write_site_calibration(tmp_path / "own.json", AnsweredBy("llama@sha256:1", None, "float32", "direct/1"))
    settings = site(reports=ReportSettings(model=str(make_model()), calibration=tmp_path / "own.json"))
    assert "calibration" not in unwell(settings)

    found = deeply(settings, "language model answers")

    assert not found.is_well
    assert "own.json was fitted for another model (llama@sha256:1, here model" in found.reason


def test_a_conditions_file_that_is_not_there_is_named(site: Site, tmp_path: Path) -> None:
    said = unwell(site(conditions=tmp_path / "none.yaml"))["conditions"]

    assert said == f"{tmp_path / 'none.yaml'}: No such file or directory. Set `conditions` to a readable file."


def test_a_file_in_the_place_of_the_data_folder_is_named(site: Site, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")

    assert "is a file. Name a folder" in unwell(site(data=tmp_path / "mine"))["data folder"]


def test_what_another_user_left_in_the_data_folder_is_named(site: Site, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("giving a file away takes root")
    (tmp_path / "exports").mkdir()
    os.chown(tmp_path / "exports", 12345, 12345)

    assert f"{tmp_path / 'exports'} belongs to another user" in unwell(site())["data folder"]


def test_too_little_free_disk_is_said_with_the_setting_that_asks_for_it(site: Site) -> None:
    said = unwell(site(storage=StorageSettings(keep_free_gb=1e9)))["disk"]

    assert "fewer than storage.keep_free_gb" in said


@pytest.mark.parametrize(
    ("version", "is_well", "said"),
    [
        pytest.param("0001", True, "brought forward at the next start", id="older"),
        pytest.param("9999", False, "newer release", id="newer"),
    ],
)
def test_a_schema_of_another_release_is_told_by_its_age(
    site: Site, engine: Engine, version: str, is_well: bool, said: str
) -> None:
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = :version"), {"version": version})

    (found,) = (check for check in check_installation(site()) if check.name == "database")

    assert (found.is_well, said in found.reason) == (is_well, True)


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


def deeply(settings: Settings, name: str) -> Check:
    return next(check for check in check_deeply(settings) if check.name == name)


@pytest.mark.parametrize("name", [DATABASE, WORKFLOWS])
def test_a_database_with_a_damaged_page_is_named(site: Site, tmp_path: Path, name: str) -> None:
    upgrade_database(tmp_path)
    prepare_workflows(tmp_path)
    assert deeply(site(), "databases").is_well
    with (tmp_path / name).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)

    assert f"{tmp_path / name}: it is damaged. Restore a backup." in deeply(site(), "databases").reason


def run_check(data: Path, *options: str) -> tuple[dict[str, dict[str, object]], str]:
    """Run the command in a process of its own; gives what it found, and whether torch was loaded."""
    config = data.with_name("site.yaml")
    config.write_text(yaml.safe_dump({"data": str(data)}))
    program = "import sys\nfrom service.cli import main\ntry:\n main()\nfinally:\n print('torch' in sys.modules)"
    command = [sys.executable, "-c", program, "check", "--json", "--config", str(config), *options]
    found, loaded = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    return {one["name"]: one for one in json.loads(found)}, loaded


def test_the_models_are_loaded_and_asked_only_when_they_are_looked_at_deeply(tmp_path: Path) -> None:
    shared = Path(tempfile.gettempdir()) / "spinelabel-tests"
    embedded_model(shared)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "models").symlink_to(shared / "models")

    _, loaded = run_check(tmp_path / "data")
    found, loaded_deeply = run_check(tmp_path / "data", "--deep")

    assert (loaded, loaded_deeply) == ("False", "True")
    assert str(found["language model answers"]["reason"]).startswith("smollm2-135m-instruct@sha256:")
    assert found["language model answers"]["ok"]
    assert found["image models load"]["ok"]


@pytest.mark.long
def test_a_deep_look_before_the_first_start_leaves_nothing_behind(tmp_path: Path) -> None:
    found, _ = run_check(tmp_path / "data", "--deep")

    assert found["language model answers"]["ok"]
    assert not (tmp_path / "data").exists()


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def test_looking_changes_nothing(site: Site, tmp_path: Path) -> None:
    upgrade_database(tmp_path)
    prepare_workflows(tmp_path)
    settings = site()
    before = contents(tmp_path)

    assert unwell(settings).keys() == {"destinations"}
    for name in ("databases", "stored objects"):
        assert deeply(settings, name).is_well

    assert contents(tmp_path) == before


def check(config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service.cli", "check", "--config", str(config), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_prints_one_value_and_its_status_says_whether_all_is_well(tmp_path: Path) -> None:
    config = tmp_path / "site.yaml"
    config.write_text(yaml.safe_dump({"data": str(tmp_path / "data"), "web": {"port": 0}}))

    ran = check(config, "--json")

    assert ran.returncode == 1
    found = {one["name"]: one["ok"] for one in json.loads(ran.stdout)}
    assert (found["settings"], found["destinations"]) == (True, False)
    assert not (tmp_path / "data").exists()


def test_settings_that_cannot_be_used_are_the_one_thing_that_is_said(tmp_path: Path) -> None:
    config = tmp_path / "site.yaml"
    config.write_text("dicm: {}")

    ran = check(config, "--json")

    assert ran.returncode == 1
    (found,) = json.loads(ran.stdout)
    assert (found["name"], found["ok"]) == ("settings", False)
    assert "dicm is no known key; the nearest is `dicom`" in found["reason"]


def test_a_reason_is_shown_as_it_is(tmp_path: Path) -> None:
    config = tmp_path / "[red]site.yaml"
    config.write_text("dicm: {}")

    assert "[red]site.yaml" in "".join(check(config).stdout.replace("│", " ").split())


def test_a_detector_of_another_project_is_named_with_its_version_and_licence(site: Site, tmp_path: Path) -> None:
    python = stand_in_interpreter(tmp_path, "")
    detector = DetectorSettings(kind="totalspineseg", python=python, licence="accepted")

    found = {look.name: look for look in check_installation(site(images=ImageSettings(detector=detector)))}

    assert found["detector"].is_well
    assert not (tmp_path / "exchange").exists()
    assert found["detector"].reason == "TotalSpineSeg 1.2 (licence: LGPL-3.0)"
    python.unlink()
    assert "images.detector.python" in unwell(site(images=ImageSettings(detector=detector)))["detector"]
