from datetime import UTC, datetime

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from hypothesis import given
from hypothesis import strategies as st

from integrations.hl7.acks import (
    CODES,
    CONDITIONS,
    Answer,
    Stamp,
    acknowledge,
    refuse_unreadable,
    refuse_unstored,
)
from integrations.hl7.errors import UnreadableMessage
from integrations.hl7.faults import NOT_STORED
from integrations.hl7.oru import read_message
from integrations.hl7.places import Fault, FieldPlace
from tests.integrations.hl7.cases import SITE, message_of
from tests.integrations.hl7.mllp import fields_of

STAMP = Stamp(datetime(2026, 3, 1, 12, tzinfo=UTC), lambda: "ACK1")
MISSING = Fault(FieldPlace("OBR", 18), "101", "There is no accession number.")
HEADER = "MSH|^~\\&|RIS|HOSPITAL|SPINELABEL|IMAGING|20260301120000||ORU^R01|C1|P|{version}|||{commit}|{application}\r"


def answer(fault: Fault | None, version: str = "2.5.1", commit: str = "", application: str = "") -> Answer:
    raw = HEADER.format(version=version, commit=commit, application=application).encode()
    return acknowledge(read_message(raw, SITE).header, fault, STAMP)


def codes(given_answer: Answer) -> list[str]:
    return [fields_of(raw)["MSA"][1] for raw in given_answer.messages()]


@pytest.mark.parametrize(
    ("commit", "application", "accepted", "refused"),
    [
        pytest.param("", "", ["AA"], ["AE"], id="original mode"),
        pytest.param("AL", "NE", ["CA"], ["CE"], id="commit only"),
        pytest.param("AL", "AL", ["CA", "AA"], ["CE", "AE"], id="both"),
        pytest.param("NE", "NE", [], [], id="none"),
        pytest.param("ER", "SU", ["AA"], ["CE"], id="on error and on success"),
        pytest.param("AL", "", ["CA"], ["CE"], id="an empty one beside a filled one"),
    ],
)
def test_the_mode_is_what_the_message_asks_for(
    commit: str, application: str, accepted: list[str], refused: list[str]
) -> None:
    assert codes(answer(None, commit=commit, application=application)) == accepted
    assert codes(answer(MISSING, commit=commit, application=application)) == refused


@pytest.mark.parametrize("commit", [*CONDITIONS, "", "ZZ"])
@pytest.mark.parametrize("application", [*CONDITIONS, "", "ZZ"])
@pytest.mark.parametrize("fault", [None, MISSING], ids=["taken", "refused"])
def test_every_pair_of_conditions_is_answered_as_table_0155_has_it(
    commit: str, application: str, fault: Fault | None
) -> None:
    letter, when = ("A", {"AL", "SU"}) if fault is None else ("E", {"AL", "ER"})
    asked = [code for code, condition in ((f"C{letter}", commit), (f"A{letter}", application)) if condition in when]
    original = not {commit, application} & set(CONDITIONS)

    assert codes(answer(fault, commit=commit, application=application)) == ([f"A{letter}"] if original else asked)


def test_every_code_that_is_given_is_in_the_table_and_every_one_of_the_table_is_given() -> None:
    rejected = Fault(FieldPlace("MSH", 12), "203", "No.", rejects=True)
    given = [
        code
        for fault in (None, MISSING, rejected)
        for application in ("", "NE")
        for code in codes(answer(fault, commit="AL" if application else "", application=application))
    ]

    assert sorted(given) == sorted(CODES)


def test_a_sender_may_be_answered_in_original_mode_whatever_it_asks_for() -> None:
    raw = HEADER.format(version="2.5.1", commit="AL", application="NE").encode()

    assert codes(acknowledge(read_message(raw, SITE).header, None, STAMP, originally=True)) == ["AA"]


def test_an_acknowledgement_is_written_in_the_character_set_that_it_names() -> None:
    raw = HEADER.format(version="2.5", commit="", application="").replace("RIS", "R\xd6S").rstrip("\r")
    wrongly = f"{raw}||UNICODE UTF-8\r".encode("cp1252")

    (given,) = acknowledge(read_message(wrongly, SITE).header, None, STAMP).messages()

    assert "R\xd6S" in given.decode("utf-8")


