"""The receipt ledger: what was received stands at one place, and rows that contradict each other are found."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from sqlalchemy import Engine, delete, update
from sqlmodel import Session, col

from integrations.dicom.sender import Delivered, send_objects
from pipeline.training.drawn_studies import drawn_study
from service.compared import compare
from service.errors import UnknownItem
from service.ledger import Chapter, Ledger, account
from service.ledger_places import PLACES, Place, Standing
from service.outbox import send_lost
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.states import DeliveryState, MessageState, ObjectState, PairingState, WorkState
from service.store.tables import (
    Delivery,
    Document,
    FindingRow,
    Instance,
    Message,
    Pairing,
    Report,
    Series,
    Study,
    row_id,
)
from tests.peers.dicom import Orthanc, running_orthanc
from tests.service.rows import NOW, add_study

Change = Callable[[Session], object]


def whole(engine: Engine) -> None:
    """Write a study with an image, its labelled report, and the structured report that its destination took."""
    study, _ = add_study(engine)
    with writing(engine) as session:
        series = Series(study_id=study, series_uid="1.2", modality="MR")
        session.add(series)
        session.flush()
        session.add(instance(series_id=row_id(series)))
        document = Document(
            study_id=study,
            accepts="trial",
            inputs="0",
            sop_instance_uid="1.9",
            file="aa/bb/cc",
            sha256="cc",
            created=NOW,
        )
        session.add(document)
        session.flush()
        session.add(
            Delivery(document_id=row_id(document), destination="pacs", state=DeliveryState.DELIVERED, next_attempt=NOW)
        )


def instance(**values: Any) -> Instance:
    standard: dict[str, Any] = {
        "sop_instance_uid": "1.2.3", "sop_class_uid": "1.2.840.10008.5.1.4.1.1.4", "transfer_syntax_uid": "1.2",
        "sha256": "aa", "file": "aa/aa/aa", "bytes": 1, "received": NOW, "calling_ae": "T", "address": "127.0.0.1",
        "state": ObjectState.STORED,
    }  # fmt: skip
    return Instance(**(standard | values))


def message(state: MessageState, repeat_of: int | None = None) -> Message:
    return Message(received=NOW, peer="127.0.0.1", sha256="00", raw=b"MSH", state=state, repeat_of=repeat_of)


def ledger_of(engine: Engine) -> Ledger:
    with reading(engine) as session:
        return account(session)


def places(ledger: Ledger) -> dict[Chapter, set[Place]]:
    return {chapter: {line.place for line in ledger.lines if line.chapter == chapter} for chapter in Chapter}


def study_with(**values: object) -> Change:
    return lambda session: session.execute(update(Study).values(**values))


def report_with(**values: object) -> Change:
    return lambda session: session.execute(update(Report).values(**values))


def delivery_with(state: DeliveryState) -> Change:
    return lambda session: session.execute(update(Delivery).values(state=state))


def test_what_went_all_the_way_is_settled(engine: Engine) -> None:
    whole(engine)

    ledger = ledger_of(engine)

    assert places(ledger) == {chapter: {Place.REPORTED} for chapter in Chapter}
    assert ledger.is_closed
    assert ledger.count(Standing.SETTLED) == 3


@pytest.mark.parametrize(
    ("change", "of_object", "of_message"),
    [
        pytest.param(study_with(images=WorkState.QUEUED), Place.TO_BE_READ, Place.TO_BE_READ, id="read"),
        pytest.param(study_with(images=WorkState.FAILED), Place.READING_FAILED, Place.READING_FAILED, id="unread"),
        pytest.param(
            study_with(document=WorkState.WAITING), Place.TO_BE_WRITTEN, Place.TO_BE_WRITTEN, id="to be written"
        ),
        pytest.param(
            study_with(document=WorkState.FAILED), Place.WRITING_FAILED, Place.WRITING_FAILED, id="not written"
        ),
        pytest.param(
            study_with(review_reason="Two."), Place.STUDY_FOR_A_PERSON, Place.STUDY_FOR_A_PERSON, id="two patients"
        ),
        pytest.param(delivery_with(DeliveryState.WAITING), Place.ON_ITS_WAY, Place.ON_ITS_WAY, id="on its way"),
        pytest.param(
            delivery_with(DeliveryState.NOT_KEPT),
            Place.REFUSED_BY_DESTINATION,
            Place.REFUSED_BY_DESTINATION,
            id="not kept by the destination",
        ),
        pytest.param(report_with(labels=WorkState.QUEUED), Place.REPORTED, Place.TO_BE_LABELLED, id="being labelled"),
        pytest.param(
            report_with(labels=WorkState.FAILED), Place.REPORTED, Place.LABELLING_FAILED, id="labelling failed"
        ),
        pytest.param(
            report_with(labels=WorkState.HELD, status="preliminary"),
            Place.REPORTED,
            Place.WAITS_FOR_FINAL,
            id="preliminary",
        ),
        pytest.param(
            report_with(labels=WorkState.HELD, status="cancelled"), Place.REPORTED, Place.NOT_LABELLED, id="cancelled"
        ),
        pytest.param(report_with(pairing=PairingState.UNPAIRED), Place.REPORTED, Place.UNPAIRED, id="unpaired"),
        pytest.param(
            report_with(pairing=PairingState.REVIEW), Place.REPORTED, Place.PAIRING_FOR_A_PERSON, id="doubtful pairing"
        ),
    ],
)
def test_what_is_under_way_or_waits_for_a_person_is_open(
    engine: Engine, change: Change, of_object: Place, of_message: Place
) -> None:
    whole(engine)
    with writing(engine) as session:
        change(session)

    ledger = ledger_of(engine)

    assert places(ledger)[Chapter.OBJECTS] == {of_object}
    assert places(ledger)[Chapter.MESSAGES] == {of_message}
    assert ledger.is_closed


@pytest.mark.parametrize(
    ("state", "place"),
    [
        (ObjectState.REFUSED, Place.OBJECT_REFUSED),
        (ObjectState.DISMISSED, Place.DISMISSED),
        (ObjectState.RETURNED, Place.OUR_OWN),
        (ObjectState.CONFLICT, Place.CONFLICT),
        (ObjectState.SAME_CONTENT, Place.REPEATED),
    ],
)
def test_an_object_beside_the_one_in_use_stands_by_its_own_state(
    engine: Engine, state: ObjectState, place: Place
) -> None:
    whole(engine)
    with writing(engine) as session:
        beside = state in {ObjectState.CONFLICT, ObjectState.SAME_CONTENT}
        session.add(instance(sha256="bb", state=state, conflict_of=1 if beside else None))

    ledger = ledger_of(engine)

    assert places(ledger)[Chapter.OBJECTS] == {Place.REPORTED, place}
    assert ledger.is_closed


@pytest.mark.parametrize(
    ("row", "place"),
    [
        (message(MessageState.KEPT), Place.KEPT),
        (message(MessageState.REFUSED), Place.MESSAGE_REFUSED),
        (message(MessageState.INCOMPLETE), Place.INCOMPLETE),
        (message(MessageState.REPEATED, repeat_of=1), Place.REPEATED),
    ],
)
def test_a_message_without_a_report_of_its_own_stands_by_its_state(engine: Engine, row: Message, place: Place) -> None:
    whole(engine)
    with writing(engine) as session:
        session.add(row.model_copy())

    assert places(ledger_of(engine))[Chapter.MESSAGES] == {Place.REPORTED, place}


def nothing_came_of_the_study(session: Session) -> None:
    session.execute(delete(Delivery))
    session.execute(delete(Document))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param(
            lambda session: session.add(instance(sha256="bb", series_id=None)),
            "object 2: in use, and belongs to no study",
            id="no series",
        ),
        pytest.param(
            lambda session: session.add(instance(sha256="bb", state=ObjectState.SAME_CONTENT)),
            "object 2: repeats something that is not there",
            id="a repetition of nothing",
        ),
        pytest.param(
            nothing_came_of_the_study,
            "object 1: its images were read, and nothing says what came of it",
            id="read without result",
        ),
        pytest.param(
            lambda session: session.execute(delete(FindingRow).where(col(FindingRow.report_id).is_not(None))),
            "message 1: labelled, and there is no finding of it",
            id="labelled without finding",
        ),
        pytest.param(
            lambda session: session.execute(delete(Pairing)),
            "message 1: paired, and there is no study that it is paired with",
            id="paired with nothing",
        ),
        pytest.param(
            lambda session: session.add(message(MessageState.REPORT)),
            "message 2: brought a report, and there is none of it",
            id="no report",
        ),
        pytest.param(
            lambda session: session.add(message(MessageState.REPEATED)),
            "message 2: repeats something that is not there",
            id="a repeated message of nothing",
        ),
        pytest.param(
            lambda session: session.execute(delete(Delivery)),
            "structured report 1: written, and for no destination",
            id="for nobody",
        ),
    ],
)
def test_rows_that_contradict_each_other_are_named(engine: Engine, change: Change, named: str) -> None:
    whole(engine)
    with writing(engine) as session:
        change(session)

    ledger = ledger_of(engine)

    assert named in ledger.unaccounted
    assert not ledger.is_closed


def test_every_place_has_one_meaning() -> None:
    assert set(PLACES) == set(Place)
    assert len({meaning.words for meaning in PLACES.values()}) > len(Place) - 3


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    with running_orthanc(tmp_path / "orthanc", DicomAlwaysAllowFind=True) as running:
        yield running


@pytest.fixture
def archived(engine: Engine, tmp_path: Path, orthanc: Orthanc) -> ObjectStore:
    """Give the store of a site whose study and whose delivered document are at an archive."""
    images = drawn_study(1).datasets[:3]
    study, _ = add_study(engine)
    store = ObjectStore(tmp_path)
    paths = [save(image, tmp_path / f"{number}.dcm") for number, image in enumerate(images)]
    assert all(isinstance(answer, Delivered) for answer in send_objects(paths, orthanc.dicom, "TEST"))
    with writing(engine) as session:
        session.execute(update(Study).values(study_uid=str(images[0].StudyInstanceUID)))
        series = Series(study_id=study, series_uid=str(images[0].SeriesInstanceUID), modality="MR")
        session.add(series)
        session.flush()
        session.add_all(
            instance(sop_instance_uid=str(image.SOPInstanceUID), sha256=str(number), series_id=row_id(series))
            for number, image in enumerate(images[:2])
        )
        session.add(
            Document(
                study_id=study,
                accepts="trial",
                inputs="0",
                sop_instance_uid=str(images[2].SOPInstanceUID),
                file=store.place(paths[2], "ab" * 32),
                sha256="ab" * 32,
                created=NOW,
            )
        )
        session.flush()
        session.add(Delivery(document_id=1, destination="pacs", state=DeliveryState.KEPT, attempts=1, next_attempt=NOW))
    return store


def save(image: Dataset, path: Path) -> Path:
    image.save_as(path, enforce_file_format=True)
    return path


def test_an_archive_that_has_what_it_took_and_no_more_agrees(
    engine: Engine, archived: ObjectStore, orthanc: Orthanc
) -> None:
    compared = compare(engine, archived, orthanc.dicom.model_copy(update={"name": "pacs"}), "SPINELABEL")

    assert compared.agrees, compared
    assert (compared.documents, compared.studies) == (1, 1)


def test_a_report_that_an_archive_lost_and_an_object_that_never_came_are_named(
    engine: Engine, archived: ObjectStore, orthanc: Orthanc, tmp_path: Path
) -> None:
    lost = dcmread(archived.path("ab/ab/" + "ab" * 32))
    (known,) = orthanc.find({"Level": "Instance", "Query": {"SOPInstanceUID": str(lost.SOPInstanceUID)}})
    orthanc.request(f"/instances/{known}", method="DELETE")
    further = drawn_study(1).datasets[3:5]
    paths = [save(image, tmp_path / f"further{number}.dcm") for number, image in enumerate(further)]
    send_objects(paths, orthanc.dicom, "TEST")

    compared = compare(engine, archived, orthanc.dicom.model_copy(update={"name": "pacs"}), "SPINELABEL")

    assert compared.lacking == (
        "pacs took delivery 1 and does not have it; `spinelabel outbox retry 1 --lost` sends it again.",
    )
    assert compared.fuller == ("pacs has 1 objects of study 1 that never came; have it forward the study again.",)


def test_an_archive_that_does_not_answer_is_said(engine: Engine, archived: ObjectStore, orthanc: Orthanc) -> None:
    away = orthanc.dicom.model_copy(update={"name": "pacs", "port": 1})

    assert compare(engine, archived, away, "SPINELABEL").unanswered.startswith("pacs could not be asked")


def test_what_an_archive_lost_is_sent_again_as_it_was(engine: Engine) -> None:
    whole(engine)
    with writing(engine) as session:
        send_lost(session, 1, NOW)

    assert places(ledger_of(engine))[Chapter.DELIVERIES] == {Place.ON_ITS_WAY}
    with writing(engine) as session, pytest.raises(UnknownItem, match="was not taken"):
        send_lost(session, 1, NOW)
