from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from config.hint_settings import HintSettings
from config.settings import DicomSettings, PairingSettings
from service.completion import Due, Hinted, NotYet, StudyProgress, document_due, reading_due
from service.store.states import WorkState

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
RULES = PairingSettings(wait_for_report_hours=72, wait_for_images_hours=24)
LONG_AGO = NOW - timedelta(hours=100)
JUST_NOW = NOW - timedelta(minutes=1)
W = WorkState


@pytest.mark.parametrize(
    ("images", "last_image", "reports"),
    [
        pytest.param(W.DONE, JUST_NOW, [(W.DONE, JUST_NOW)], id="both are there"),
        pytest.param(W.FAILED, JUST_NOW, [(W.DONE, JUST_NOW)], id="the images could not be read"),
        pytest.param(W.DONE, JUST_NOW, [(W.FAILED, JUST_NOW)], id="the report could not be labelled"),
        pytest.param(W.DONE, LONG_AGO, [], id="the wait for the report is over"),
        pytest.param(W.QUEUED, JUST_NOW, [(W.DONE, LONG_AGO)], id="the wait for the images is over"),
    ],
)
def test_a_structured_report_is_due_when(
    images: WorkState, last_image: datetime, reports: list[tuple[WorkState, datetime]]
) -> None:
    assert document_due(StudyProgress(images, last_image, reports, ""), RULES, NOW) == Due()


@pytest.mark.parametrize(
    ("images", "reports", "reason"),
    [
        pytest.param(W.DONE, [], "waits for its report", id="the report is not there"),
        pytest.param(W.DONE, [(W.HELD, JUST_NOW)], "waits for its report", id="the report is preliminary"),
        pytest.param(W.DONE, [(W.QUEUED, JUST_NOW)], "labelled", id="the report is being labelled"),
        pytest.param(W.WAITING, [(W.DONE, JUST_NOW)], "waits for its images", id="images are arriving"),
        pytest.param(W.QUEUED, [], "its images and its report", id="neither is there"),
    ],
)
def test_a_structured_report_waits_while(
    images: WorkState, reports: list[tuple[WorkState, datetime]], reason: str
) -> None:
    decision = document_due(StudyProgress(images, JUST_NOW, reports, ""), RULES, NOW)

    assert isinstance(decision, NotYet)
    assert reason in decision.reason


def test_a_structured_report_is_corrected_at_once_when_its_report_is_withdrawn() -> None:
    study = StudyProgress(W.DONE, JUST_NOW, [(W.HELD, JUST_NOW)], "", is_written=True)

    assert document_due(study, RULES, NOW) == Due()


@pytest.mark.parametrize("images", [W.WAITING, W.QUEUED, W.FAILED])
@pytest.mark.parametrize("complete_since", [None, NOW])
def test_levels_that_are_numbered_otherwise_are_not_written_before_they_are_read_anew(
    images: WorkState, complete_since: datetime | None
) -> None:
    study = StudyProgress(
        images, LONG_AGO, [(W.DONE, LONG_AGO)], "", is_written=True, complete_since=complete_since, is_disowned=True
    )

    decision = document_due(study, RULES, NOW)

    assert isinstance(decision, NotYet)
    assert decision.until is None
    assert "read anew" in decision.reason


def test_a_wait_says_when_it_ends() -> None:
    decision = document_due(StudyProgress(W.DONE, JUST_NOW, [], ""), RULES, NOW)

    assert isinstance(decision, NotYet)
    assert decision.until == JUST_NOW + timedelta(hours=72)


def test_a_study_under_review_waits_for_a_person_alone() -> None:
    decision = document_due(StudyProgress(W.DONE, LONG_AGO, [(W.DONE, LONG_AGO)], "two patient IDs"), RULES, NOW)

    assert decision == NotYet("two patient IDs", None)


