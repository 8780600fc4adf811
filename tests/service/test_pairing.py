from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.pairing import NeedsReview, Paired, Person, ReportKeys, StudyKeys, Unpaired, pair

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WINDOW = timedelta(hours=72)
PERSON = Person("4711", "NORTHMOOR", "Marsh^Ada", "19610704", "F")
REPORT = ReportKeys(("A1",), "", "1.2.3", PERSON, "MR LUMBAR SPINE", NOON)
STUDY = StudyKeys(1, "A1", "", "1.2.3", PERSON, "MR LUMBAR SPINE", NOON)


def test_an_accession_number_pairs_before_anything_else() -> None:
    other = replace(STUDY, id=2, accession="A2")

    decision = pair(replace(REPORT, study_uid="1.2.9"), [STUDY, other], WINDOW)

    assert decision == Paired((1,), "accession number", "accession number fits one study")


@pytest.mark.parametrize(
    ("ours", "theirs", "pairs"),
    [
        pytest.param("", "", True, id="no issuer"),
        pytest.param("RIS", "", True, id="an issuer on one side"),
        pytest.param("RIS", "RIS", True, id="the same issuer"),
        pytest.param("RIS", "OTHER", False, id="two issuers"),
    ],
)
def test_an_accession_number_counts_within_its_issuer(ours: str, theirs: str, *, pairs: bool) -> None:
    report = ReportKeys(("A1",), ours, "", Person(), "", None)

    decision = pair(report, [replace(STUDY, accession_issuer=theirs)], WINDOW)

    assert isinstance(decision, Paired) == pairs


def test_the_study_uid_pairs_where_no_accession_number_does() -> None:
    decision = pair(replace(REPORT, accessions=()), [STUDY], WINDOW)

    assert isinstance(decision, Paired)
    assert decision.how == "study UID"


@pytest.mark.parametrize(
    ("hours", "procedure", "pairs"),
    [
        pytest.param(1, "MR LUMBAR SPINE", True, id="the same day and procedure"),
        pytest.param(1, "", True, id="no procedure named"),
        pytest.param(73, "MR LUMBAR SPINE", False, id="outside the window"),
        pytest.param(1, "MR KNEE LEFT", False, id="another procedure"),
    ],
)
def test_a_patient_pairs_with_the_procedure_within_the_window(hours: float, procedure: str, *, pairs: bool) -> None:
    report = ReportKeys((), "", "", PERSON, procedure, NOON + timedelta(hours=hours))

    assert isinstance(pair(report, [STUDY], WINDOW), Paired) == pairs


def test_empty_identifiers_never_match() -> None:
    nobody = Person()
    report = ReportKeys((), "", "", nobody, "", NOON)
    study = StudyKeys(1, "", "", "1.2.3", nobody, "", NOON)

    assert isinstance(pair(report, [study], WINDOW), Unpaired)


@pytest.mark.parametrize(
    ("person", "field"),
    [
        pytest.param(replace(PERSON, name="Other^Ada"), "names", id="another family name"),
        pytest.param(replace(PERSON, birth_date="19610705"), "birth dates", id="another birth date"),
        pytest.param(replace(PERSON, sex="M"), "sexes", id="another sex"),
    ],
)
def test_a_mismatch_of_the_patient_goes_to_a_person(person: Person, field: str) -> None:
    decision = pair(replace(REPORT, person=person), [STUDY], WINDOW)

    assert isinstance(decision, NeedsReview)
    assert field in decision.reason
    assert "Marsh" not in decision.reason


@pytest.mark.parametrize(
    "person",
    [
        pytest.param(replace(PERSON, name="MARSH^A"), id="case and initials"),
        pytest.param(replace(PERSON, name="Mársh^Ada"), id="accents"),
        pytest.param(replace(PERSON, birth_date="1961"), id="a birth date to the year"),
        pytest.param(replace(PERSON, name="", birth_date="", sex=""), id="what one side does not say"),
        pytest.param(replace(PERSON, name="Marsh^Ada=マーシュ^エイダ"), id="several groups of a name"),
    ],
)
def test_ways_to_write_the_same_patient_are_no_mismatch(person: Person) -> None:
    assert isinstance(pair(replace(REPORT, person=person), [STUDY], WINDOW), Paired)


def test_two_studies_with_the_same_accession_number_go_to_a_person() -> None:
    decision = pair(REPORT, [STUDY, replace(STUDY, id=2, study_uid="1.2.4")], WINDOW)

    assert isinstance(decision, NeedsReview)
    assert decision.study_ids == (1, 2)


def test_a_report_that_covers_two_orders_pairs_with_both_studies() -> None:
    report = replace(REPORT, accessions=("A1", "A2"))

    decision = pair(report, [STUDY, replace(STUDY, id=2, accession="A2", study_uid="1.2.4")], WINDOW)

    assert isinstance(decision, Paired)
    assert decision.study_ids == (1, 2)


def test_an_unpaired_report_says_what_was_looked_for() -> None:
    decision = pair(REPORT, [], WINDOW)

    assert isinstance(decision, Unpaired)
    assert "accession number or study UID" in decision.reason
    assert "A1" not in decision.reason
