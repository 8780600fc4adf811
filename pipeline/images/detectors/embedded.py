"""The embedded disc detector: a volume to discs with levels, or without and the reason."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from scipy import ndimage

from pipeline.images.detectors.axis import drop_above_axis
from pipeline.images.detectors.chain import chain_discs
from pipeline.images.detectors.gate import picture_fault
from pipeline.images.detectors.levels import NamedChain, name_chain
from pipeline.images.detectors.network import HEATS, DetectorNetwork, predict_maps
from pipeline.images.detectors.peaks import Candidate, find_peaks, join_peaks
from pipeline.images.detectors.protocol import DetectedDiscs, LocatedDisc
from pipeline.images.errors import UnusableModel
from pipeline.images.model_files import EMBEDDED_WEIGHTS, read_model
from pipeline.images.volume import Volume

Image = npt.NDArray[np.float32]

_SLICES_TURNED = 3
_TURNS = (
    (np.s_[::-1], "the spine stands upside down"),
    (np.s_[:, ::-1], "the front of the spine is seen behind it"),
    (np.s_[::-1, ::-1], "the spine stands upside down, its front behind"),
)
_SLICE_STEP_MM = 3.0  # thinner slices are read at about this distance, as the drawn ones are


class EmbeddedDetector:
    """The small network trained on drawn spines."""

    def __init__(self, network: DetectorNetwork, digest: str) -> None:
        self._network = network.eval().to(memory_format=torch.channels_last)  # twice as fast on a CPU
        self.name = f"spinelabel-detector@sha256:{digest}"

    def detect(self, volume: Volume) -> DetectedDiscs:
        """Find the discs of a sagittal volume; slices are read at 1 mm in plane."""
        between = volume.spacing_mm[0]
        step = max(1, int(_SLICE_STEP_MM / between))
        indices = range((len(volume.voxels) - 1) % step // 2, len(volume.voxels), step)
        slices = [to_one_mm(volume.voxels[i], volume.spacing_mm[1:]) for i in indices]
        maps = predict_maps(self._network, slices)
        named = _name(maps, [i * between for i in indices])
        if fault := picture_fault(named.discs, maps) or ("" if named.known else self._turned_fault(slices, maps)):
            return DetectedDiscs((), levels_known=False, reason=fault)
        discs = tuple(
            _locate(candidate, level, volume.spacing_mm)
            for candidate, level in zip(named.discs, named.levels, strict=True)
        )
        return DetectedDiscs(discs, named.known, named.reason, named.below_axis, named.doubtful, gap=named.gap)

    def _turned_fault(self, slices: Sequence[Image], maps: Image) -> str:
        """Say how a picture is turned whose levels can be counted only once it is turned back; empty for others.

        The slices that show most of the spine are enough for that.
        """
        seen = maps[:, HEATS.index("disc")].sum(axis=(1, 2))
        most = np.sort(np.argsort(seen)[-_SLICES_TURNED:])
        for turn, fault in _TURNS:
            turned = predict_maps(self._network, [np.ascontiguousarray(slices[i][turn]) for i in most])
            if _name(turned, [i * _SLICE_STEP_MM for i in range(len(most))]).known:
                return f"{fault}, against its header"
        return ""


def _name(maps: Image, lateral: Sequence[float]) -> NamedChain:
    """Find the chain of discs on maps whose slices lie at these places in mm, and name it."""
    chain = chain_discs(join_peaks(find_peaks(maps, lateral), len(lateral)))
    return name_chain(drop_above_axis(chain, maps), maps)


def to_one_mm(image: Image, spacing: tuple[float, float]) -> Image:
    """Resample a slice (rows, columns) of that spacing in mm to 1 mm, blurring first where that is coarser."""
    widths = [0.5 * max(1 / mm - 1, 0) for mm in spacing]
    blurred = ndimage.gaussian_filter(image, widths) if any(widths) else image
    resampled: Image = ndimage.zoom(blurred, spacing, order=1, grid_mode=True, mode="nearest")
    return resampled


def _locate(candidate: Candidate, level: str | None, spacing: tuple[float, float, float]) -> LocatedDisc:
    between, row_mm, column_mm = spacing
    row, column = candidate.place
    anterior_row, anterior_column = candidate.anterior
    return LocatedDisc(
        level=level,
        centre=(candidate.lateral / between, row / row_mm - 0.5, column / column_mm - 0.5),
        tilt=float(np.arctan2(-anterior_row, -anterior_column)),
        width=2 * candidate.half_width,
        confidence=float(np.clip(candidate.heat, 0, 1)),
    )


def load_detector(weights: Path = EMBEDDED_WEIGHTS) -> EmbeddedDetector:
    """Load the detector and check it against its card, the JSON file beside it.

    Raises:
        UnusableModel: a file is missing, damaged, or the digest is not the card's.
    """
    stored = read_model(weights)
    network = DetectorNetwork()
    try:
        network.load_state_dict({name: tensor.float() for name, tensor in load(stored.content).items()})
    except (SafetensorError, RuntimeError) as error:
        raise UnusableModel(f"{weights} holds no weights of this detector. Install the package again.") from error
    return EmbeddedDetector(network, stored.sha256)
