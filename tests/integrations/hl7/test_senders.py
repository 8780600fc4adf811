from pathlib import Path

import pytest

from config.errors import UnusableSettings
from config.sender_settings import SenderSettings
from config.settings import Hl7Settings, load_settings
from integrations.hl7.errors import UnusableHl7Setting
from integrations.hl7.inspection import inspect_messages
from integrations.hl7.oru import check_settings, read_message
from integrations.hl7.senders import rules_for
from integrations.hl7.status import Status
from tests.integrations.hl7.cases import SITE
from tests.integrations.hl7.test_reading import oru

ROW = "OBX|1|TX|1||Normal.||||||F"


def site(**entries: SenderSettings) -> Hl7Settings:
    return SITE.model_copy(update={"senders": {name.replace("_", "|"): entry for name, entry in entries.items()}})


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        (["RIS_HOSPITAL", "RIS", "_HOSPITAL"], "RIS|HOSPITAL"),
        (["RIS", "_HOSPITAL"], "RIS"),
        (["_HOSPITAL"], "|HOSPITAL"),
        (["RIS_ELSEWHERE", "OTHER"], None),
    ],
)
def test_the_entry_that_says_most_of_a_sender_applies(entries: list[str], found: str | None) -> None:
    assert rules_for("RIS", "HOSPITAL", site(**dict.fromkeys(entries, SenderSettings()))).entry == found


@pytest.mark.parametrize(
    ("code", "meaning", "status", "labelled"),
    [
        ("A", "final", Status.FINAL, True),
        ("F", "preliminary", Status.PRELIMINARY, False),
        ("ZZ", "cancelled", Status.CANCELLED, False),
    ],
)
def test_a_status_code_means_what_its_sender_means(code: str, meaning: str, status: Status, labelled: bool) -> None:
    sender = SenderSettings.model_validate({"status": {code.lower(): meaning}})
    raw = oru(ROW).replace(b"|||F\r", f"|||{code}\r".encode(), 1)

    (report,) = read_message(raw, site(RIS=sender)).reports

    assert (report.status, report.to_be_labelled) == (status, labelled)


def test_fields_zone_charset_and_authority_are_those_of_the_sender() -> None:
    sender = SenderSettings(
        accession_from=("OBR-2",), time_zone="Europe/Berlin", charset="8859/2", authority="ELSEWHERE"
    )
    raw = oru("OBX|1|TX|1||Ca\xf3 \xb1||||||F").decode("utf-8").encode("latin-1")
    raw = raw.replace(b"OBR|1||", b"OBR|1|P9|").replace(b"77^^^NORTHMOOR^MR", b"77^^^NORTHMOOR^MR~88^^^ELSEWHERE^PI")

    (report,) = read_message(raw, site(RIS=sender)).reports

    assert report.accession == "P9"
    assert report.text == "Ca\xf3 \u0105"
    assert report.observed_at is not None
    assert report.observed_at.iso == "2026-03-01T11:00:00+01:00"
    assert report.patient is not None
    assert report.patient.id is not None
    assert report.patient.id.id == "88"


def test_inspect_says_which_entry_applied_and_what_it_changed(tmp_path: Path) -> None:
    file = tmp_path / "a.hl7"
    file.write_bytes(oru(ROW).replace(b"|||F\r", b"|||A\r", 1).replace(b"|P|2.5.1", b"|P|2.5.1|||AL|NE"))
    sender = SenderSettings.model_validate({"status": {"A": "final"}, "acks": "original"})

    (message,) = inspect_messages([file], site(RIS_HOSPITAL=sender))["messages"]

    assert message["sender_entry"] == "RIS|HOSPITAL"
    assert message["changed"] == [
        "acknowledgement: CA becomes AA",
        "status: preliminary becomes final",
        "labelled: no becomes yes",
    ]
    assert message["ack"]["code"] == "AA"


def test_inspect_says_where_the_number_is_from_and_why_a_report_is_held(tmp_path: Path) -> None:
    file = tmp_path / "a.hl7"
    file.write_bytes(oru(ROW).replace(b"|||F\r", b"|||A\r", 1))

    (report,) = inspect_messages([file], SITE)["reports"]

    assert report["why"] == [
        "The accession number is from OBR-18.",
        "Its status is preliminary; the final one is labelled when it arrives.",
    ]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{acs: original}", "hl7.senders.RIS|X.acs is no known key; the nearest is `acks`"),
        ("{status: {A: finished}}", "hl7.senders.RIS|X.status.A: Input should be 'none', 'preliminary', 'final'"),
        ("{time_zone: Berlin}", "is no time zone"),
    ],
)
def test_a_wrong_key_or_value_of_a_sender_is_named(entry: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(f"hl7: {{senders: {{'RIS|X': {entry}}}}}\n")

    with pytest.raises(UnusableSettings) as failure:
        load_settings(file)

    assert said in str(failure.value)


@pytest.mark.parametrize("sender", [SenderSettings(charset="klingon"), SenderSettings(accession_from=("OBR18",))])
def test_what_hl7_does_not_know_in_an_entry_stops_the_start(sender: SenderSettings) -> None:
    with pytest.raises(UnusableHl7Setting):
        check_settings(site(RIS=sender))
