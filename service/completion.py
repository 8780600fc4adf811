"""When a study is complete and when its structured report is due: decisions over values and the clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from config.settings import DicomSettings, PairingSettings
from service.store.states import WorkState

SETTLED = frozenset({WorkState.DONE, WorkState.FAILED})


@dataclass(frozen=True)
class Hinted:
    """What peers said of a study's objects, against what is here.

    Attributes:
        peers: who named objects.
        in_progress: when last was heard of a procedure step that goes on; None where none does.
        named: how many objects they named.
        missing: how many of those are not here.
        unnamed: how many images are here that nobody named.
    """

    peers: tuple[str, ...] = ()
    in_progress: datetime | None = None
    named: int = 0
    missing: int = 0
    unnamed: int = 0

    @property
    def is_whole(self) -> bool:
        """Tell whether what was named has come, and nothing else."""
        return self.named > 0 and self.in_progress is None and not self.missing and not self.unnamed

    @property
    def sentence(self) -> str:
        """Say it, where something is missing."""
        if not self.missing:
            return ""
        return f"{' and '.join(self.peers)} named {self.named} objects of it, and {self.missing} of them have not come."


@dataclass(frozen=True)
class StudyProgress:
    """How far a study has come.

    `reports` holds the labelling state and time of arrival of each paired report; `is_written` says that a structured
    report was written before, which the new one supersedes. `complete_since` is when a person said to wait for nothing
    more. `is_disowned` says that a person or a report numbers levels otherwise than the images were read, `is_prior`
    that it was fetched only as an earlier study of a patient, and `hinted` is what peers said of its objects.
    """

    images: WorkState
    last_image: datetime | None
    reports: Sequence[tuple[WorkState, datetime]]
    review_reason: str
    is_written: bool = False
    complete_since: datetime | None = None
    is_disowned: bool = False
    is_prior: bool = False
    hinted: Hinted = Hinted()


@dataclass(frozen=True)
class Due:
    """The structured report can be written now."""


@dataclass(frozen=True)
class NotYet:
    """What the study waits for, in words, and until when; None where only a person can go on."""

    reason: str
    until: datetime | None

    @property
    def not_before(self) -> datetime:
        """Give the time before which nothing changes by itself."""
        return self.until or datetime(9999, 1, 1, tzinfo=UTC)


def reading_due(study: StudyProgress, rules: DicomSettings, now: datetime) -> Due | NotYet:
    """Decide whether the images of a study are complete, so that they can be read.

    They are when a person said so after the last of them, or when all that peers named is here and nothing else; else
    when nothing has come for the quiet time, which each late image begins anew, and no procedure step goes on.
    """
    if study.last_image is None:
        return NotYet("waits for its images", None)
    if study.complete_since is not None and study.last_image <= study.complete_since:
        return Due()
    if study.hinted.is_whole:
        return Due()
    if study.hinted.in_progress is not None:
        last = max(study.last_image, study.hinted.in_progress)
        held = last + timedelta(hours=rules.hints.hold_hours)
        if now < held:
            return NotYet("waits for a procedure step that is in progress", held)
    until = study.last_image + timedelta(seconds=rules.study_quiet_seconds)
    return Due() if now >= until else NotYet("waits for its images to be complete", until)


def document_due(study: StudyProgress, rules: PairingSettings, now: datetime) -> Due | NotYet:
    """Decide whether the structured report of a study is due."""
    if study.review_reason:
        return NotYet(study.review_reason, None)
    if study.is_prior and not study.reports and study.complete_since is None:
        return NotYet("was fetched as an earlier study, which is written up only where a report or a person asks", None)
    if study.is_disowned and study.images != WorkState.DONE:
        # However long it takes, and where it failed until a person has it tried again.
        return NotYet("waits for its images to be read anew, since their levels are numbered otherwise", None)
    if any(state in {WorkState.WAITING, WorkState.QUEUED} for state, _ in study.reports):
        return NotYet("waits for its report to be labelled", None)
    labelled = [arrived for state, arrived in study.reports if state in SETTLED]
    if study.images in SETTLED:
        if labelled or study.is_written or study.complete_since is not None or study.last_image is None:
            return Due()
        return _after(study.last_image, rules.wait_for_report_hours, now, "waits for its report")
    if not labelled:
        return NotYet("waits for its images and its report", None)
    if study.complete_since is not None:
        return Due() if study.last_image is None else NotYet("waits for its images to be read", None)
    return _after(max(labelled), rules.wait_for_images_hours, now, "waits for its images to be complete")


def _after(since: datetime, hours: float, now: datetime, reason: str) -> Due | NotYet:
    until = since + timedelta(hours=hours)
    return Due() if now >= until else NotYet(reason, until)
