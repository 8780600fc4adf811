from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from hypothesis import given
from hypothesis import strategies as st

from integrations.hl7.compose import OutgoingReport, compose_oru
from integrations.hl7.documents import plain
from integrations.hl7.oru import read_message
from integrations.hl7.status import Status
from integrations.hl7.text import TextBlock, joined
from tests.integrations.hl7.cases import SITE

REPORT = OutgoingReport(
    control_id="C1",
    accession="A1",
    study_uid="1.2.3.4",
    patient_id="77",
    authority="NORTHMOOR",
    family="Doe",
    given="Jo",
    birth_date="19700101",
    sex="F",
    procedure_code="72148",
    procedure="MRI lumbar spine",
    observed_at=datetime(2026, 3, 1, 11, tzinfo=UTC),
    reported_at=datetime(2026, 3, 1, 12, 30, tzinfo=timezone(timedelta(hours=2))),
    text="FINDINGS: one & two | three.\n\nIMPRESSION: normal.",
)

characters = st.characters(exclude_categories=["Cc", "Cs"])
values = st.text(characters, min_size=1, max_size=20).map(str.strip).filter(lambda value: value not in ("", '""'))
texts = st.lists(st.text(characters | st.sampled_from('\\|^~&"'), max_size=30), min_size=1, max_size=8).map("\n".join)


def test_a_report_is_read_back_as_it_was_written() -> None:
    (report,) = read_message(compose_oru(REPORT), SITE).reports

    assert (report.accession, report.study_uid, report.status) == ("A1", "1.2.3.4", Status.FINAL)
    assert report.patient is not None
    assert report.patient.id is not None
    assert (report.patient.id.id, report.patient.family, report.birth_date) == ("77", "Doe", "1970-01-01")
    assert report.result_time is not None
    assert report.result_time.iso == "2026-03-01T12:30:00+02:00"
    assert report.text == REPORT.text


def test_a_line_of_two_quotes_does_not_mean_null() -> None:
    (report,) = read_message(compose_oru(replace(REPORT, text='a\n""\nb')), SITE).reports

    assert report.text == 'a\n""\nb'


@given(text=texts.filter(lambda text: plain(text) == text))
def test_any_plain_text_survives(text: str) -> None:
    (report,) = read_message(compose_oru(replace(REPORT, text=text)), SITE).reports

    assert report.text == joined([TextBlock(None, text)])


@given(accession=values, patient_id=values, family=values)
def test_any_identifier_survives(accession: str, patient_id: str, family: str) -> None:
    sent = replace(REPORT, accession=accession, patient_id=patient_id, family=family)
    (report,) = read_message(compose_oru(sent), SITE).reports

    assert report.patient is not None
    assert report.patient.id is not None
    assert (report.accession, report.patient.id.id, report.patient.family) == (accession, patient_id, family)


def test_hl7apy_finds_nothing_wrong_with_the_message() -> None:
    text = compose_oru(replace(REPORT, study_uid="")).decode()

    message = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)

    assert message.validate()
