"""The demonstration classifiers: fitted on drawn studies read by the real detector and encoder."""

import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from config.conditions import DISC_LEVELS
from pipeline.images.classifiers import ClassifierSet, bag_of, save_classifiers
from pipeline.images.detectors.protocol import Detector
from pipeline.images.disc_features import encode_discs
from pipeline.images.encoders.protocol import Encoder
from pipeline.images.errors import TrainingFailed, UnusableStack
from pipeline.images.series import choose_series, read_headers
from pipeline.images.volume import load_volume
from pipeline.training.classifier_fitting import Examples, Question, fit_classifier, measure_classifier
from pipeline.training.detector import HELD_OUT_SEEDS
from pipeline.training.drawn_studies import drawn_study
from pipeline.values import Standing

LOW_LUMBAR = DISC_LEVELS[-3:]
QUESTIONS = (
    Question("stenosis", per_disc=True, levels=LOW_LUMBAR),
    Question("spondylolisthesis", per_disc=False, levels=LOW_LUMBAR),
    Question("cancer", per_disc=False, levels=DISC_LEVELS[DISC_LEVELS.index("C7-T1") :]),
)


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


@dataclass(frozen=True)
class ReadStudy:
    """A drawn study as the detector and encoder read it: features (discs, features), levels named, and the truth."""

    features: npt.NDArray[np.float32]
    levels: tuple[str | None, ...]
    conditions: dict[str, tuple[str, ...]]


def fit_demonstration(
    parts: tuple[Detector, Encoder],
    plan: DemonstrationPlan,
    folders: tuple[Path, Path],
    progress: Callable[[int], None],
) -> dict[str, Any]:
    """Fit and store the demonstration set.

    Args:
        parts: the detector and encoder that the set will work with.
        plan: the drawn studies.
        folders: where the set goes, and where read studies are kept so that an interrupted run goes on.
        progress: called with the seed of each study read.

    Returns:
        The held-out figures by condition, as the card has them.

    Raises:
        TrainingFailed: the detector read too little for a condition to be fitted.
    """
    target, kept = folders
    read = [[_read(parts, seed, kept, progress) for seed in seeds] for seeds in plan.seeds]
    classifiers, figures = [], {}
    for question in QUESTIONS:
        fitted, calibrated, held_out = (collect_examples(question, studies) for studies in read)
        classifier = fit_classifier(question, fitted, calibrated)
        classifiers.append(classifier)
        figures[question.condition] = measure_classifier(classifier, held_out)
    stored = ClassifierSet("demonstration", Standing.DEMONSTRATION, parts[1].name, tuple(classifiers))
    first, last = plan.seeds[0], plan.seeds[2]
    card = {
        "licence": "Apache-2.0",
        "detector": parts[0].name,
        "data": f"drawn studies only, seeds {first[0]} to {last[-1]}; it knows nothing of patients",
        "command": "spinelabel train images --demonstration",
        "studies": {"fitted": plan.fitted, "calibrated": plan.calibrated, "held out": plan.held_out},
        "held_out": figures,
    }
    save_classifiers(stored, target, card)
    return figures


def _read(parts: tuple[Detector, Encoder], seed: int, kept: Path, progress: Callable[[int], None]) -> ReadStudy:
    """Read one drawn study, or take what an earlier run read."""
    path = kept / f"{seed}.npz"
    if not path.exists():
        study = read_drawn(parts, seed)
        kept.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".part")
        with aside.open("wb") as file:
            levels = np.array([level or "" for level in study.levels], dtype=str)
            np.savez(file, features=study.features, levels=levels, conditions=json.dumps(study.conditions))
        aside.replace(path)
    progress(seed)
    with np.load(path, allow_pickle=False) as stored:
        conditions = {name: tuple(levels) for name, levels in json.loads(str(stored["conditions"])).items()}
        return ReadStudy(stored["features"], tuple(str(level) or None for level in stored["levels"]), conditions)


def read_drawn(parts: tuple[Detector, Encoder], seed: int) -> ReadStudy:
    """Draw a study, write it as files, and read it by the way that received studies take.

    Raises:
        UnusableStack: the drawn study is not chosen, which is a fault of the drawing.
    """
    detector, encoder = parts
    study = drawn_study(seed)
    with tempfile.TemporaryDirectory() as folder:
        for number, ds in enumerate(study.datasets):
            ds.save_as(Path(folder) / f"{number:03}.dcm", enforce_file_format=True)
        choice = choose_series(read_headers(sorted(Path(folder).iterdir()))[0])
        if choice.stack is None:
            raise UnusableStack(f"drawn study {seed}: {choice.reason}")
        volume = load_volume(choice.stack)
    encoded = [
        item for item in encode_discs(encoder, volume, detector.detect(volume).discs) if item.features is not None
    ]
    features = np.array([item.features for item in encoded], np.float32)
    return ReadStudy(features, tuple(item.disc.level for item in encoded), dict(study.conditions))


def collect_examples(question: Question, studies: Iterable[ReadStudy]) -> Examples:
    """Gather a question's bags (for one that judges discs, bags of one) with the truth of each.

    Studies whose levels the detector left unknown are passed over, as they could not be labelled by level.

    Raises:
        TrainingFailed: there are not both present and absent examples.
    """
    bags, present = [], []
    for study in studies:
        if not study.levels or study.levels[0] is None:
            continue
        found = bag_of(study.levels, question.levels, known=True)
        truth = study.conditions[question.condition]
        if question.per_disc:
            bags += [study.features[i] for i in found]
            present += [study.levels[i] in truth for i in found]
        elif found:
            bags.append(study.features[found].mean(axis=0))
            present.append(bool(truth))
    if len(set(present)) < 2:
        raise TrainingFailed(f"{question.condition}: the studies read are all present or all absent; read more of them")
    return Examples(np.array(bags, np.float64), np.array(present, bool))
