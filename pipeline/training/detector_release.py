"""The detector's weights with their card as they are shipped, and its figures on studies that it was not trained on."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from pipeline.images.detectors.embedded import load_detector
from pipeline.images.detectors.network import DetectorNetwork
from pipeline.training.detector import DetectorTraining, train_detector
from pipeline.training.held_out.measuring import Judged, judge_labelled, judge_seed, summarise
from pipeline.training.held_out.plans import KINDS
from pipeline.training.labelled_volumes import LabelledFiles

STUDIES_EACH = 4
"""Studies of each kind of trouble that the figures on a card are counted on."""
FIRST_SEED = 4000
"""Of the studies to measure on, in each kind; detector and drawings were developed with those below."""


@dataclass(frozen=True)
class LabelledParts:
    """Real volumes to mix in, and those to measure on."""

    training: Sequence[LabelledFiles] = ()
    validation: Sequence[LabelledFiles] = ()


def release_detector(
    training: DetectorTraining,
    folders: tuple[Path, Path],
    progress: Callable[[int, float], None],
    labelled: LabelledParts = LabelledParts(),
    each: int = STUDIES_EACH,
) -> dict[str, Any]:
    """Train the detector, write its weights, measure these on studies of another generator, and write the card.

    Args:
        training: what to do.
        folders: where weights and card go, and where the state of an interrupted training is kept.
        progress: called after each step with its number and loss.
        labelled: real volumes, if there are any.
        each: how many drawn studies of each kind to measure on.

    Returns:
        The card.

    Raises:
        OtherDetectorTraining: the state is of another training.
        UnusableLabelledData: a labelled volume cannot be read.
    """
    target, kept = folders
    kept.mkdir(parents=True, exist_ok=True)
    network = train_detector(training, kept / "detector-training.safetensors", progress, labelled.training)
    write_detector(network, target, _card(training, labelled))
    detector = load_detector(target / "detector.safetensors")  # in half precision, as it is used
    card = _card(training, labelled) | {
        "measured_on": f"{each} studies of each of {len(KINDS)} kinds, seeds from {FIRST_SEED}, drawn by a generator "
        "that shares nothing with that of the training",
        "figures": _card_figures(judge_seed(detector, *asked) for asked in product(KINDS, _seeds(each))),
    }
    if labelled.validation:
        card["figures_on_labelled"] = _card_figures(judge_labelled(detector, files) for files in labelled.validation)
    write_detector(network, target, card)
    return card


def _seeds(each: int) -> range:
    return range(FIRST_SEED, FIRST_SEED + each)


def _card(training: DetectorTraining, labelled: LabelledParts) -> dict[str, Any]:
    """Say what a detector was trained on, and how."""
    count = len(labelled.training)
    return {
        "data": f"drawn slices, and {count} labelled series of the site's"
        if count
        else "drawn slices only, by seed; no patient's images",
        "command": f"spinelabel train detector --steps {training.steps} --seed {training.seed}"
        + (" --data FOLDER" if count else ""),
        "training": asdict(training),
    }


def _card_figures(judged: Iterable[Judged]) -> dict[str, Any]:
    figures = summarise(judged)
    mean = None if figures.mean_mm is None else round(figures.mean_mm, 2)
    return {
        "studies": figures.studies,
        "discs": figures.discs,
        "found within 8 mm": figures.found,
        "mean error in mm": mean,
        "false": figures.false,
        "nameable": figures.nameable,
        "nameable and named": figures.nameable_named,
        "with a wrong name": figures.wrong,
        "named without an anchor": figures.named_unanchored,
    }


def write_detector(network: DetectorNetwork, folder: Path, card: dict[str, Any]) -> str:
    """Write weights in half precision and their card, to which `card` adds; give the sha256."""
    halves = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in network.state_dict().items()
    }
    content = save({name: tensor.contiguous(memory_format=torch.contiguous_format) for name, tensor in halves.items()})
    digest = hashlib.sha256(content).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "detector.safetensors").write_bytes(content)
    text = json.dumps({"name": "spinelabel-detector", "sha256": digest, "licence": "Apache-2.0", **card}, indent=2)
    (folder / "detector.json").write_text(text + "\n", encoding="utf-8")
    return digest
