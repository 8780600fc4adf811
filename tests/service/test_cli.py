"""The command line as people and scripts call it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from sqlalchemy import Engine
from sqlmodel import select

from integrations.dicom.calling import Unreachable
from pipeline.training.drawn_studies import drawn_study
from service.destinations import note_answer
from service.store.columns import utc_now
from service.store.database import open_database, reading, writing
from service.store.states import DeliveryState, WorkState
from service.store.tables import CohortRun, Delivery, Document, Pairing, Report, Study
from service.store.upgrade import upgrade_database
from tests.odd.dicom.make_cases import write_case
from tests.peers.detector import stand_in_interpreter
from tests.peers.sent import write_images
from tests.service.rows import NOW, add_study

ODD_HL7 = Path(__file__).resolve().parents[1] / "odd" / "hl7"


def spinelabel(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("spinelabel")
    return subprocess.run(
        [str(program), *map(str, arguments)], capture_output=True, text=True, cwd=folder, timeout=240, check=False
    )


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "serve",
        "label",
        "evaluate",
        "calibrate",
        "discs",
        "inspect hl7",
        "inspect study",
        "pair",
        "patient show",
        "patient unmerge",
        "study accept",
        "study complete",
        "retry",
        "outbox list",
        "outbox retry",
        "outbox cancel",
        "init",
        "check",
        "cohort list",
        "cohort export",
        "train detector",
        "train images",
        "train summaries",
    ],
)
def test_each_command_helps_with_an_example(command: str, tmp_path: Path) -> None:
    done = spinelabel(*command.split(), "--help", folder=tmp_path)

    assert done.returncode == 0
    assert "Example:" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        pytest.param(["frobnicate"], 2, "No such command", id="an unknown command"),
        pytest.param(["demo", "--study", "x"], 2, "go together", id="half of a pair of options"),
        pytest.param(["serve", "--only", "bake"], 2, "no role is called bake", id="an unknown role"),
        pytest.param(["cohort", "export", "none"], 1, "has no cohort none", id="an unknown cohort"),
        pytest.param(["cohort", "list", "--config", "none.yaml"], 1, "No such file", id="a missing settings file"),
    ],
)
def test_wrong_use_and_failed_work_say_so_by_their_exit_status(
    arguments: list[str], status: int, sentence: str, tmp_path: Path
) -> None:
    done = spinelabel(*arguments, folder=tmp_path)

    assert done.returncode == status
    assert sentence in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_inspecting_messages_gives_one_json_value_and_stores_nothing(tmp_path: Path) -> None:
    done = spinelabel("inspect", "hl7", ODD_HL7 / "d01.hl7", "--json", folder=tmp_path)

    found = json.loads(done.stdout)
    assert [message["ack"]["code"] for message in found["messages"]] == ["AA"]
    assert len(found["reports"]) == 1
    assert list(tmp_path.iterdir()) == []


def test_inspecting_a_study_gives_the_chosen_series_and_why(tmp_path: Path) -> None:
    images = drawn_study(1).datasets
    write_images(images, tmp_path)

    done = spinelabel("inspect", "study", tmp_path, "--json", folder=tmp_path)

    (study,) = json.loads(done.stdout)["studies"]
    assert study["chosen"] == images[0].SeriesInstanceUID
    assert "sagittal" in study["reason"]


def test_inspecting_a_study_prints_a_line_for_each_series_with_its_verdict(tmp_path: Path) -> None:
    write_case("ser-stations", tmp_path)
    write_case("ser-no-pictures", tmp_path)

    printed = spinelabel("inspect", "study", tmp_path, folder=tmp_path).stdout

    assert (
        printed.count("  READ   series 3, SAG T2 TSE: 11 images; sagittal T2; 11 slices of 60 x 40, 4.4 mm apart") == 1
    )
    assert "  usable series 3, SAG T2 composed" in printed
    assert "not chosen: composed of stations, where the chosen one is as acquired" in printed
    assert "  no     series 3, Screens: 2 images; no position, no MR image" in printed


def test_discs_come_with_their_names_and_a_picture(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    write_images(drawn_study(1).datasets, folder)

    done = spinelabel("discs", folder, "--json", "--picture", tmp_path / "discs.png", folder=tmp_path)

    found = json.loads(done.stdout)
    assert [disc["level"] for disc in found["discs"]][-3:] == ["L3-L4", "L4-L5", "L5-S1"]
    assert found["detector"].startswith("spinelabel-detector@sha256:")
    picture = np.asarray(Image.open(tmp_path / "discs.png"))
    assert picture[-100:, -300:].max() == 255, "nothing is said below the discs"


def test_the_picture_of_discs_is_a_secondary_capture_if_its_name_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    images = drawn_study(1).datasets
    write_images(images, folder)

    spinelabel("discs", folder, "--picture", tmp_path / "discs.dcm", folder=tmp_path)

    capture = dcmread(tmp_path / "discs.dcm")
    assert capture.StudyInstanceUID == images[0].StudyInstanceUID
    assert capture.SeriesInstanceUID != images[0].SeriesInstanceUID
    picture = capture.pixel_array
    assert ((picture[..., 0] > 200) & (picture[..., 2] < 80)).any()
    assert capture.DerivationDescription.startswith("Discs found by spinelabel-detector. Machine-made")


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_picture_that_cannot_be_drawn_is_an_error_with_its_reason(tmp_path: Path, more: tuple[str, ...]) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    write_images(drawn_study(1).datasets[:2], folder)

    done = spinelabel("discs", folder, "--picture", tmp_path / "discs.png", *more, folder=tmp_path)

    assert done.returncode == 1
    assert "there are no discs to draw: no usable sagittal T2 series" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "discs.png").exists()


def test_discs_are_found_by_the_detector_that_the_settings_name(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    write_images(drawn_study(1).datasets, folder)
    disc = '{"level": None, "confidence": None, "centre": [5, 100, 90], "tilt": 0.2, "width": 35}'
    python = stand_in_interpreter(tmp_path, f"answer(levels_known=False, reason='as told', discs=[{disc}])")
    config = tmp_path / "site.yaml"
    config.write_text(f"images: {{detector: {{kind: spineps, python: {python}, licence: accepted}}}}")

    done = spinelabel("discs", folder, "--config", config, "--picture", tmp_path / "discs.dcm", folder=tmp_path)

    said = dcmread(tmp_path / "discs.dcm").DerivationDescription
    assert said.startswith("Discs found by SPINEPS 1.2 (licence: Apache-2.0).")
    assert "Found by SPINEPS 1.2 (licence: Apache-2.0)." in done.stdout
    assert "level unknown: row 100, column 90\n" in done.stdout


def test_labels_are_lines_of_json_and_a_bad_row_costs_no_other(tmp_path: Path) -> None:
    (tmp_path / "reports.csv").write_text('id,text\n1,"FINDINGS: Canal stenosis at L4-L5."\n2,\n')

    done = spinelabel("label", "reports.csv", folder=tmp_path)

    assert done.returncode == 0
    labels = [json.loads(line) for line in (tmp_path / "labels.jsonl").read_text().splitlines()]
    assert [(label["id"], label["level"]) for label in labels if label["condition"] == "stenosis"] == [
        ("1", None),
        ("1", "L3-L4"),
        ("1", "L4-L5"),
        ("1", "L5-S1"),
    ]
    assert "1 were not" in done.stdout
    assert "demonstration" in done.stdout


def test_a_person_pairs_a_report_with_a_study(tmp_path: Path) -> None:
    engine = data_of(tmp_path)
    add_study(engine)
    with writing(engine) as session:
        session.add(Report(message_id=1, order_key="2", received=NOW, status="final", text="", labels=WorkState.DONE))

    wrong = spinelabel("pair", "2", "NOBODY", folder=tmp_path)
    done = spinelabel("pair", "2", "CANARYACC1", folder=tmp_path)

    assert (wrong.returncode, done.returncode) == (1, 0)
    with reading(engine) as session:
        assert [row.how for row in session.exec(select(Pairing).where(Pairing.report_id == 2))] == ["by hand"]
        assert session.get_one(Study, 1).document == WorkState.WAITING


def add_delivery(engine: Engine, **values: Any) -> None:
    add_study(engine)
    with writing(engine) as session:
        session.add(
            Document(study_id=1, accepts="trial", inputs="0", sop_instance_uid="1", file="f", sha256="0", created=NOW)
        )
        session.flush()
        session.add(Delivery(document_id=1, destination="pacs", next_attempt=NOW, **values))


def with_pacs(folder: Path) -> tuple[str, ...]:
    """Name the PACS in a settings file, and give the option to use it."""
    (folder / "site.yaml").write_text("peers: [{name: pacs, ae_title: PACS}]")
    return ("--config", "site.yaml")


def test_a_refused_document_is_sent_again_when_a_person_says_so(tmp_path: Path) -> None:
    engine = data_of(tmp_path)
    add_delivery(engine, state=DeliveryState.REFUSED, answer="no room")

    listed = spinelabel("outbox", "list", folder=tmp_path)
    done = spinelabel("outbox", "retry", folder=tmp_path)

    assert "no room" in listed.stdout
    assert "1 deliveries" in done.stdout
    with reading(engine) as session:
        assert session.get_one(Delivery, 1).state == DeliveryState.WAITING


def test_what_a_peer_said_is_listed_as_it_said_it(tmp_path: Path) -> None:
    add_delivery(data_of(tmp_path), state=DeliveryState.REFUSED, attempts=1, answer="A900H [/odd] [red]text[/red]")

    listed = spinelabel("outbox", "list", folder=tmp_path)

    assert listed.returncode == 0, listed.stderr
    assert "[/odd] [red]text[/red]" in " ".join(listed.stdout.replace("│", " ").split())


def test_the_outbox_lists_what_is_open_and_on_request_all_of_it_as_one_json_value(tmp_path: Path) -> None:
    engine = data_of(tmp_path)
    add_delivery(engine, state=DeliveryState.DELIVERED, attempts=2, answer="B000H Coercion of data elements")

    opened = spinelabel("outbox", "list", "--json", folder=tmp_path)
    everything = spinelabel("outbox", "list", "--json", "--all", folder=tmp_path)

    assert json.loads(opened.stdout) == []
    assert json.loads(everything.stdout) == [
        {
            "number": 1,
            "accession": "CANARYACC1",
            "destination": "pacs",
            "state": "delivered",
            "attempts": 2,
            "next_attempt": None,
            "answer": "B000H Coercion of data elements",
        }
    ]


def test_a_document_for_a_destination_that_is_away_is_listed_with_the_time_of_the_next_attempt(tmp_path: Path) -> None:
    engine = data_of(tmp_path)
    add_delivery(engine)
    with writing(engine) as session:
        note_answer(session, "pacs", Unreachable("A700H Out of resources"), NOW)

    listed = spinelabel("outbox", "list", "--json", *with_pacs(tmp_path), folder=tmp_path)

    (row,) = json.loads(listed.stdout)
    assert (row["attempts"], row["next_attempt"]) == (0, "2026-03-02T12:00:05Z")
    assert "pacs has taken nothing since 2026-03-02 12:00:00 UTC: A700H Out of resources." in row["answer"]


def test_a_document_is_sent_no_more_when_a_person_cancels_it(tmp_path: Path) -> None:
    engine = data_of(tmp_path)
    add_delivery(engine)

    done = spinelabel("outbox", "cancel", "1", folder=tmp_path)
    again = spinelabel("outbox", "cancel", "1", folder=tmp_path)

    assert (done.returncode, again.returncode) == (0, 1)
    assert "spinelabel outbox list" in again.stderr
    with reading(engine) as session:
        assert session.get_one(Delivery, 1).state == DeliveryState.CANCELLED


@pytest.mark.parametrize(
    ("review", "said"),
    [
        pytest.param("", "read and written up with what there is", id="one that waits"),
        pytest.param("Two patient IDs. Decide.", "Two patient IDs. Decide.", id="one that a person has to decide on"),
    ],
)
def test_a_person_calls_a_study_complete_and_is_told_what_still_stands_in_its_way(
    tmp_path: Path, review: str, said: str
) -> None:
    engine = data_of(tmp_path)
    add_study(engine)
    with writing(engine) as session:
        session.get_one(Study, 1).review_reason = review

    done = spinelabel("study", "complete", "CANARYACC1", folder=tmp_path)

    assert said in done.stdout
    with reading(engine) as session:
        assert session.get_one(Study, 1).complete_since is not None


def test_the_settings_file_that_is_written_can_be_used_and_is_never_written_over(tmp_path: Path) -> None:
    written = spinelabel("init", folder=tmp_path)
    used = spinelabel("cohort", "list", "--config", "site.yaml", folder=tmp_path)
    before = (tmp_path / "site.yaml").read_text()
    again = spinelabel("init", folder=tmp_path)

    assert (written.returncode, used.returncode, again.returncode) == (0, 0, 1)
    assert "spinelabel check --config site.yaml" in written.stdout
    assert "site.yaml is there already" in again.stderr
    assert (tmp_path / "site.yaml").read_text() == before


def data_of(folder: Path) -> Engine:
    """Give the database that commands without a settings file use."""
    upgrade_database(folder / "spinelabel-data")
    return open_database(folder / "spinelabel-data")


@pytest.mark.long
def test_the_demo_takes_a_study_and_a_report_and_ends_with_everything_it_promises(tmp_path: Path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    images = drawn_study(5).datasets
    for image in images:
        image.AccessionNumber = ""
    write_images(images, study)
    (tmp_path / "report.txt").write_text("FINDINGS: Canal stenosis at L4-L5.\nCONCLUSION: Stenosis.\n")

    done = spinelabel(
        "demo", "--once", "--out", "out", "--study", study, "--report", tmp_path / "report.txt", folder=tmp_path
    )

    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    (one,) = summary["studies"]
    assert (one["accession"], one["paired_by"]) == ("DEMO1", "accession number")
    assert (tmp_path / "out" / one["sr"]).is_file()
    assert all((tmp_path / "out" / "export" / name).is_file() for name in summary["export"]["files"])
    assert len(one["findings"]) == 8 + 5


def test_the_demo_leaves_a_folder_that_is_not_its_own_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("keep")

    done = spinelabel("demo", "--once", "--out", "mine", folder=tmp_path)

    assert done.returncode == 1
    assert "Name another folder" in " ".join(done.stderr.split())
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_the_list_of_cohorts_says_when_each_runs_next_and_how_its_last_run_ended(tmp_path: Path) -> None:
    (tmp_path / "cohorts").mkdir()
    (tmp_path / "cohorts" / "nightly.yaml").write_text(
        "name: nightly\ndescription: All [of it]\nschedule: '30 2 * * *'\ntime_zone: Asia/Kolkata"
    )
    (tmp_path / "cohorts" / "broken.yaml").write_text("name: broken\nschedule: sometimes")
    before = spinelabel("cohort", "list", folder=tmp_path).stdout
    data = tmp_path / "spinelabel-data"
    with writing(open_database(data)) as session:
        run = CohortRun(cohort="nightly", started=utc_now(), folder="x", rows=17, manifest_sha256="", slot=utc_now())
        session.add(run)

    after = spinelabel("cohort", "list", folder=tmp_path).stdout

    assert "none" in before
    for said in ("All [of it]", "Asia/Kolkata", "21:00", "done, 17 rows", "broken.yaml, schedule"):
        assert said in " ".join(after.replace("│", " ").split()), said
