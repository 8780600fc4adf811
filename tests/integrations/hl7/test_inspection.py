import json
from pathlib import Path

from integrations.hl7.inspection import inspect_messages
from tests.integrations.hl7.cases import FOLDER, SITE, message_of


def test_the_outcome_is_json_with_the_keys_that_scripts_rely_on() -> None:
    outcome = json.loads(json.dumps(inspect_messages([FOLDER / "d01.hl7"], SITE)))

    (message,) = outcome["messages"]
    keys = {"file", "control_id", "message_type", "ack", "commit_ack", "noted", "sender_entry", "changed"}
    assert set(message) == keys
    assert message["ack"] == {
        "code": "AA",
        "control_id": "NM0001A",
        "err": None,
        "sender": "SPINELABEL",
        "receiver": "PELORUS",
    }
    assert set(outcome) == {"messages", "reports", "identities"}


def test_a_refusal_names_segment_field_and_code(tmp_path: Path) -> None:
    file = tmp_path / "nobody.hl7"
    file.write_bytes(b"MSH|^~\\&|RIS||||20260301||ORU^R01|C1|P|2.5.1\rOBX|1|TX|1||Normal.\r")

    (message,) = inspect_messages([file], SITE)["messages"]

    assert message["ack"]["code"] == "AE"
    assert message["ack"]["err"] == {
        "segment": "OBR",
        "field": 18,
        "code": "101",
        "problem": "There is no accession number, no Study Instance UID and no patient id.",
    }


def test_a_file_without_framing_may_hold_several_messages(tmp_path: Path) -> None:
    file = tmp_path / "batch.hl7"
    file.write_bytes(message_of("d01.hl7") + message_of("d02.hl7") + b"\n")

    outcome = inspect_messages([file], SITE)

    assert [message["control_id"] for message in outcome["messages"]] == ["NM0001A", "NM0002A"]
    assert len(outcome["reports"]) == 2


def test_a_message_cut_short_gets_no_acknowledgement(tmp_path: Path) -> None:
    file = tmp_path / "cut.hl7"
    file.write_bytes(b"\x0b" + message_of("d01.hl7")[:200])

    outcome = inspect_messages([file], SITE)

    assert outcome["messages"][0]["ack"] is None
    assert "ended inside" in outcome["messages"][0]["noted"][0]
    assert outcome["reports"] == []


def test_bytes_that_are_no_message_are_shown_as_refused(tmp_path: Path) -> None:
    file = tmp_path / "noise.hl7"
    file.write_bytes(b"hello")

    (message,) = inspect_messages([file], SITE)["messages"]

    assert (message["ack"]["code"], message["ack"]["control_id"]) == ("AR", "")
