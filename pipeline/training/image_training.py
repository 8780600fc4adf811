"""Image classifiers from a table of labels: studies read, parted by patient, fitted, tested and stored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.calibration_fitting import FEWEST
from pipeline.errors import ImageError
from pipeline.images.errors import DetectorFailed, DetectorUnavailable, UnreadablePixels, UnusableModel
from pipeline.splits import Part, part_of_patient
from pipeline.training.classifier_fitting import FittedClassifier, Question, Weighting, fit_classifier
from pipeline.training.encoded_scans import ScanReader, read_study_discs
from pipeline.training.errors import NoSuchStudy, NothingFitted
from pipeline.training.image_labels import ImageLabels, LeftOutRow, reasons_of
from pipeline.training.image_table import TableRow, baseline_rows, classifier_row
from pipeline.training.scan_discs import (
    NO_ANSWER,
    NO_PIXELS,
    NO_SERIES,
    NO_STUDY,
    Bag,
    Bags,
    LabelledDiscs,
    StudyDiscs,
    examples_of,
    find_bags,
)
from pipeline.training.study_files import StudyFiles

_WORDS: tuple[tuple[type[ImageError], str], ...] = (
    (NoSuchStudy, NO_STUDY),
    (DetectorFailed, NO_ANSWER),
    (UnreadablePixels, NO_PIXELS),
    (ImageError, NO_SERIES),
)


@dataclass(frozen=True)
class ReadTable:
    """The studies of a table as they were read, and its rows that could not be, with the reason."""

    studies: tuple[LabelledDiscs, ...]
    left_out: tuple[LeftOutRow, ...]


@dataclass(frozen=True)
class QuestionOutcome:
    """What became of a question: its classifier, None where it could not be fitted, and its rows of Table 5.

    `note` says why there is none, or which levels it lacks. `left_out` counts labelled examples of the
    tested part that could not be used, by the reason.
    """

    question: Question
    fitted: FittedClassifier | None
    note: str
    rows: tuple[TableRow, ...]
    left_out: Mapping[str, int]


def read_table(
    reader: ScanReader, labels: ImageLabels, folders: tuple[Path, Path], progress: Callable[[], None]
) -> ReadTable:
    """Read the studies of a table; one that cannot be read costs the others nothing, and is left out with the reason.

    Args:
        reader: the loaded models.
        labels: the table.
        folders: where the studies lie, and where scans that were read are kept.
        progress: called after each row.

    Raises:
        UnusableModel, DetectorUnavailable: no study could be read.
    """
    root, kept = folders
    files = StudyFiles(root)
    studies: list[LabelledDiscs] = []
    left_out = list(labels.left_out)
    owners: dict[str, str] = {}
    for labelled in labels.studies:
        discs: StudyDiscs | str = ""
        try:
            images = files.find(labelled.study)
            if taken := _taken(owners, images[0].study_uid, labelled.patient):
                left_out.append(LeftOutRow(labelled.row, taken))
            else:
                discs = read_study_discs(reader, images, kept)
        except (UnusableModel, DetectorUnavailable):
            raise
        except ImageError as error:
            discs = next(word for kind, word in _WORDS if isinstance(error, kind))
            left_out.append(LeftOutRow(labelled.row, str(error)))
        if discs:
            studies.append(LabelledDiscs(labelled.patient, discs, labelled.present))
        progress()
    return ReadTable(tuple(studies), tuple(left_out))


def _taken(owners: dict[str, str], uid: str, patient: str) -> str:
    """Say that a study was in a row above, by the patients of those found so far; keep its patient where it was not."""
    if uid not in owners:
        owners[uid] = patient
        return ""
    return "its study is in a row above" if owners[uid] == patient else "its study is another patient's in a row above"


def train_questions(
    questions: Sequence[Question], table: ReadTable, encoder: str, weighting: Weighting
) -> tuple[QuestionOutcome, ...]:
    """Fit each question on the patients that are to be fitted on, calibrate and test it on the others.

    Args:
        questions: what the columns of the table ask.
        table: what was read.
        encoder: the encoder's name, which names the rows.
        weighting: whether present and absent examples weigh the same in all.

    Raises:
        NothingFitted: no question has examples enough.
    """
    outcomes = tuple(_train(question, table.studies, encoder, weighting) for question in questions)
    if not any(outcome.fitted for outcome in outcomes):
        notes = [f"{outcome.question.condition}: {outcome.note}." for outcome in outcomes]
        raise NothingFitted([*notes, *reasons_of(table.left_out)])
    return outcomes


def _train(question: Question, studies: Sequence[LabelledDiscs], encoder: str, weighting: Weighting) -> QuestionOutcome:
    question, note = _without_unseen(question, _part(question, studies)["fitted"].bags)
    parts = _part(question, studies)
    tested = parts["tested"]
    if reason := _too_few(parts):
        return QuestionOutcome(question, None, f"{note}; {reason}" if note else reason, (), tested.left_out)
    fitted = fit_classifier(
        question, examples_of(parts["fitted"].bags), examples_of(parts["calibrated"].bags), weighting
    )
    rows = [*baseline_rows(question, parts, weighting)]
    if tested.bags:
        rows.append(classifier_row(fitted.classifier, encoder, examples_of(tested.bags)))
    return QuestionOutcome(question, fitted, note, tuple(rows), tested.left_out)


def _without_unseen(question: Question, fitted: Sequence[Bag]) -> tuple[Question, str]:
    """Leave out the levels of which no disc is fitted on, so that none is judged that was never learnt from.

    Where that would be all of them the question stays as it is.
    """
    if not question.per_disc or not fitted:
        return question, ""
    seen = {bag.scan.levels[bag.places[0]] for bag in fitted}
    unseen = [level for level in question.levels if level not in seen]
    note = f"no labelled disc of {', '.join(unseen)} was there to fit on" if unseen else ""
    return replace(question, levels=tuple(level for level in question.levels if level in seen)), note


def _part(question: Question, studies: Sequence[LabelledDiscs]) -> dict[Part, Bags]:
    parts: tuple[Part, ...] = ("fitted", "calibrated", "tested")
    return {
        part: find_bags(question, [study for study in studies if part_of_patient(study.patient) == part])
        for part in parts
    }


def _too_few(parts: Mapping[Part, Bags]) -> str:
    """Say which part has too few examples of a kind to be fitted or calibrated on; empty where none has."""
    purposes: tuple[tuple[Part, str], ...] = (("fitted", "fit"), ("calibrated", "calibrate"))
    for part, purpose in purposes:
        bags = parts[part].bags
        positives = sum(bag.present for bag in bags)
        if min(positives, len(bags) - positives) < FEWEST:
            counts = ", ".join(f"{reason} {count}" for reason, count in parts[part].left_out.items())
            return (
                f"{positives} present and {len(bags) - positives} absent to {purpose} on, and it takes {FEWEST} of "
                f"each; label more studies{f', or see why labelled ones were left out: {counts}' if counts else ''}"
            )
    return ""