def test_a_message_that_wrongly_declares_wide_characters_is_answered_in_narrow_ones() -> None:
    raw = HEADER.format(version="2.5", commit="", application="").rstrip("\r") + "||UNICODE UTF-16\r"

    (given,) = acknowledge(read_message(raw.encode(), SITE).header, None, STAMP).messages()

    assert given.startswith(b"MSH|")


def test_the_version_is_echoed_with_its_country() -> None:
    (given,) = answer(None, version="2.5^DEU&&ISO3166").messages()

    assert fields_of(given)["MSH"][11] == "2.5^DEU&&ISO3166"


def test_a_fault_of_the_header_is_rejected() -> None:
    assert codes(answer(Fault(FieldPlace("MSH", 12), "203", "No.", rejects=True))) == ["AR"]


@pytest.mark.parametrize(
    ("version", "message_type", "error"),
    [
        pytest.param("2.1", "ACK", "ERR|OBR^1^18^101&Required field missing&HL70357", id="2.1"),
        pytest.param("2.3", "ACK^R01", "ERR|OBR^1^18^101&Required field missing&HL70357", id="2.3"),
        pytest.param("2.4", "ACK^R01^ACK", "ERR|OBR^1^18^101&Required field missing&HL70357", id="2.4"),
        pytest.param(
            "2.5",
            "ACK^R01^ACK",
            "ERR||OBR^1^18|101^Required field missing^HL70357|E||||There is no accession number.",
            id="2.5",
        ),
    ],
)
def test_an_error_names_segment_and_field_as_its_version_does(version: str, message_type: str, error: str) -> None:
    (raw,) = answer(MISSING, version=version).messages()
    lines = raw.decode().split("\r")

    assert lines[0].split("|")[8] == message_type
    assert lines[2] == error


@pytest.mark.parametrize("version", ["2.3.1", "2.4", "2.5", "2.5.1", "2.6"])
@pytest.mark.parametrize("fault", [None, MISSING], ids=["accepted", "refused"])
def test_hl7apy_finds_nothing_wrong_with_an_acknowledgement(version: str, fault: Fault | None) -> None:
    (raw,) = answer(fault, version=version).messages()

    message = parse_message(raw.decode(), validation_level=VALIDATION_LEVEL.STRICT)

    assert message.msa.msa_2.value == "C1"
    assert (message.msh.msh_3.value, message.msh.msh_5.value) == ("SPINELABEL", "RIS")


def test_an_acknowledgement_uses_the_delimiters_of_its_message() -> None:
    (raw,) = acknowledge(read_message(message_of("d09-1.hl7"), SITE).header, MISSING, STAMP).messages()

    assert raw.startswith(b"MSH#*+!$#SPINELABEL#IMAGING#PELORUS#NORTHMOOR#")
    assert b"\rERR#OBR*1*18*101$Required field missing$HL70357\r" in raw


def test_bytes_without_a_header_are_rejected_with_an_empty_control_id() -> None:
    (raw,) = refuse_unreadable(STAMP).messages()

    assert fields_of(raw)["MSA"] == ["MSA", "AR", ""]


def test_a_message_without_control_id_that_is_not_stored_cannot_be_answered() -> None:
    with pytest.raises(UnreadableMessage):
        refuse_unstored(b"MSH|^~\\&|RIS\r", NOT_STORED, STAMP)


@given(junk=st.binary(max_size=60))
def test_an_acknowledgement_is_one_frame_whatever_the_header_holds(junk: bytes) -> None:
    read = read_message(b"MSH|^~\\&|" + junk + b"\rPID|1\r", SITE)
    for raw in acknowledge(read.header, MISSING, STAMP).messages():
        assert not {0x0B, 0x1C, 0x0A} & set(raw)
        assert raw.count(b"\r") == 3


def test_a_control_character_is_no_delimiter_of_an_acknowledgement() -> None:
    (raw,) = acknowledge(read_message(b"MSH|\x0b~\\&|RIS\r", SITE).header, MISSING, STAMP).messages()

    assert b"\x0b" not in raw
