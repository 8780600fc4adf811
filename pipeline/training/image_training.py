"""Image classifiers from a table of labels: studies read, parted by patient, fitted, tested and stored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.calibration_fitting import FEWEST
from pipeline.errors import ImageError
from pipeline.images.errors import UnusableModel
from pipeline.splits import Part, part_of_patient
from pipeline.training.classifier_fitting import FittedClassifier, Question, Weighting, fit_classifier
from pipeline.training.encoded_scans import ScanReader, read_study_discs
from pipeline.training.errors import NoSuchStudy, NothingFitted
from pipeline.training.image_labels import ImageLabels, LabelledStudy, LeftOutRow
from pipeline.training.image_table import TableRow, baseline_rows, classifier_row
from pipeline.training.scan_discs import (
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
        progress: called after each study.
    """
    root, kept = folders
    files = StudyFiles(root)
    studies: list[LabelledDiscs] = []
    left_out = list(labels.left_out)
    owners: dict[str, str] = {}
    for labelled in labels.studies:
        try:
            discs, uid = _read(reader, files, labelled, kept)
            if owners.setdefault(uid, labelled.patient) != labelled.patient:
                left_out.append(LeftOutRow(labelled.row, "its study is another patient's in a row above"))
                continue
        except NoSuchStudy as error:
            discs = NO_STUDY
            left_out.append(LeftOutRow(labelled.row, str(error)))
        except UnusableModel:
            raise
        except ImageError as error:
            discs = NO_SERIES
            left_out.append(LeftOutRow(labelled.row, str(error)))
        studies.append(LabelledDiscs(labelled.patient, discs, labelled.present))
        progress()
    return ReadTable(tuple(studies), tuple(left_out))


def _read(reader: ScanReader, files: StudyFiles, labelled: LabelledStudy, kept: Path) -> tuple[StudyDiscs | str, str]:
    images = files.find(labelled.study)
    return read_study_discs(reader, images, kept), images[0].study_uid


def train_questions(
    questions: Sequence[Question], studies: Sequence[LabelledDiscs], encoder: str, weighting: Weighting
) -> tuple[QuestionOutcome, ...]:
    """Fit each question on the patients that are to be fitted on, calibrate and test it on the others.

    Args:
        questions: what the columns of the table ask.
        studies: all that were read.
        encoder: the encoder's name, which names the rows.
        weighting: whether present and absent examples weigh the same in all.

    Raises:
        NothingFitted: no question has examples enough.
    """
    outcomes = tuple(_train(question, studies, encoder, weighting) for question in questions)
    if not any(outcome.fitted for outcome in outcomes):
        raise NothingFitted(f"{outcome.question.condition}: {outcome.note}." for outcome in outcomes)
    return outcomes


def _train(question: Question, studies: Sequence[LabelledDiscs], encoder: str, weighting: Weighting) -> QuestionOutcome:
    parts = _part(question, studies)
    tested = parts["tested"]
    if reason := _too_few(parts):
        return QuestionOutcome(question, None, reason, (), tested.left_out)
    question, note = _without_unseen(question, parts["fitted"].bags)
    fitted = fit_classifier(
        question, examples_of(parts["fitted"].bags), examples_of(parts["calibrated"].bags), weighting
    )
    rows = [*baseline_rows(question, parts, weighting)]
    if tested.bags:
        rows.append(classifier_row(fitted.classifier, encoder, examples_of(tested.bags)))
    return QuestionOutcome(question, fitted, note, tuple(rows), tested.left_out)


def _without_unseen(question: Question, fitted: Sequence[Bag]) -> tuple[Question, str]:
    """Leave out the levels of which no disc is fitted on, so that none is judged that was never learnt from."""
    if not question.per_disc:
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
            return (
                f"{positives} present and {len(bags) - positives} absent to {purpose} on, and it takes {FEWEST} of "
                "each; label more studies"
            )
    return ""