@pytest.mark.parametrize(
    ("progress", "due"),
    [
        pytest.param(StudyProgress(W.DONE, JUST_NOW, [], "", complete_since=NOW), True, id="without a report"),
        pytest.param(
            StudyProgress(W.WAITING, None, [(W.DONE, JUST_NOW)], "", complete_since=NOW), True, id="no images"
        ),
        pytest.param(
            StudyProgress(W.QUEUED, JUST_NOW, [(W.DONE, JUST_NOW)], "", complete_since=NOW), False, id="being read"
        ),
        pytest.param(
            StudyProgress(W.DONE, JUST_NOW, [(W.QUEUED, JUST_NOW)], "", complete_since=NOW), False, id="being labelled"
        ),
        pytest.param(
            StudyProgress(W.DONE, JUST_NOW, [], "two patient IDs", complete_since=NOW),
            False,
            id="a person has to decide",
        ),
    ],
)
def test_a_study_that_a_person_called_complete_waits_for_work_only(progress: StudyProgress, due: bool) -> None:
    assert isinstance(document_due(progress, RULES, NOW), Due) is due


QUIET = timedelta(seconds=60)
HOLD = timedelta(hours=2)
IMAGES = DicomSettings(study_quiet_seconds=60, hints=HintSettings(hold_hours=2))


@pytest.mark.parametrize(
    ("last_image", "complete_since", "until"),
    [
        pytest.param(NOW - QUIET, None, None, id="nothing came for the quiet time"),
        pytest.param(NOW - timedelta(seconds=59), None, NOW + timedelta(seconds=1), id="the quiet time is not over"),
        pytest.param(NOW, None, NOW + QUIET, id="a late image begins it anew"),
        pytest.param(NOW, NOW, None, id="a person said so"),
        pytest.param(NOW, NOW - timedelta(seconds=1), NOW + QUIET, id="an image came after a person said so"),
        pytest.param(NOW - QUIET, NOW - 2 * QUIET, None, id="one came after it, and the quiet time is over"),
    ],
)
def test_images_are_complete_when(
    last_image: datetime, complete_since: datetime | None, until: datetime | None
) -> None:
    study = StudyProgress(W.WAITING, last_image, [], "", complete_since=complete_since)

    decision = reading_due(study, IMAGES, NOW)

    assert (decision.until if isinstance(decision, NotYet) else None) == until


def test_a_study_without_images_waits_for_them_without_an_end() -> None:
    assert reading_due(StudyProgress(W.WAITING, None, [], ""), IMAGES, NOW) == NotYet("waits for its images", None)


SOON_OVER = NOW - QUIET / 2
WHOLE = Hinted(("scanner",), named=9)


@pytest.mark.parametrize(
    ("hinted", "until"),
    [
        pytest.param(WHOLE, None, id="all that was named is here"),
        pytest.param(replace(WHOLE, missing=1), SOON_OVER + QUIET, id="one of them is missing"),
        pytest.param(replace(WHOLE, unnamed=1), SOON_OVER + QUIET, id="an image is here that nobody named"),
        pytest.param(replace(WHOLE, named=0), SOON_OVER + QUIET, id="nothing was named"),
        pytest.param(replace(WHOLE, in_progress=NOW), NOW + HOLD, id="a step goes on"),
        pytest.param(replace(WHOLE, in_progress=LONG_AGO), SOON_OVER + HOLD, id="images of an old step still come"),
    ],
)
def test_images_that_peers_told_of_are_complete_when(hinted: Hinted, until: datetime | None) -> None:
    decision = reading_due(StudyProgress(W.WAITING, SOON_OVER, [], "", hinted=hinted), IMAGES, NOW)

    assert (decision.until if isinstance(decision, NotYet) else None) == until


def test_a_step_whose_end_is_never_told_does_not_hold_its_study_for_ever() -> None:
    study = StudyProgress(W.WAITING, NOW - HOLD, [], "", hinted=Hinted(in_progress=NOW - HOLD))

    assert reading_due(study, IMAGES, NOW) == Due()
