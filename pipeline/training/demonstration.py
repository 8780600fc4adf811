"""The demonstration classifiers: fitted on drawn studies read by the real detector and encoder."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.conditions import load_conditions
from pipeline.evaluation import Figures, measure_answers
from pipeline.images.classifiers import ClassifierSet, save_classifiers
from pipeline.images.errors import TrainingFailed, UnusableStack
from pipeline.images.series import read_headers
from pipeline.training.classifier_fitting import (
    Examples,
    Question,
    answer_examples,
    fit_classifier,
    question_of,
)
from pipeline.training.detector import HELD_OUT_SEEDS
from pipeline.training.drawn_studies import DrawnStudy, drawn_study
from pipeline.training.encoded_scans import ScanReader, read_study_discs
from pipeline.training.scan_discs import Bags, LabelledDiscs, examples_of, find_bags
from pipeline.training.spine_anatomy import DRAWN_LEVELS
from pipeline.values import Standing


@dataclass(frozen=True)
class DemonstrationPlan:
    """How many drawn studies are fitted on, calibrated on, and held out; seeds count up from `first`."""

    fitted: int = 200
    calibrated: int = 60
    held_out: int = 70
    first: int = 2 * HELD_OUT_SEEDS

    @property
    def seeds(self) -> tuple[range, range, range]:
        """Seeds of the three parts."""
        middle, last = self.first + self.fitted, self.first + self.fitted + self.calibrated
        return range(self.first, middle), range(middle, last), range(last, last + self.held_out)


def fit_demonstration(
    reader: ScanReader,
    plan: DemonstrationPlan,
    folders: tuple[Path, Path],
    progress: Callable[[int], None],
) -> dict[str, Any]:
    """Fit and store the demonstration set, of every condition that can be drawn.

    Args:
        reader: the detector and encoder that the set will work with.
        plan: the drawn studies.
        folders: where the set goes, and where read scans are kept so that an interrupted run goes on.
        progress: called with the seed of each study read.

    Returns:
        The held-out figures by condition, as the card has them; `left_out` counts by the reason those not read.

    Raises:
        TrainingFailed: the detector read too little for a condition to be fitted.
    """
    target, kept = folders
    read = [[_read(reader, seed, kept, progress) for seed in seeds] for seeds in plan.seeds]
    conditions = [condition for condition in load_conditions() if condition.name in DRAWN_LEVELS]
    classifiers, figures = [], {}
    for question in (question_of(condition, condition.levels) for condition in conditions):
        bags = [find_bags(question, studies) for studies in read]
        fitted, calibrated, held_out = (_examples(question, each) for each in bags)
        classifier = fit_classifier(question, fitted, calibrated).classifier
        classifiers.append(classifier)
        measured = measure_answers(answer_examples(classifier, held_out), draws=0)
        figures[question.condition] = _card_figures(measured) | {"left_out": dict(bags[-1].left_out)}
    stored = ClassifierSet("demonstration", Standing.DEMONSTRATION, reader.encoder.name, tuple(classifiers))
    first, last = plan.seeds[0], plan.seeds[2]
    card = {
        "licence": "Apache-2.0",
        "detector": reader.detector.name,
        "data": f"drawn studies only, seeds {first[0]} to {last[-1]}; it knows nothing of patients",
        "command": "spinelabel train images --demonstration",
        "studies": {"fitted": plan.fitted, "calibrated": plan.calibrated, "held out": plan.held_out},
        "held_out": figures,
    }
    save_classifiers(stored, target, card)
    return figures


def _card_figures(figures: Figures) -> dict[str, Any]:
    return {
        "n": figures.n,
        "positives": figures.positives,
        "auroc": round(figures.auroc or 0.0, 3),
        "balanced_accuracy": round(figures.balanced_accuracy or 0.0, 3),
    }


def _read(reader: ScanReader, seed: int, kept: Path, progress: Callable[[int], None]) -> LabelledDiscs:
    """Draw a study, write it as files, and read it by the way that received studies take.

    Raises:
        UnusableStack: the drawn study is not chosen, which is a fault of the drawing.
    """
    study = drawn_study(seed)
    with tempfile.TemporaryDirectory() as folder:
        write_study(study, Path(folder))
        images, _ = read_headers(sorted(Path(folder).iterdir()))
        discs = read_study_discs(reader, images, kept)
    if isinstance(discs, str):
        raise UnusableStack(f"drawn study {seed}: {discs}")
    progress(seed)
    return LabelledDiscs(str(seed), discs, drawn_labels(study))


def write_study(study: DrawnStudy, folder: Path) -> None:
    """Write a drawn study's images into a folder that is there."""
    for number, ds in enumerate(study.datasets):
        ds.save_as(folder / f"{number:03}.dcm", enforce_file_format=True)


def drawn_labels(study: DrawnStudy) -> dict[tuple[str, str | None], bool]:
    """Give all that is true of a drawn study, as labels of its patient and of each disc in the picture."""
    whole: dict[tuple[str, str | None], bool] = {(name, None): bool(at) for name, at in study.conditions.items()}
    return whole | {
        (name, disc.level): disc.level in at for name, at in study.conditions.items() for disc in study.discs
    }


def _examples(question: Question, bags: Bags) -> Examples:
    examples = examples_of(bags.bags)
    if len(set(examples.present.tolist())) < 2:
        raise TrainingFailed(f"{question.condition}: the studies read are all present or all absent; read more of them")
    return examples
