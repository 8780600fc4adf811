"""What is asked of an archive, and which of its answers count."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import evt

from integrations.dicom.calling import Refused, Unreachable
from integrations.dicom.errors import Unaskable
from integrations.dicom.query import Found, find_studies
from integrations.dicom.sender import send_objects
from integrations.dicom.study_queries import FoundStudy, StudyQuery, study_identifier
from tests.odd.dicom.phantom import save_all, t2_series
from tests.peers.archives import answering, deciding_archive, running_archive, running_dcmqrscp, study_answer
from tests.peers.dicom import Orthanc, free_port
from tests.waiting import wait_until

Cases = Callable[[str], list[Path]]
US = "SPINELABEL"


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with running_archive(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


def write_study(folder: Path, **attributes: Any) -> list[Path]:
    save_all(t2_series("found", **attributes), folder)
    return sorted(folder.rglob("*.dcm"))


def identifiers(study: Path) -> tuple[str, str, str]:
    header = dcmread(study)
    return header.StudyInstanceUID, header.AccessionNumber, header.PatientID


def test_orthanc_is_asked_by_accession_number_and_by_uid(orthanc: Orthanc, case_files: Cases) -> None:
    paths = case_files("plain")
    send_objects(paths, orthanc.dicom, US)
    study_uid, accession, patient = identifiers(paths[0])

    by_number = find_studies(orthanc.dicom, US, StudyQuery(accession=accession))

    assert isinstance(by_number, Found)
    (study,) = by_number.studies
    assert (study.study_uid, study.accession, study.patient_id) == (study_uid, accession, patient)
    assert (study.instances, study.modalities) == (11, ("MR",))
    assert find_studies(orthanc.dicom, US, StudyQuery(study_uid=study_uid)) == by_number
    assert find_studies(orthanc.dicom, US, StudyQuery(accession=f"{accession}0")) == Found(())


def test_orthanc_is_asked_by_patient_modality_and_dates(orthanc: Orthanc, case_files: Cases) -> None:
    paths = case_files("plain")
    send_objects(paths, orthanc.dicom, US)
    patient = identifiers(paths[0])[2]

    def found(**keys: str) -> int:
        answer = find_studies(orthanc.dicom, US, StudyQuery(patient_id=patient, **keys))
        assert isinstance(answer, Found)
        return len(answer.studies)

    assert found(modality="MR", from_date="20000101", to_date="20991231") == 1
    assert found(modality="CT") == 0
    assert found(to_date="20000101") == 0


def test_a_number_beyond_ascii_is_found(orthanc: Orthanc, tmp_path: Path) -> None:
    study = write_study(tmp_path, AccessionNumber="RÖ-17", SpecificCharacterSet="ISO_IR 100")
    send_objects(study, orthanc.dicom, US)

    found = find_studies(orthanc.dicom, US, StudyQuery(accession="RÖ-17"))

    assert isinstance(found, Found)
    assert [each.accession for each in found.studies] == ["RÖ-17"]


def test_instances_are_counted_where_dcmqrscp_does_not_tell_them(tmp_path: Path, case_files: Cases) -> None:
    paths = case_files("plain")
    with running_dcmqrscp(tmp_path / "archive") as archive:
        send_objects(paths, archive, US)

        found = find_studies(archive, US, StudyQuery(accession=identifiers(paths[0])[1]))

    assert isinstance(found, Found)
    assert [(each.instances, each.modalities) for each in found.studies] == [(11, ("MR",))]


def test_answers_to_another_question_are_dropped_and_counted() -> None:
    answers = (
        study_answer(),
        study_answer(StudyInstanceUID="1.2.4", AccessionNumber="A2"),
        study_answer(StudyInstanceUID="1.2.6", AccessionNumber="a1"),
        study_answer(StudyInstanceUID=""),
        study_answer(StudyInstanceUID="1.2.5", ModalitiesInStudy="CT"),
    )
    with deciding_archive([answering(*answers)]) as archive:
        found = find_studies(archive, US, StudyQuery(accession="A1", modality="MR"))

    study = FoundStudy("1.2.3", "A1", "P1", "20260301", "", ("MR",), 11, "ONLINE")
    assert found == Found((study,), dropped=4)


def test_an_archive_is_told_to_stop_once_there_are_too_many_answers() -> None:
    told = []

    def answer(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        for number in range(100):
            yield 0xFF00, study_answer(StudyInstanceUID=f"1.2.{number}")
        told.append(wait_until(lambda: event.is_cancelled, "a cancel"))
        yield 0xFE00, None

    with deciding_archive([(evt.EVT_C_FIND, answer)]) as archive:
        found = find_studies(archive, US, StudyQuery(accession="A1"), most=5)

    assert isinstance(found, Found)
    assert (len(found.studies), found.is_cut) == (5, True)
    assert told == [True]


def test_an_archive_that_does_not_stop_is_left() -> None:
    answers = [study_answer(StudyInstanceUID=f"1.2.{number}") for number in range(1_500)]
    with deciding_archive([answering(*answers)]) as archive:
        found = find_studies(archive, US, StudyQuery(accession="A1"), most=5)

    assert isinstance(found, Found)
    assert (len(found.studies), found.is_cut) == (5, True)


@pytest.mark.parametrize(
    ("status", "kind"), [(0xA700, Unreachable), (0xA900, Refused), (0xC001, Refused), (0xFE00, Refused)]
)
def test_a_status_says_whether_to_ask_again(status: int, kind: type) -> None:
    with deciding_archive([answering(status=status)]) as archive:
        assert isinstance(find_studies(archive, US, StudyQuery(accession="A1")), kind)


def test_an_archive_that_aborts_or_is_away_is_asked_later() -> None:
    def abort(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        event.assoc.abort()
        yield 0x0000, None

    with deciding_archive([(evt.EVT_C_FIND, abort)]) as archive:
        assert isinstance(find_studies(archive, US, StudyQuery(accession="A1")), Unreachable)
    away = archive.model_copy(update={"port": free_port()})
    assert isinstance(find_studies(away, US, StudyQuery(accession="A1")), Unreachable)


@pytest.mark.parametrize(
    "query",
    [
        StudyQuery(),
        StudyQuery(modality="MR", from_date="20260101"),
        StudyQuery(accession="A*"),
        StudyQuery(accession="??????"),
        StudyQuery(patient_id="1\\2"),
        StudyQuery(study_uid="1.2.*"),
    ],
)
def test_what_would_match_more_than_is_meant_is_never_asked(query: StudyQuery) -> None:
    with pytest.raises(Unaskable):
        study_identifier(query)
