"""Exports on their schedule: once each, through restarts, missed hours, failures and kills."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, insert
from sqlmodel import select

from config.settings import ExportSettings, Settings
from service import exports
from service.cohort_files import load_cohorts
from service.endpoints import endpoint
from service.exports import export_cohort, export_slot
from service.log import configure_log
from service.schedule import Exporter, pause, run_due_exports
from service.store.columns import utc_now
from service.store.database import open_database, reading, writing
from service.store.states import RunState
from service.store.tables import CohortRun, FindingRow, Schedule
from service.workflows import prepare_workflows
from tests.service.rows import add_study
from tests.waiting import wait_until

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAILY = "0 2 * * *"


@pytest.fixture
def exporter(engine: Engine, tmp_path: Path) -> Exporter:
    """Give what runs a cohort every night whose schedule began on Monday at noon."""
    add_study(engine)
    write_cohort(tmp_path / "cohorts", "nightly")
    settings = Settings(data=tmp_path, exports=ExportSettings(cohorts=tmp_path / "cohorts"))
    exporter = Exporter(engine, settings, configure_log("clock"))
    run_due_exports(exporter, MONDAY)
    return exporter


def write_cohort(folder: Path, name: str, **values: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump({"name": name, "schedule": DAILY, **values}))


def runs(engine: Engine) -> list[tuple[datetime | None, RunState]]:
    with reading(engine) as session:
        return [(run.slot, run.state) for run in session.exec(select(CohortRun))]


def folders(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "exports" / "nightly").glob("*"))


def test_a_cohort_runs_once_when_its_time_has_come(engine: Engine, exporter: Exporter, tmp_path: Path) -> None:
    for minutes in range(0, 24 * 60, 7):
        run_due_exports(exporter, MONDAY + timedelta(minutes=minutes))

    assert runs(engine) == [(datetime(2026, 3, 3, 2, tzinfo=UTC), RunState.DONE)]
    assert folders(tmp_path) == ["2026-03-03T0200Z"]


def test_what_was_missed_while_the_clock_was_down_is_caught_up_once(engine: Engine, exporter: Exporter) -> None:
    later = MONDAY + timedelta(days=4)
    for _restart in range(3):
        run_due_exports(Exporter(engine, exporter.settings, exporter.log), later)

    assert runs(engine) == [(datetime(2026, 3, 6, 2, tzinfo=UTC), RunState.DONE)]


@pytest.mark.parametrize("changed", [{"schedule": "0 3 * * *"}, {"time_zone": "Asia/Kolkata"}], ids=str)
def test_a_changed_schedule_begins_anew_and_catches_nothing_up(
    engine: Engine, exporter: Exporter, tmp_path: Path, changed: dict[str, str]
) -> None:
    write_cohort(tmp_path / "cohorts", "nightly", **changed)

    run_due_exports(exporter, MONDAY + timedelta(days=4))
    run_due_exports(exporter, MONDAY + timedelta(days=4, minutes=1))

    assert runs(engine) == []


def test_a_zone_moves_the_time(engine: Engine, exporter: Exporter, tmp_path: Path) -> None:
    write_cohort(tmp_path / "cohorts", "nightly", time_zone="Asia/Kolkata")
    run_due_exports(exporter, MONDAY)
    run_due_exports(exporter, MONDAY + timedelta(hours=12))

    assert runs(engine) == [(datetime(2026, 3, 2, 20, 30, tzinfo=UTC), RunState.DONE)]


def test_a_run_that_fails_is_said_tried_again_after_a_pause_and_costs_no_other_cohort(
    engine: Engine, exporter: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cohort(tmp_path / "cohorts", "another")
    run_due_exports(exporter, MONDAY)
    due = MONDAY + timedelta(hours=14)
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "nightly").touch()  # a file where the folder should be

    run_due_exports(exporter, due)
    with reading(engine) as session:
        failed = session.exec(select(CohortRun).where(CohortRun.cohort == "nightly")).one()
        other = session.exec(select(CohortRun).where(CohortRun.cohort == "another")).one()
    assert (failed.state, other.state) == (RunState.FAILED, RunState.DONE)
    assert str(tmp_path / "exports" / "nightly") in failed.reason
    assert "tried again" in failed.reason

    (tmp_path / "exports" / "nightly").unlink()
    run_due_exports(exporter, due + pause(1) - timedelta(seconds=1))
    assert runs(engine).count((failed.slot, RunState.DONE)) == 1  # the other's
    run_due_exports(exporter, due + pause(1))
    assert runs(engine).count((failed.slot, RunState.DONE)) == 2


def test_pauses_after_failures_grow_to_an_hour() -> None:
    assert [pause(attempts) for attempts in (1, 2, 7, 50)] == [
        timedelta(minutes=1),
        timedelta(minutes=2),
        timedelta(hours=1),
        timedelta(hours=1),
    ]


def test_a_file_that_cannot_be_used_stops_itself_only_and_is_said_once(
    engine: Engine, exporter: Exporter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cohorts" / "broken.yaml").write_text("name: broken\ntime_zone: Atlantis/City")
    heard = Exporter(engine, exporter.settings, configure_log("clock"))

    for minutes in range(3):
        run_due_exports(heard, MONDAY + timedelta(hours=14, minutes=minutes))

    assert len(runs(engine)) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if "not scheduled" in line]
    assert len(said) == 1
    assert "broken.yaml, time_zone" in said[0]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f"name: nightly\nschedule: {DAILY}\nformats: [excel]", id="a value that is not allowed"),
        pytest.param("name: [", id="no YAML"),
    ],
)
def test_a_cohort_whose_file_breaks_after_it_was_scheduled_is_shown_as_failed_and_runs_once_mended(
    engine: Engine, exporter: Exporter, tmp_path: Path, content: str
) -> None:
    due = MONDAY + timedelta(hours=14)
    (tmp_path / "cohorts" / "nightly.yaml").write_text(content)
    for minutes in range(180):
        run_due_exports(exporter, due + timedelta(minutes=minutes))
    with reading(engine) as session:
        (failed,) = session.exec(select(CohortRun))
    assert (failed.slot, failed.state) == (due, RunState.FAILED)
    assert "nightly.yaml" in failed.reason
    assert "once the file is mended" in failed.reason

    write_cohort(tmp_path / "cohorts", "nightly")
    run_due_exports(exporter, due + timedelta(minutes=180))

    assert runs(engine) == [(due, RunState.DONE)]


def test_a_broken_copy_says_nothing_against_the_cohort_whose_name_it_has(
    engine: Engine, exporter: Exporter, tmp_path: Path
) -> None:
    (tmp_path / "cohorts" / "copy.yaml").write_text("name: nightly\nformats: [excel]")

    run_due_exports(exporter, MONDAY + timedelta(hours=14))

    assert runs(engine) == [(MONDAY + timedelta(hours=14), RunState.DONE)]


def test_a_schedule_that_is_taken_away_and_put_back_begins_anew(
    engine: Engine, exporter: Exporter, tmp_path: Path
) -> None:
    (tmp_path / "cohorts" / "nightly.yaml").write_text("name: nightly")
    run_due_exports(exporter, MONDAY + timedelta(days=1))
    write_cohort(tmp_path / "cohorts", "nightly")
    run_due_exports(exporter, MONDAY + timedelta(days=5))
    run_due_exports(exporter, MONDAY + timedelta(days=5, minutes=1))

    assert runs(engine) == []


def test_a_file_that_comes_while_the_clock_runs_is_scheduled(
    engine: Engine, exporter: Exporter, tmp_path: Path
) -> None:
    write_cohort(tmp_path / "cohorts", "late", schedule="0 13 * * *")
    run_due_exports(exporter, MONDAY + timedelta(minutes=30))
    run_due_exports(exporter, MONDAY + timedelta(minutes=61))

    with reading(engine) as session:
        assert [run.cohort for run in session.exec(select(CohortRun))] == ["late"]


def test_of_two_runners_of_one_slot_one_counts_and_the_other_leaves_nothing(
    engine: Engine, exporter: Exporter, tmp_path: Path
) -> None:
    (cohort,) = load_cohorts(tmp_path / "cohorts")
    slot = datetime(2026, 3, 3, 2, tzinfo=UTC)

    first = export_slot(engine, tmp_path, cohort, MONDAY, slot)
    second = export_slot(engine, tmp_path, cohort, MONDAY, slot)

    assert (first is None, second is None) == (False, True)
    assert folders(tmp_path) == ["2026-03-03T0200Z"]
    assert len(runs(engine)) == 1


def test_two_runners_that_meet_in_the_middle_of_one_slot_make_one_run_without_an_error(
    engine: Engine, exporter: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cohort,) = load_cohorts(tmp_path / "cohorts")
    slot = datetime(2026, 3, 3, 2, tzinfo=UTC)
    meeting, write = Barrier(2), exports._write_manifest

    def write_together(*arguments: Any) -> None:
        meeting.wait(30)
        write(*arguments)

    monkeypatch.setattr(exports, "_write_manifest", write_together)
    with ThreadPoolExecutor(2) as runners:
        both = [runners.submit(export_slot, engine, tmp_path, cohort, MONDAY, slot) for _ in range(2)]
        outcomes = [runner.result(60) for runner in both]

    assert [outcome is None for outcome in outcomes].count(True) == 1
    assert folders(tmp_path) == ["2026-03-03T0200Z"]
    assert runs(engine) == [(slot, RunState.DONE)]
    assert unfinished(tmp_path) == []


def test_a_run_by_hand_in_the_same_minute_is_a_run_of_its_own(
    engine: Engine, exporter: Exporter, tmp_path: Path
) -> None:
    (cohort,) = load_cohorts(tmp_path / "cohorts")
    slot = datetime(2026, 3, 3, 2, tzinfo=UTC)
    for _ in range(2):
        export_cohort(engine, tmp_path, cohort, utc_now())
    export_slot(engine, tmp_path, cohort, slot, slot)

    assert len(folders(tmp_path)) == len(runs(engine)) == 3


def test_a_folder_that_was_complete_when_its_run_was_killed_counts(
    engine: Engine, exporter: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> bool:
        raise KeyboardInterrupt

    due = MONDAY + timedelta(hours=14)
    with monkeypatch.context() as killed:
        killed.setattr(exports, "record_slot", die)
        with pytest.raises(KeyboardInterrupt):
            run_due_exports(exporter, due)
    manifest = (tmp_path / "exports" / "nightly" / "2026-03-03T0200Z" / "manifest.json").read_text()

    run_due_exports(exporter, due + timedelta(minutes=1))

    assert (tmp_path / "exports" / "nightly" / "2026-03-03T0200Z" / "manifest.json").read_text() == manifest
    with reading(engine) as session:
        (run,) = session.exec(select(CohortRun))
    assert run.rows == json.loads(manifest)["rows"] == 2


# The clock as a process.


def start_clock(config: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "service.roles", "clock", "--config", str(config)])


@pytest.fixture
def missed_hour(engine: Engine, tmp_path: Path) -> Path:
    """Give the settings of a store whose hourly cohort has been missed for some hours."""
    add_study(engine)
    write_cohort(tmp_path / "cohorts", "nightly", schedule="0 * * * *")
    with writing(engine) as session:
        copied = session.get_one(FindingRow, 1).model_dump(exclude={"id", "work"})
        # So many that the export can be killed in the middle.
        session.execute(insert(FindingRow), [{**copied, "work": f"copy {number}"} for number in range(20_000)])
        since = utc_now() - timedelta(hours=3)
        session.add(Schedule(cohort="nightly", cron="0 * * * *", time_zone="UTC", since=since))
    prepare_workflows(tmp_path)
    config = tmp_path / "site.yaml"
    config.write_text(yaml.safe_dump({"data": str(tmp_path), "exports": {"cohorts": str(tmp_path / "cohorts")}}))
    return config


def unfinished(data: Path) -> list[Path]:
    return list((data / "exports" / "nightly").glob(".*"))


def test_a_missed_hour_is_caught_up_once_through_kills_in_the_middle_and_restarts(
    engine: Engine, missed_hour: Path, tmp_path: Path
) -> None:
    first = start_clock(missed_hour)
    try:
        wait_until(lambda: unfinished(tmp_path), "the export to be in the middle", 60)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait(30)
    assert runs(engine) == []

    second = start_clock(missed_hour)
    wait_until(lambda: runs(engine), "the run", 60)
    second.terminate()
    second.wait(30)
    third = start_clock(missed_hour)
    wait_until(lambda: endpoint(tmp_path, "clock") is not None, "the clock again", 60)
    third.terminate()
    third.wait(30)

    (run,) = runs(engine)
    assert run[0] is not None
    assert utc_now() - run[0] < timedelta(hours=1, minutes=2)
    assert len(folders(tmp_path)) == 1
    assert unfinished(tmp_path) == []


def test_two_clocks_on_one_store_make_one_run(engine: Engine, missed_hour: Path, tmp_path: Path) -> None:
    clocks = [start_clock(missed_hour) for _ in range(2)]
    try:
        wait_until(lambda: any(clock.poll() == 1 for clock in clocks), "one of them to give up", 60)
        wait_until(lambda: runs(engine), "the run", 60)
    finally:
        for clock in clocks:
            if clock.poll() is None:
                os.kill(clock.pid, signal.SIGTERM)
            clock.wait(30)

    assert len(runs(open_database(tmp_path))) == len(folders(tmp_path)) == 1
