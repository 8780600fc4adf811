"""Whether the installation is ready, and what it says where it is not."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from config.settings import Settings, StorageSettings
from service.health import readiness
from service.heartbeat import SILENT_AFTER
from service.roles import ROLES
from service.store.database import writing
from service.store.states import RoleState
from service.store.tables import RoleRow
from tests.service.browsing import browse
from tests.service.rows import NOW


def roles(engine: Engine, *, state: RoleState = RoleState.UP, reason: str = "", silent: bool = False) -> None:
    """Write five roles, of which `work` is as given."""
    with writing(engine) as session:
        for role in ROLES:
            row = RoleRow(role=role, host="a", pid=1, state=RoleState.UP, started=NOW, beat=NOW)
            if role == "work":
                row.state, row.reason = state, reason
                row.beat = NOW - 2 * SILENT_AFTER if silent else NOW
            session.add(row)


def unwell(engine: Engine, settings: Settings) -> dict[str, str]:
    checks = readiness(engine, settings, NOW + timedelta(seconds=1))
    return {check.name: check.reason for check in checks if not check.is_well}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, storage=StorageSettings(keep_free_gb=0))


def test_all_is_well_while_each_role_is_up(engine: Engine, settings: Settings) -> None:
    roles(engine)

    assert unwell(engine, settings) == {}


@pytest.mark.parametrize(
    ("state", "reason", "silent", "said"),
    [
        pytest.param(RoleState.LOADING, "The models are being loaded.", False, "It is loading. The models", id="loads"),
        pytest.param(RoleState.DOWN, "config.json is not there.", False, "It is down. config.json", id="is down"),
        pytest.param(RoleState.UP, "", True, "It has not answered for 61 s", id="is silent"),
        pytest.param(RoleState.STOPPED, "", False, "It was stopped", id="was stopped"),
    ],
)
def test_a_role_that_is_not_up_is_named_with_the_reason(
    engine: Engine, settings: Settings, state: RoleState, reason: str, silent: bool, said: str
) -> None:
    roles(engine, state=state, reason=reason, silent=silent)

    found = unwell(engine, settings)

    assert list(found) == ["work"]
    assert said in found["work"]


def test_a_role_that_is_up_on_another_machine_is_enough(engine: Engine, settings: Settings) -> None:
    roles(engine, silent=True)
    with writing(engine) as session:
        session.add(RoleRow(role="work", host="b", pid=1, state=RoleState.UP, started=NOW, beat=NOW))

    assert unwell(engine, settings) == {}


def test_roles_that_never_ran_are_missed(engine: Engine, settings: Settings) -> None:
    assert set(unwell(engine, settings)) == set(ROLES)


def test_a_disk_with_less_free_than_the_settings_keep_is_said(engine: Engine, tmp_path: Path) -> None:
    roles(engine)
    settings = Settings(data=tmp_path, storage=StorageSettings(keep_free_gb=1e6))

    assert "storage.keep_free_gb (1e+06)" in unwell(engine, settings)["disk"]


def test_a_database_that_does_not_answer_is_said_and_nothing_else_claimed(engine: Engine, settings: Settings) -> None:
    engine.dispose()
    with sqlite3.connect(settings.data / "spinelabel.sqlite") as connection:
        connection.execute("drop table role")

    assert list(unwell(engine, settings)) == ["database"]


def test_readyz_says_what_is_not_well_and_becomes_ready_when_all_is(engine: Engine, settings: Settings) -> None:
    page = browse(settings, engine, lambda: NOW)
    roles(engine, state=RoleState.LOADING, reason="The models are being loaded.")
    loading = page.get("/readyz")
    with writing(engine) as session:
        session.exec(select(RoleRow).where(RoleRow.role == "work")).one().state = RoleState.UP

    assert (loading.status_code, loading.json()["ready"]) == (503, False)
    assert loading.json()["checks"]["work"] == "It is loading. The models are being loaded."
    assert page.get("/readyz").json() == {
        "ready": True,
        "checks": dict.fromkeys(("database", "disk", *ROLES), "ok"),
    }


def test_metrics_are_served_as_prometheus_reads_them(engine: Engine, settings: Settings) -> None:
    answer = browse(settings, engine).get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "spinelabel_queue_length" in answer.text
