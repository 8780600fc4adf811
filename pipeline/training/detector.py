"""Training of the embedded detector on drawn slices."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from pipeline.images.detectors.network import HEATS, SHAPES, DetectorNetwork
from pipeline.training.detector_targets import Sample, make_sample
from pipeline.training.drawn_spines import draw_slice
from pipeline.training.errors import OtherDetectorTraining
from pipeline.training.labelled_samples import labelled_sample
from pipeline.training.labelled_volumes import LabelledFiles, read_labelled
from pipeline.training.training_state import load_state, read_about, save_state

HELD_OUT_SEEDS = 10_000_000
"""Seeds from here on are never trained on."""

_HEAT_WEIGHTS = (1.0, 1.0, 0.6, 0.4, 0.6, 0.4)
_SURE_HEAT = 0.96
_SAVE_EVERY = 100
_WARM_UP = 40
_LABELLED_SHARE = 1 / 3
_SAMPLE = 1003  # stream of random numbers, which no part of a drawing draws from

Batch = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class DetectorTraining:
    """What a training does: `steps` batches of `batch` slices whose seeds count up from `seed` times a million.

    The weights that are given are the mean over the training, in which a step keeps `memory` of what was before it.
    """

    steps: int = 5000
    batch: int = 8
    seed: int = 0
    rate: float = 3e-3
    workers: int = 1
    memory: float = 0.999


class _Slices(IterableDataset[Batch]):
    """Samples by seed from `first` on, shared out among the workers; some are of labelled volumes, if there are any."""

    def __init__(self, first: int, labelled: Sequence[LabelledFiles]) -> None:
        self._first, self._labelled = first, labelled

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        own, count = (worker.id, worker.num_workers) if worker else (0, 1)
        seed = self._first + own
        while True:
            sample = self._sample(seed % HELD_OUT_SEEDS)
            parts = (sample.image, sample.heats, sample.shapes, sample.taught, sample.regions, sample.known)
            yield tuple(torch.from_numpy(part) for part in parts)
            seed += count

    def _sample(self, seed: int) -> Sample:
        rng = np.random.default_rng([seed, _SAMPLE])
        if self._labelled and rng.random() < _LABELLED_SHARE:
            return labelled_sample(read_labelled(self._labelled[int(rng.integers(len(self._labelled)))]), rng)
        return make_sample(draw_slice(seed))


def train_detector(
    training: DetectorTraining,
    state_file: Path,
    progress: Callable[[int, float], None],
    labelled: Sequence[LabelledFiles] = (),
) -> DetectorNetwork:
    """Train the network, or go on from `state_file` where an earlier run of the same training stopped.

    Args:
        training: what to do.
        state_file: safetensors; written every 100 steps and at the end, aside and then renamed.
        progress: called after each step with its number and loss.
        labelled: real volumes from which a third of the samples comes.

    Returns:
        The trained network, ready for use.

    Raises:
        OtherDetectorTraining: `state_file` is of other settings or other labelled volumes.

    Source: penalty-reduced focal loss on heat maps as in Zhou et al. 2019, "Objects as Points", section 4.
    """
    identity = json.dumps([asdict(training), [files.name for files in labelled]])
    if read_about(state_file).get("training", identity) != identity:
        raise OtherDetectorTraining(state_file.parent)
    torch.manual_seed(training.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network, averaged = (DetectorNetwork().to(device).to(memory_format=torch.channels_last) for _ in range(2))
    averaged.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), lr=training.rate, weight_decay=1e-4)
    weights = _both(network, averaged)
    done = int(load_state(state_file, weights, optimiser).get("step", 0))
    slices = _Slices(training.seed * 1_000_000 + done * training.batch, labelled)
    batches = DataLoader(
        slices, training.batch, num_workers=training.workers, prefetch_factor=4 if training.workers else None
    )
    network.train()
    for step, batch in enumerate(batches, done):
        if step >= training.steps:
            break
        for group in optimiser.param_groups:
            group["lr"] = _rate_at(training, step)
        loss = _step(network, optimiser, [part.to(device) for part in batch])
        _average(averaged, network, min(training.memory, (step + 1) / (step + 10)))
        progress(step + 1, loss)
        if (step + 1) % _SAVE_EVERY == 0 or step + 1 == training.steps:
            save_state(state_file, weights, optimiser, {"training": identity, "step": str(step + 1)})
    return averaged.cpu().eval()


def _both(network: DetectorNetwork, averaged: DetectorNetwork) -> dict[str, torch.Tensor]:
    """Name the tensors of both, which share their memory with the state that is kept."""
    parts = {"trained": network, "averaged": averaged}
    return {f"{part}.{name}": value for part, each in parts.items() for name, value in each.state_dict().items()}


@torch.no_grad()
def _average(averaged: DetectorNetwork, network: DetectorNetwork, memory: float) -> None:
    for mean, now in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.mul_(memory).add_(now, alpha=1 - memory)
        else:
            mean.copy_(now)


def _rate_at(training: DetectorTraining, step: int) -> float:
    """Cosine decay after a warm-up."""
    decay = 0.5 * (1 + float(np.cos(np.pi * step / training.steps))) + 0.005
    return training.rate * min(1.0, (step + 1) / _WARM_UP) * decay


def _step(network: DetectorNetwork, optimiser: torch.optim.Optimizer, batch: Sequence[torch.Tensor]) -> float:
    image, *targets = batch
    with torch.autocast(image.device.type, dtype=torch.bfloat16):
        logits = network(image.contiguous(memory_format=torch.channels_last))
    loss = detector_loss(logits.float(), targets)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()
    return float(loss.detach())


def detector_loss(logits: torch.Tensor, targets: Sequence[torch.Tensor]) -> torch.Tensor:
    """Sum of the losses of heat maps (focal), shapes (absolute difference) and regions (cross entropy and Dice).

    Args:
        logits: (n, maps, rows, columns), as the network gives them.
        targets: heats, shapes, where shapes are taught, regions and what is known, as `Sample` holds them, in batches.
    """
    heats, shapes, taught, regions, known = targets
    first, last = len(HEATS), len(HEATS) + len(SHAPES)
    told = known[:, :, None, None]
    heat = (_focal(logits[:, :first], heats, told[:, :first]) * logits.new_tensor(_HEAT_WEIGHTS)).sum()
    mask = taught[:, None]
    shape = ((logits[:, first:last] - shapes).abs() * mask).sum() / (mask.sum() * len(SHAPES) + 1)
    region_logits = logits[:, last:]
    overlap = torch.sigmoid(region_logits) * told[:, first:]
    both, either = (overlap * regions).sum((0, 2, 3)), overlap.sum((0, 2, 3)) + regions.sum((0, 2, 3))
    dice = 1 - ((2 * both + 1) / (either + 1)).mean()
    crossed = functional.binary_cross_entropy_with_logits(region_logits, regions, told[:, first:].expand_as(regions))
    return heat + shape + crossed + dice


def _focal(logits: torch.Tensor, heats: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
    """Focal loss of each heat map, (maps,), per spot shown, over the samples that tell of it."""
    logits = logits.clamp(-12, 12)
    probability = torch.sigmoid(logits)
    sure = (heats > _SURE_HEAT).float()
    hit = functional.logsigmoid(logits) * (1 - probability) ** 2 * sure
    clear = functional.logsigmoid(-logits) * probability**2 * (1 - heats) ** 4 * (1 - sure)
    return -((hit + clear) * told).sum((0, 2, 3)) / sure.sum((0, 2, 3)).clamp(min=4.0)
