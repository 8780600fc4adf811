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

    decision = pair(replace(REPORT, study_uid=""), [STUDY, other], WINDOW)

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
        pytest.param(replace(PERSON, name="Marsh^Bob"), "names", id="another given name"),
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
        pytest.param(replace(PERSON, birth_date="1961"), id="a birth date to the year"),
        pytest.param(replace(PERSON, name="", birth_date="", sex=""), id="what one side does not say"),
    ],
)
def test_less_of_the_same_patient_is_no_mismatch(person: Person) -> None:
    assert isinstance(pair(replace(REPORT, person=person), [STUDY], WINDOW), Paired)


MARRIED = Person("", "", "Hill^Ada", "19610704", "F")


@pytest.mark.parametrize(
    ("known_as", "current", "pairs"),
    [
        pytest.param((PERSON, MARRIED), 1, True, id="both names told of this patient"),
        pytest.param((MARRIED,), 1, False, id="only one of them told: the study may be of somebody else"),
        pytest.param((PERSON, MARRIED), 2, False, id="told of another patient"),
    ],
)
def test_a_name_that_changed_is_no_mismatch_where_the_hospital_told_so(
    known_as: tuple[Person, ...], current: int, *, pairs: bool
) -> None:
    study = replace(STUDY, person=replace(PERSON, current=1), known_as=known_as)
    report = replace(REPORT, person=replace(PERSON, name="Hill^Ada", current=current))

    assert isinstance(pair(report, [study], WINDOW), Paired) == pairs


@pytest.mark.parametrize(
    ("report", "study"),
    [
        pytest.param(replace(REPORT, study_uid="1.2.9"), STUDY, id="the number fits and the UID is of another study"),
        pytest.param(replace(REPORT, accessions=("A9",)), STUDY, id="the UID fits and the numbers differ"),
        pytest.param(
            replace(REPORT, accession_issuer="RIS"), replace(STUDY, accession_issuer="OTHER"), id="two issuers"
        ),
    ],
)
def test_a_study_uid_that_contradicts_the_accession_number_goes_to_a_person(
    report: ReportKeys, study: StudyKeys
) -> None:
    decision = pair(report, [study], WINDOW)

    assert isinstance(decision, NeedsReview)
    assert "study UID" in decision.reason


def test_a_uid_names_one_study_of_a_report_over_two_orders() -> None:
    report = replace(REPORT, accessions=("A1", "A2"), study_uid="1.2.9")

    assert isinstance(pair(report, [STUDY], WINDOW), Paired)  # the study of A2 is still to come


def test_one_number_of_two_issuers_is_two_numbers() -> None:
    report = replace(REPORT, study_uid="", accession_issuer="RIS")
    ours, theirs = replace(STUDY, accession_issuer="RIS"), replace(STUDY, id=2, accession_issuer="OTHER")

    assert pair(report, [ours, theirs], WINDOW) == Paired((1,), "accession number", "accession number fits one study")


def test_two_numbers_of_a_patient_pair_by_who_that_is_now() -> None:
    report = ReportKeys((), "", "", replace(PERSON, identifier="9", current=1), "", NOON)

    assert isinstance(pair(report, [replace(STUDY, person=replace(PERSON, current=1))], WINDOW), Paired)
    assert isinstance(pair(report, [replace(STUDY, person=replace(PERSON, current=2))], WINDOW), Unpaired)


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
