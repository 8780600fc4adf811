"""The trouble cases over a real connection, and what the reader takes from their messages."""

import time
from pathlib import Path
from typing import Any

import pytest

from integrations.hl7.inspection import inspect_messages
from tests.integrations.hl7.cases import FOLDER, SITE, Case, comparable, load_cases
from tests.integrations.hl7.mllp import Sender, Service, fields_of, listening

CASES = load_cases()

NEEDS_THE_STORE = {
    ("d01", "sections.history"): "headings inside the text are found when the report is labelled",
}
"""Expectations that no single message decides. `messages_stored` is left to the tests of the store throughout."""


def by_id(case: Case) -> str:
    return f"{case.id} {case.kind}"


@pytest.mark.parametrize("case", CASES, ids=by_id)
def test_each_message_is_answered_as_its_sender_expects(case: Case) -> None:
    service = Service(SITE)
    connections: dict[int, Sender] = {}
    with listening(service) as listener:
        for step in case.steps:
            sender = connections.setdefault(step.get("connection", 1), Sender(listener.port))
            send_in_chunks(sender, step)
            for expected in step["acks"]:
                assert_acknowledged(sender.answer(), expected)
            if not step["acks"]:
                assert sender.silent_for(0.3)
        for sender in connections.values():
            sender.half_close()
            assert sender.answer() == b"", "an answer that nobody asked for"

    assert len(service.stored) == sum(max(len(step["acks"]), 1) for step in case.steps)


@pytest.mark.parametrize("case", CASES, ids=by_id)
def test_the_reports_are_those_that_the_messages_mean(case: Case) -> None:
    files: list[Path] = []
    for step in case.steps:
        files.append(FOLDER / step["send"])
        for expected in step.get("state", []):
            assert_reported(inspect_messages(files, SITE)["reports"], expected, case.id)

    outcome = inspect_messages(files, SITE)

    for expected in case.expect["reports"]:
        assert_reported(outcome["reports"], expected, case.id)
    assert len(outcome["reports"]) == len(case.expect["reports"])
    acknowledged = [message["ack"] or message["commit_ack"] for message in outcome["messages"]]
    expected_codes = [acks["code"] for step in case.steps for acks in step["acks"]]
    assert [each["code"] for each in acknowledged if each is not None] == expected_codes
    for expected in case.expect.get("identities", []):
        assert expected in outcome["identities"]
    noted = [note for message in outcome["messages"] for note in message["noted"]]
    for subject in case.expect.get("noted", []):
        assert any(note.startswith(subject) for note in noted)


def test_every_expectation_left_to_the_store_exists() -> None:
    for name, key in NEEDS_THE_STORE:
        case = next(case for case in CASES if case.id == name)
        top, _, below = key.partition(".")
        holders = [case.expect, *case.expect["reports"]]
        assert any(top in holder and (not below or below in holder[top]) for holder in holders)


def send_in_chunks(sender: Sender, step: dict[str, Any]) -> None:
    data = (FOLDER / step["send"]).read_bytes()
    for size in step.get("chunks", []):
        sender.send(data[:size])
        data = data[size:]
        time.sleep(step["pause_ms"] / 1000)  # the pause is what the case is about
    sender.send(data)


def assert_acknowledged(acknowledgement: bytes, expected: dict[str, Any]) -> None:
    fields = fields_of(acknowledgement)
    assert (fields["MSA"][1], fields["MSA"][2]) == (expected["code"], expected["control_id"])
    assert fields["MSH"][2] == expected.get("sender", fields["MSH"][2])
    assert fields["MSH"][4] == expected.get("receiver", fields["MSH"][4])


def assert_reported(reports: list[dict[str, Any]], expected: dict[str, Any], case: str) -> None:
    identity = [key for key in ("accession", "study_uid") if expected.get(key)]
    (report,) = [each for each in reports if all(each[key] == expected[key] for key in identity)]
    for key, value in expected.items():
        if (case, key) in NEEDS_THE_STORE or key == "text_compare":
            continue
        if key == "text":
            way = expected.get("text_compare")
            assert comparable(report["text"], way) == comparable(value, way)
        elif key == "sections":
            for name, text in value.items():
                assert (case, f"sections.{name}") in NEEDS_THE_STORE or report["sections"][name] == text
        else:
            assert report[key] == value, key
