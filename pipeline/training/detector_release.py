"""The detector's figures on drawn volumes, and its weights with their card as they are shipped."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from pipeline.images.detectors.embedded import EmbeddedDetector
from pipeline.images.detectors.network import DetectorNetwork
from pipeline.images.detectors.protocol import Detector
from pipeline.images.volume import Volume
from pipeline.training.detector import HELD_OUT_SEEDS, DetectorTraining, train_detector
from pipeline.training.drawn_spines import REGIONS, SLICE_SPACING, DrawnVolume, draw_volume
from pipeline.training.labelled_volumes import LabelledFiles

MEASURED = 60
"""Drawn volumes that figures are counted on."""
_FOUND_MM = 10.0  # a disc found within this of a drawn one in plane is that one, also when the edge cuts it


def release_detector(
    training: DetectorTraining,
    folders: tuple[Path, Path],
    progress: Callable[[int, float], None],
    labelled: Sequence[LabelledFiles] = (),
) -> dict[str, dict[str, int]]:
    """Train the detector, measure it on drawn volumes that it never saw, and write its weights and card.

    Args:
        training: what to do.
        folders: where weights and card go, and where the state of an interrupted training is kept.
        progress: called after each step with its number and loss.
        labelled: real volumes to mix in.

    Returns:
        The figures by region, as `measure_detector` gives them.
    """
    target, kept = folders
    kept.mkdir(parents=True, exist_ok=True)
    network = train_detector(training, kept / "detector-training.safetensors", progress, labelled)
    digest = write_detector(network, target, {})
    figures = measure_detector(EmbeddedDetector(network, digest), range(HELD_OUT_SEEDS, HELD_OUT_SEEDS + MEASURED))
    write_detector(network, target, make_card(training, figures, labelled))
    return figures


def make_card(
    training: DetectorTraining, figures: dict[str, dict[str, int]], labelled: Sequence[LabelledFiles] = ()
) -> dict[str, Any]:
    """Say what a detector was trained on, how, and what it reached."""
    mixed = f"drawn slices, and {len(labelled)} labelled series of the site's"
    return {
        "data": mixed if labelled else "drawn slices only, by seed; no patient's images",
        "command": f"spinelabel train detector --steps {training.steps} --seed {training.seed}",
        "training": asdict(training),
        "measured_on": f"{MEASURED} drawn volumes, seeds from {HELD_OUT_SEEDS}, never trained on",
        "figures": figures,
    }


def measure_detector(detector: Detector, seeds: Iterable[int]) -> dict[str, dict[str, int]]:
    """Count on drawn volumes of each region, the seeds dealt out among them in turn.

    Returns:
        By region: `volumes`, `named` (levels known), `discs` drawn (middle in view), `found`, `false` (no drawn disc
        there), `right` and `wrong` names.
    """
    figures: dict[str, Counter[str]] = {region: Counter() for region in REGIONS}
    for index, seed in enumerate(seeds):
        region = REGIONS[index % len(REGIONS)]
        figures[region] += _count(detector, draw_volume(seed, region=region))
    keys = ("volumes", "named", "discs", "found", "false", "right", "wrong")
    return {region: {key: counts[key] for key in keys} for region, counts in figures.items()}


def _count(detector: Detector, drawn: DrawnVolume) -> Counter[str]:
    volume = Volume(drawn.image, (SLICE_SPACING, 1.0, 1.0), (), ())
    result = detector.detect(volume)
    truth = {disc.level: drawn.field.place(disc.centre) for disc in drawn.shown_discs()}
    in_view = {disc.level: drawn.field.place(disc.centre) for disc in drawn.shown_discs(margin=-_FOUND_MM)}
    counts = Counter(volumes=1, named=int(result.levels_known), discs=len(truth))
    for disc in result.discs:
        place = np.array([disc.centre[2], disc.centre[1]]) + 0.5
        level = min(in_view, key=lambda name: float(np.hypot(*(in_view[name] - place))), default=None)
        if level is None or np.hypot(*(in_view[level] - place)) > _FOUND_MM:
            counts["false"] += 1
        elif level in truth:
            counts["found"] += 1
        if result.levels_known:
            counts["right" if disc.level == level else "wrong"] += 1
    return counts


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
