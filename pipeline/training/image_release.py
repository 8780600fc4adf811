"""A set of image classifiers from a table of labels, stored with its card and the paper's Table 5."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.conditions import Condition
from pipeline.images.classifiers import ClassifierSet, save_classifiers
from pipeline.images.errors import UnusableModel
from pipeline.splits import part_of_patient
from pipeline.training.classifier_fitting import Weighting
from pipeline.training.encoded_scans import ScanReader
from pipeline.training.image_labels import ImageLabels, read_image_labels
from pipeline.training.image_table import published_rows, row_values
from pipeline.training.image_training import QuestionOutcome, ReadTable, read_table, train_questions
from pipeline.training.scan_discs import StudyDiscs
from pipeline.values import Standing

ENCODINGS = "encodings"
"""Folder, beside the set, of the scans that were read; a run that was stopped goes on from them."""
_RESERVED = {"none", "demonstration"}


@dataclass(frozen=True)
class ImageTraining:
    """A set's name and standing, and whether present and absent examples weigh the same in all."""

    name: str
    standing: Standing
    weighting: Weighting


@dataclass(frozen=True)
class ImageSources:
    """The table of labels, and the folder of the studies that it names."""

    labels: Path
    studies: Path


def release_classifiers(
    reader: ScanReader,
    sources: tuple[ImageSources, Sequence[Condition]],
    training: ImageTraining,
    out: Path,
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Fit a set of classifiers on a table of labels, and write it with its card and Table 5.

    Args:
        reader: the detector and encoder that the set will work with.
        sources: where labels and images are, and the conditions that columns may name.
        training: how.
        out: folder of the set: `NAME.npz`, its card `NAME.json`, the table `NAME.table.json`.
        progress: called with the number of studies read and of all.

    Returns:
        The table, as it is written.

    Raises:
        UnusableTable: the labels cannot be read.
        UnusableModel: the name cannot be given to a set.
        NothingFitted: no condition has examples enough; what was in `out` stays as it was.
    """
    if training.name in _RESERVED or not re.fullmatch(r"[\w-]+", training.name):
        raise UnusableModel(f"A set cannot be called {training.name}. Use letters, digits, - and _, as in `site`.")
    labels = read_image_labels(sources[0].labels, sources[1])
    done = Counter[str]()

    def advance() -> None:
        done["read"] += 1
        progress(done["read"], len(labels.studies))

    table = read_table(reader, labels, (sources[0].studies, out / ENCODINGS), advance)
    outcomes = train_questions(labels.questions, table, reader.encoder.name, training.weighting)
    values = _table_values(labels, table, outcomes)
    fitted = tuple(outcome.fitted.classifier for outcome in outcomes if outcome.fitted)
    stored = ClassifierSet(training.name, training.standing, reader.encoder.name, fitted)
    save_classifiers(stored, out, _card(reader, sources[0], training, outcomes) | {"tested": values["rows"]})
    (out / f"{training.name}.table.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    return values


def _table_values(labels: ImageLabels, table: ReadTable, outcomes: Sequence[QuestionOutcome]) -> dict[str, Any]:
    read = {study.patient for study in table.studies if isinstance(study.discs, StudyDiscs)}
    parts = Counter(map(part_of_patient, read))
    asked = {outcome.question.condition for outcome in outcomes}
    return {
        "rows": [row_values(row) for outcome in outcomes for row in outcome.rows],
        "left_out": [
            {"condition": outcome.question.condition, "n": sum(outcome.left_out.values()), "reasons": outcome.left_out}
            for outcome in outcomes
        ],
        "notes": [
            {"condition": outcome.question.condition, "fitted": outcome.fitted is not None, "note": outcome.note}
            for outcome in outcomes
            if outcome.note
        ],
        "patients": dict(sorted(parts.items())),
        "unread": [{"row": each.row, "reason": each.reason} for each in table.left_out],
        "unknown_columns": list(labels.unknown_columns),
        "published": [row for row in published_rows() if row["condition"] in asked],
    }


def _card(
    reader: ScanReader, sources: ImageSources, training: ImageTraining, outcomes: Sequence[QuestionOutcome]
) -> dict[str, Any]:
    return {
        "detector": reader.detector.name,
        "data": "studies and labels of a site",
        "labels_sha256": hashlib.sha256(sources.labels.read_bytes()).hexdigest(),
        "command": f"spinelabel train images --labels {sources.labels.name} --name {training.name}",
        "weighting": training.weighting,
        "costs": {outcome.question.condition: outcome.fitted.cost for outcome in outcomes if outcome.fitted},
    }
