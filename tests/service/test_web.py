"""The pages: what they say, what they find, and what they never show."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import select

from config.settings import ExportSettings, Hl7Settings, Settings
from pipeline.values import Source, Standing
from service.store.database import writing
from service.store.findings import Subject, record_findings
from service.store.states import DeliveryState, MessageState, ObjectState, PairingState, RoleState, WorkState
from service.store.tables import (
    Delivery,
    DestinationRow,
    Instance,
    Message,
    Pairing,
    Patient,
    Report,
    RoleRow,
    Series,
    Study,
)
from tests.service.browsing import browse, change, deliver, link, text
from tests.service.rows import MADE_BY, NOW, add_study, finding

LATER = NOW + timedelta(hours=1)
PAGES = ("/", "/studies", "/unpaired", "/waiting", "/exports")


# What a page says.


@pytest.mark.parametrize("address", PAGES)
def test_a_page_of_an_empty_store_says_so(page: TestClient, address: str) -> None:
    assert re.search(r"None|Nothing|no cohort|nothing waits", text(page, address))


def test_the_overview_says_what_is_not_well_with_the_reason(engine: Engine, page: TestClient) -> None:
    with writing(engine) as session:
        session.add(
            RoleRow(
                role="work",
                host="a",
                pid=1,
                state=RoleState.DOWN,
                reason="config.json is not there.",
                started=LATER,
                beat=LATER,
                restarts=3,
            )
        )

    said = text(page, "/")

    assert "Not everything is well" in said
    assert "work It is down. config.json is not there. started again 3 times" in said


def test_the_overview_counts_the_day_of_the_site(engine: Engine, tmp_path: Path) -> None:
    add_study(engine)
    settings = Settings(data=tmp_path, hl7=Hl7Settings(time_zone="Europe/Berlin"))
    evening = NOW.replace(hour=22, minute=59)  # 23:59 in Berlin

    assert "studies 1" in text(browse(settings, engine, lambda: evening), "/")
    assert "studies 0" in text(browse(settings, engine, lambda: evening + timedelta(minutes=2)), "/")


def test_a_study_names_the_program_whose_licence_limits_what_may_be_done(engine: Engine, page: TestClient) -> None:
    add_study(engine)
    spinenet = "SpineNet 2.1.4 (restricted licence: non-commercial research only)"
    with writing(engine) as session:
        graded = replace(finding(source=Source.IMAGE), provenance=replace(MADE_BY, model=spinenet))
        record_findings(session, Subject(study_id=1), [graded], work="read again", now=LATER)

    assert f"Use of findings from the images is limited by {spinenet}." in text(page, f"/studies/{link(engine, Study)}")


def test_the_overview_shows_queues_with_their_oldest_item(engine: Engine, page: TestClient) -> None:
    add_study(engine)
    with writing(engine) as session:
        session.get_one(Report, 1).labels = WorkState.WAITING

    assert "reports to label 1 60 min, since 2026-03-02 13:00:00" in text(page, "/")


def test_the_overview_says_when_something_last_came(engine: Engine, page: TestClient) -> None:
    add_study(engine)

    assert "The last message came 60 min ago, at 2026-03-02 13:00:00" in text(page, "/")
    assert "The last object came never" in text(page, "/")


def test_the_page_says_what_the_embedded_models_cannot_do(engine: Engine, page: TestClient) -> None:
    add_study(engine)

    for address in ("/", f"/studies/{link(engine, Study)}"):
        assert "no basis for a decision on a patient" in text(page, address)


def test_a_study_names_what_set_the_thresholds_of_a_finding(engine: Engine, page: TestClient) -> None:
    _, report = add_study(engine)
    by_ours = replace(MADE_BY, calibration="ours@sha256:00")
    with writing(engine) as session:
        found = [replace(finding(), standing=Standing.CALIBRATED_HERE, provenance=by_ours), finding("cancer")]
        record_findings(session, Subject(report_id=report), found, work="again", now=NOW)

    said = text(page, f"/studies/{link(engine, Study)}")

    assert "calibrated here, thresholds ours cancer" in said
    assert "uncalibrated Structured reports" in said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param({"review_reason": "two patient IDs"}, "for a person two patient IDs", id="a person has to decide"),
        pytest.param(
            {"images": WorkState.FAILED, "images_reason": "It failed."}, "for a person It failed.", id="reading failed"
        ),
        pytest.param({"images": WorkState.WAITING}, "waits It waits for its images", id="images are coming"),
        pytest.param({"document": WorkState.QUEUED}, "at work Its structured report is being", id="being written"),
        pytest.param({"document": WorkState.WAITING}, "at work Its structured report is about", id="about to be"),
        pytest.param({"document_reason": "Nothing to say."}, "nothing to do Nothing to say.", id="nothing to say"),
        pytest.param({}, "nothing to do It has no structured report.", id="no report at all"),
        pytest.param({"images_reason": "CT and not MR"}, "Images: CT and not MR.", id="nothing could be read"),
    ],
)
def test_a_study_says_where_it_is(engine: Engine, page: TestClient, values: dict[str, Any], said: str) -> None:
    add_study(engine)
    change(engine, **values)

    assert said in text(page, "/studies")
    assert said in text(page, f"/studies/{link(engine, Study)}")


def test_a_study_says_what_it_waits_for_and_until_when(engine: Engine, page: TestClient) -> None:
    add_study(engine)
    with writing(engine) as session:
        session.delete(session.exec(select(Pairing)).one())
    change(engine, document=WorkState.WAITING)

    assert "It waits for its report. Until 2026-03-05 13:00:00" in text(page, f"/studies/{link(engine, Study)}")
    assert "Until 2026-03-05 13:00:00" in text(page, "/unpaired")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param({"state": DeliveryState.DELIVERED}, "done pacs: delivered.", id="delivered"),
        pytest.param(
            {"state": DeliveryState.DELIVERED, "answer": "B000H Coercion"},
            "done pacs: delivered. B000H Coercion",
            id="delivered with a warning",
        ),
        pytest.param(
            {"state": DeliveryState.WAITING, "answer": "No answer. It is tried again from 12:00."},
            "at work pacs: waiting. No answer. It is tried again",
            id="the PACS is away",
        ),
        pytest.param(
            {"state": DeliveryState.REFUSED, "answer": "A900H"}, "for a person pacs: refused. A900H", id="refused"
        ),
    ],
)
def test_a_study_says_how_its_delivery_stands(
    engine: Engine, page: TestClient, values: dict[str, Any], said: str
) -> None:
    add_study(engine)
    deliver(engine, **values)

    assert said in text(page, "/studies")


def test_a_timeline_tells_in_order_what_happened(engine: Engine, page: TestClient) -> None:
    add_study(engine)
    with writing(engine) as session:
        session.add(Series(study_id=1, series_uid="1.2", modality="MR", description="T2 SAG"))
        session.flush()
        session.add(received(series_id=1, state=ObjectState.STORED))
    with writing(engine) as session:
        session.get_one(Report, 1).pairing = PairingState.UNPAIRED
        session.flush()
        session.get_one(Report, 1).pairing = PairingState.PAIRED
    change(engine, images=WorkState.QUEUED)
    change(engine, images=WorkState.DONE, images_reason="levels known")
    deliver(engine)
    for answer, state in (("no answer", DeliveryState.WAITING), ("", DeliveryState.DELIVERED)):
        with writing(engine) as session:
            delivery = session.get_one(Delivery, 1)
            delivery.state, delivery.answer = state, answer

    timeline = text(page, f"/studies/{link(engine, Study)}").split("What happened")[1].split("Findings")[0]

    told = [
        "The first object came from PACS",
        "A final report came",
        "Paired by accession number",
        "A structured report was written SOP Instance UID 2.25.1",
        "The images were read levels known",
        "It did not reach pacs no answer",
        "It was delivered to pacs",
    ]
    assert [sentence for sentence in told if sentence not in timeline] == []
    assert "found no study" not in timeline  # as it stands for a moment, before it is looked for
    places = [timeline.index(sentence) for sentence in told[-3:]]
    assert places == sorted(places)


def test_the_first_object_of_a_study_is_told_with_its_own_sender(engine: Engine, page: TestClient) -> None:
    add_study(engine)
    with writing(engine) as session:
        session.add(Series(study_id=1, series_uid="1.2", modality="MR"))
        session.flush()
        for sender in ("SCANNER", "ARCHIVE"):
            session.add(received(series_id=1, state=ObjectState.STORED, calling_ae=sender))

    said = text(page, f"/studies/{link(engine, Study)}")

    assert "The first object came from SCANNER" in said


def received(**values: Any) -> Instance:
    made: dict[str, Any] = {
        "received": NOW,
        "calling_ae": "PACS",
        "address": "192.0.2.1",
        "sop_class_uid": "1",
        "transfer_syntax_uid": "1",
        "sha256": "0",
        "file": "f",
        "bytes": 1,
    }
    return Instance(**(made | values))


def test_a_message_says_what_became_of_it_and_never_shows_its_text(engine: Engine, page: TestClient) -> None:
    add_study(engine)
    with writing(engine) as session:
        message = session.get_one(Message, 1)
        message.raw, message.ack_code, message.notes = b"MSH|CANARYRAW", "AA", ["charset: none declared"]
        message.control_id = "MSG1"

    said = text(page, f"/messages/{link(engine, Message)}")

    assert "Acknowledged AA" in said
    assert "charset: none declared" in said
    assert "CANARYACC1" in said  # the study that it was paired with
    assert "CANARYRAW" not in said
    assert "CANARYTEXT" not in said


def test_what_waits_for_a_person_is_listed_with_a_sentence(engine: Engine, page: TestClient) -> None:
    with writing(engine) as session:
        session.add_all(
            [
                received(state=ObjectState.REFUSED, reason="no study UID"),
                Message(
                    received=NOW, peer="a", sha256="0", raw=b"x", state=MessageState.INCOMPLETE, reason="cut in half"
                ),
            ]
        )
        session.flush()
        session.add(Report(message_id=1, order_key="1", received=NOW, status="final", text="", pairing_reason="Which?"))

    for address in ("/", "/waiting"):
        said = text(page, address)
        for sentence in ("no study UID", "cut in half", "Which?"):
            assert sentence in said


def test_what_a_destination_refused_is_listed_while_it_is_away_too(engine: Engine, page: TestClient) -> None:
    add_study(engine)
    deliver(engine, state=DeliveryState.REFUSED, attempts=1, answer="SOP class not taken")
    with writing(engine) as session:
        session.add(DestinationRow(name="pacs", unanswered=3, silent_since=NOW, next_attempt=NOW))

    assert "SOP class not taken" in text(page, "/waiting")


def test_reports_without_a_study_are_listed_with_the_command_that_pairs_them(engine: Engine, page: TestClient) -> None:
    add_study(engine)
    with writing(engine) as session:
        report = session.get_one(Report, 1)
        report.pairing, report.pairing_reason = PairingState.REVIEW, "The names differ."

    assert "for a person The names differ. spinelabel pair 1 ACCESSION" in text(page, "/unpaired")


def test_exports_show_their_schedule_and_a_file_that_cannot_be_used(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "nightly.yaml").write_text('name: nightly\nschedule: "0 2 * * *"')
    (tmp_path / "broken.yaml").write_text("name: [")
    page = browse(Settings(data=tmp_path, exports=ExportSettings(cohorts=tmp_path)), engine, lambda: NOW)

    said = text(page, "/exports")

    assert "next at 2026-03-03 02:00:00" in said
    assert "broken.yaml is not YAML" in said


# What is never shown, and who is let in.


def test_no_address_names_a_patient(engine: Engine, page: TestClient) -> None:
    add_study(engine)
    deliver(engine)
    for address in (*PAGES, f"/studies/{link(engine, Study)}", f"/messages/{link(engine, Message)}"):
        addresses = re.findall(r'(?:href|src|action)="([^"]*)"', page.get(address).text)
        assert [found for found in addresses if "CANARY" in found or "1.2.3" in found] == []


def test_a_title_names_no_patient(engine: Engine, page: TestClient) -> None:
    add_study(engine)
    (title,) = re.findall("<title>(.*)</title>", page.get(f"/studies/{link(engine, Study)}").text)

    assert title == "Study · Spinelabel"


def test_what_a_sender_wrote_is_shown_as_text(engine: Engine, page: TestClient) -> None:
    with writing(engine) as session:
        session.add(Patient(name="<script>alert(1)</script>"))
        session.flush()
        session.add(Study(study_uid="<i>1", patient_id=1, first_received=NOW, description="<img src=x>"))

    for address in ("/studies", f"/studies/{link(engine, Study)}"):
        content = page.get(address).text
        assert "<script>alert" not in content
        assert "<img" not in content
        assert "<i>" not in content


@pytest.mark.parametrize("address", ["/nothing", "/studies/0123", "/messages/0123", "/studies?which=none"])
def test_an_unknown_address_is_answered_with_a_sentence(page: TestClient, address: str) -> None:
    answer = page.get(address)

    assert answer.status_code == 404
    assert "There is no such page" in answer.text


def test_what_is_not_understood_is_answered_with_a_sentence_that_does_not_repeat_it(page: TestClient) -> None:
    answer = page.post("/deliveries/CANARYNUMBER/retry")

    assert answer.status_code == 422
    assert "no number or name that this page knows" in answer.text
    assert "CANARY" not in answer.text


def test_a_post_from_another_sites_page_is_refused(engine: Engine, page: TestClient) -> None:
    add_study(engine)

    answer = page.post("/search", data={"wanted": "CANARYACC1"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403


@pytest.mark.parametrize(("headers", "status"), [({}, 413), ({"Transfer-Encoding": "chunked"}, 411)])
def test_what_is_longer_than_a_form_is_refused_unread(page: TestClient, headers: dict[str, str], status: int) -> None:
    read = 0

    def pieces() -> Iterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield b"wanted=" + b"1" * 1024

    answer = page.post("/search", content=pieces(), headers=headers or {"Content-Length": "103100"})

    assert answer.status_code == status


def test_a_name_that_was_pointed_at_this_machine_is_refused(page: TestClient) -> None:
    assert page.get("/", headers={"Host": "attacker.example"}).status_code == 400


@pytest.mark.parametrize("address", [*PAGES, "/nothing"])
def test_no_page_is_kept_by_a_browser_or_may_load_anything_from_elsewhere(page: TestClient, address: str) -> None:
    headers = page.get(address).headers

    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]


def test_healthz_answers_while_the_database_does(page: TestClient) -> None:
    assert page.get("/healthz").json() == {"status": "ok"}
