"""What comes late or comes back: which of it makes another result, and which changes nothing."""

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import (
    UID,
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    generate_uid,
)
from sqlalchemy import Engine
from sqlmodel import col, select

from pipeline.values import Source
from service.store.database import reading
from service.store.findings import current_findings
from service.store.states import ObjectState, WorkState
from service.store.tables import Delivery, FindingRow, Instance, Study
from tests.service.browsing import browse, link, text
from tests.service.test_late_halves import QUIET, Hospital

SOON = timedelta(seconds=5)


@pytest.fixture
def hospital(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hospital:
    return Hospital(engine, tmp_path, monkeypatch)


@pytest.fixture
def done(hospital: Hospital) -> Hospital:
    """Give a hospital whose study has its structured report."""
    hospital.send_report()
    hospital.send_images(0, 1)
    hospital.let_pass(QUIET)
    assert len(hospital.written()) == 1
    return hospital


def objects(engine: Engine, state: ObjectState) -> list[Instance]:
    with reading(engine) as session:
        return list(session.exec(select(Instance).where(Instance.state == state).order_by(col(Instance.id))))


def study_of(engine: Engine) -> Study:
    with reading(engine) as session:
        return session.exec(select(Study)).one()


def image_findings(engine: Engine) -> tuple[int, int]:
    """Give how many findings of images are current, and how many there ever were."""
    with reading(engine) as session:
        current = [row for row in current_findings(session, 1) if row.source == Source.IMAGE.value]
        return len(current), len(session.exec(select(FindingRow).where(col(FindingRow.study_id) == 1)).all())


def corrected(document: Dataset) -> Dataset:
    """Coerce a data set as an archive does that knows the patient by another name (PS3.3, C.12.1.1.9)."""
    changed = deepcopy(document)
    original, values = Dataset(), Dataset()
    values.PatientName = document.PatientName
    original.ModifiedAttributesSequence = [values]
    original.AttributeModificationDateTime = "20260302120000"
    original.ModifyingSystem, original.SourceOfPreviousValues = "PACS", ""
    original.ReasonForTheAttributeModification = "COERCE"
    changed.OriginalAttributesSequence = [original]
    changed.PatientName = "Corrected^Name"
    return changed


# Late objects.


def test_images_that_come_after_the_quiet_time_make_a_second_result_that_names_the_first(
    hospital: Hospital, engine: Engine
) -> None:
    hospital.send_report()
    hospital.send_images(0, 1)
    hospital.let_pass(QUIET)
    hospital.send_images(2, 3)
    hospital.let_pass(QUIET)
    hospital.let_pass(timedelta(days=1))

    assert hospital.predecessors() == [None, hospital.uids()[0]]
    assert image_findings(engine) == (1, 2)


def test_images_that_come_within_the_quiet_time_make_one_result(hospital: Hospital, engine: Engine) -> None:
    hospital.send_report()
    hospital.send_images(0, 1)
    hospital.let_pass(QUIET - SOON)
    hospital.send_images(2, 3)
    hospital.let_pass(QUIET - SOON)
    assert hospital.written() == []
    hospital.let_pass(SOON)

    assert hospital.predecessors() == [None]
    assert image_findings(engine) == (1, 1)


def test_a_late_localizer_is_read_and_makes_no_other_result(done: Hospital, engine: Engine) -> None:
    localizer = deepcopy(done.images[2])
    localizer.SeriesInstanceUID = generate_uid()
    localizer.SeriesDescription = "LOCALIZER"

    done.send([localizer])
    done.let_pass(QUIET)

    assert done.read_times() == 2
    assert len(done.written()) == 1
    assert image_findings(engine) == (1, 1)


# Our own structured reports.


def test_our_own_report_comes_back_as_written_changed_and_a_hundred_times_and_changes_nothing(
    done: Hospital, engine: Engine
) -> None:
    (written,) = done.written_objects()
    before = study_of(engine)

    done.send([written])
    done.send([corrected(written)])
    done.send([corrected(written)] * 50 + [written] * 50)
    done.let_pass(QUIET)
    done.let_pass(timedelta(days=1))

    after = study_of(engine)
    assert (after.last_image, after.images, after.results) == (before.last_image, WorkState.DONE, before.results)
    assert (done.read_times(), len(done.written())) == (1, 1)
    assert objects(engine, ObjectState.CONFLICT) == []
    assert [row.reason for row in objects(engine, ObjectState.RETURNED)] == [
        "Our own structured report came back.",
        "Our own structured report came back. Changed on the way: Patient's Name (0010,0010), "
        "Original Attributes Sequence (0400,0561).",
    ]
    with reading(engine) as session:
        assert len(session.exec(select(Delivery)).all()) == 1


def test_our_own_report_under_another_uid_or_patient_id_is_still_ours(done: Hospital, engine: Engine) -> None:
    (written,) = done.written_objects()
    renamed = corrected(written)
    renamed.SOPInstanceUID = renamed.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    renamed.PatientID = "ANOTHER"

    done.send([renamed])
    done.let_pass(QUIET)

    assert study_of(engine).review_reason == ""
    assert len(done.written()) == 1
    (row,) = objects(engine, ObjectState.RETURNED)
    assert "none of those that this service keeps" in row.reason


def test_the_page_says_that_our_report_came_back_and_asks_nobody(
    done: Hospital, engine: Engine, tmp_path: Path
) -> None:
    done.send(done.written_objects())
    page = browse(done.settings, engine, lambda: done.now)

    assert "A structured report came back from TEST" in text(page, f"/studies/{link(engine, Study)}")
    assert "came back" not in text(page, "/waiting")


# What others made.


def _of_class(sop_class: str, modality: str) -> Callable[[Hospital], Dataset]:
    def make(hospital: Hospital) -> Dataset:
        made = deepcopy(hospital.images[3])
        for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated", "PixelSpacing"):
            delattr(made, keyword)
        made.Modality, made.Manufacturer, made.SeriesInstanceUID = modality, "Some Other Maker", generate_uid()
        made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = UID(sop_class)
        return made

    return make


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(_of_class(ComprehensiveSRStorage, "SR"), id="a structured report"),
        pytest.param(_of_class(GrayscaleSoftcopyPresentationStateStorage, "PR"), id="a presentation state"),
        pytest.param(_of_class(KeyObjectSelectionDocumentStorage, "KO"), id="a key object selection"),
        pytest.param(_of_class(EncapsulatedPDFStorage, "DOC"), id="a document"),
        pytest.param(_of_class(EncapsulatedPDFStorage, "MR"), id="a document under the modality of images"),
    ],
)
def test_what_others_made_of_a_study_is_stored_and_makes_no_result(
    done: Hospital, engine: Engine, make: Callable[[Hospital], Dataset]
) -> None:
    before = study_of(engine)

    done.send([make(done)])
    done.let_pass(QUIET)
    done.let_pass(timedelta(days=1))

    after = study_of(engine)
    assert (after.last_image, after.results, after.images) == (before.last_image, before.results, WorkState.DONE)
    assert len(done.written()) == 1
    assert len(objects(engine, ObjectState.STORED)) == 3


@pytest.mark.parametrize(
    ("keyword", "named"), [("PatientName", "Patient's Name (0010,0010)"), ("PatientID", "Patient ID (0010,0020)")]
)
def test_an_image_that_the_archive_corrected_is_a_conflict_and_the_first_stays_in_use(
    done: Hospital, engine: Engine, keyword: str, named: str
) -> None:
    sent = deepcopy(done.images[0])
    setattr(sent, keyword, "CORRECTED")

    done.send([sent])
    done.let_pass(QUIET)

    (row,) = objects(engine, ObjectState.CONFLICT)
    assert named in row.reason
    assert "CORRECTED" not in row.reason
    assert study_of(engine).review_reason == ""
    assert len(done.written()) == 1
