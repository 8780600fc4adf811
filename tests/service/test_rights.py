"""Who may read what is kept, and the secrets: the service's user alone."""

from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.main import get_command

from config.report_settings import ReportSettings, ServerSettings
from config.settings import DicomSettings, Hl7Settings, Peer, Settings, WebSettings, section_of
from config.tls_settings import TlsSettings
from service.checks import check_installation
from service.cli import load_commands
from service.health import Check
from service.secret_files import secret_files

SECRET_WORDS = ("key", "secret", "password", "token", "passphrase", "credential")


def rights(settings: Settings) -> Check:
    (found,) = [check for check in check_installation(settings) if check.name == "rights"]
    return found


def secret(folder: Path, mode: int = 0o600, name: str = "a.key") -> Path:
    path = folder / name
    path.write_text("sk-canary-1")
    path.chmod(mode)
    return path


def test_a_data_folder_that_others_may_enter_is_named_with_what_to_do(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for mode in (0o755, 0o750, 0o701):
        data.chmod(mode)

        found = rights(Settings(data=data))

        assert (found.is_well, found.reason) == (
            False,
            f"{data} can be entered by others than its owner. Nobody else needs to: run `chmod -R go-rwx {data}`.",
        )
    data.chmod(0o700)
    assert rights(Settings(data=data)).is_well


def settings_with(key: Path) -> dict[str, Settings]:
    """Give settings that name a secret in each of the places that can."""
    tls = TlsSettings(certificate=key.with_name("a.pem"), key=key)
    server = ServerSettings(url="https://llm.example/v1", model="m", api_key_file=key)
    data = key.parent
    return {
        "dicom.tls.key": Settings(data=data, dicom=DicomSettings(tls=tls)),
        "hl7.tls.key": Settings(data=data, hl7=Hl7Settings(tls=tls)),
        "web.tls.key": Settings(data=data, web=WebSettings(tls=tls)),
        "peers[pacs].tls.key": Settings(data=data, peers=(Peer(name="pacs", ae_title="PACS", tls=tls),)),
        "reports.server.api_key_file": Settings(data=data, reports=ReportSettings(server=server)),
    }


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o660, 0o602])
def test_a_secret_that_others_may_read_or_change_is_named_with_its_setting(tmp_path: Path, mode: int) -> None:
    path = secret(tmp_path, mode)
    for name, settings in settings_with(path).items():
        found = rights(settings)

        assert not found.is_well
        assert found.reason.startswith(f"{path}, {name}: others may read or change it (mode {mode:o}).")
        assert "canary" not in found.reason


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640])
def test_a_secret_that_the_service_alone_or_its_group_may_read_is_well(tmp_path: Path, mode: int) -> None:
    for settings in settings_with(secret(tmp_path, mode)).values():
        found = rights(settings)

        assert (found.is_well, found.reason) == (
            True,
            f"{tmp_path} is its owner's alone; 1 files of secrets, which others cannot read",
        )


def test_the_key_of_the_pseudonyms_is_looked_at_too(tmp_path: Path) -> None:
    secret(tmp_path, 0o644, "pseudonym.key")

    assert "the key of the pseudonyms: others may read" in rights(Settings(data=tmp_path)).reason


def test_a_secret_that_is_not_there_is_named(tmp_path: Path) -> None:
    settings = settings_with(tmp_path / "absent.key")["hl7.tls.key"]

    assert (
        rights(settings).reason
        == f"{tmp_path}/absent.key, hl7.tls.key: it cannot be read. Give it to the service's user."
    )


def test_settings_show_no_secret_however_they_are_printed(tmp_path: Path) -> None:
    for settings in settings_with(secret(tmp_path)).values():
        assert "canary" not in f"{settings!r}{settings}{settings.model_dump_json()}"


def test_every_setting_of_a_secret_is_the_path_of_a_file_and_is_looked_at(tmp_path: Path) -> None:
    looked_at = {
        name.rpartition(".")[2] for each in settings_with(secret(tmp_path)).values() for name, _ in secret_files(each)
    }
    named = {}

    def walk(model: type[BaseModel]) -> None:
        for name, field in model.model_fields.items():
            if any(word in name for word in SECRET_WORDS):
                named[name] = field.annotation
            if (inner := section_of(field.annotation)) is not None:
                walk(inner)

    walk(Settings)
    assert set(named) == looked_at == {"key", "api_key_file"}
    assert all(annotation == Path | None for annotation in named.values())


def test_no_command_takes_a_secret_as_a_value() -> None:
    names: list[str] = []

    def walk(command: object) -> None:
        for inner in getattr(command, "commands", {}).values():
            walk(inner)
        names.extend(str(parameter.name) for parameter in getattr(command, "params", []))

    walk(get_command(load_commands()))

    assert "config" in names
    assert [name for name in names if any(word in name for word in SECRET_WORDS)] == []


@pytest.mark.parametrize("closed", ["hosts", "authorities", "nothing"])
def test_a_listener_that_anybody_on_the_network_may_send_to_is_named(tmp_path: Path, closed: str) -> None:
    path = secret(tmp_path)
    given: dict[str, object] = {
        "hosts": {"hosts": ("192.0.2.11",)},
        "authorities": {"tls": TlsSettings(certificate=path, key=path, authorities=path)},
        "nothing": {"tls": TlsSettings(certificate=path, key=path)},
    }
    hl7 = Hl7Settings.model_validate({"host": "0.0.0.0", "port": 0} | dict(given[closed]))  # type: ignore[call-overload]  # noqa: S104
    (found,) = [
        check for check in check_installation(Settings(data=tmp_path, hl7=hl7)) if check.name == "port of listen"
    ]

    assert found.is_well == (closed != "nothing")
    assert found.is_well or found.reason.startswith("Anybody on the network may send reports.")


@pytest.mark.parametrize(
    ("url", "is_well"),
    [
        ("http://192.0.2.7:8000/v1", False),
        ("http://llm.example/v1", False),
        ("https://llm.example/v1", True),
        ("http://127.0.0.1:8000/v1", True),
        ("http://localhost:8000/v1", True),
    ],
)
def test_a_language_server_on_another_machine_is_to_be_asked_by_tls(tmp_path: Path, url: str, is_well: bool) -> None:
    settings = Settings(data=tmp_path, reports=ReportSettings(server=ServerSettings(url=url, model="m")))
    (found,) = [check for check in check_installation(settings) if check.name == "language model"]

    assert found.is_well == is_well
    assert is_well or "others can read the reports" in found.reason
