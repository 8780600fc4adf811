"""The embedded disc detector: a volume to discs with levels, or without and the reason."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.torch import load
from scipy import ndimage

from pipeline.images.detectors.chain import chain_discs
from pipeline.images.detectors.levels import name_chain
from pipeline.images.detectors.network import DetectorNetwork, predict_maps
from pipeline.images.detectors.peaks import Candidate, find_peaks, join_peaks
from pipeline.images.detectors.protocol import DetectedDiscs, LocatedDisc
from pipeline.images.errors import UnusableModel
from pipeline.images.model_files import EMBEDDED_WEIGHTS, read_weights
from pipeline.images.volume import Volume

_SLICE_STEP_MM = 3.0  # thinner slices are read at about this distance, as the drawn ones are


class EmbeddedDetector:
    """The small network trained on drawn spines."""

    def __init__(self, network: DetectorNetwork, digest: str) -> None:
        self._network = network.eval()
        self.name = f"spinelabel-detector@sha256:{digest}"

    def detect(self, volume: Volume) -> DetectedDiscs:
        """Find the discs of a sagittal volume; slices are read at 1 mm in plane."""
        between, row_mm, column_mm = volume.spacing_mm
        step = max(1, int(_SLICE_STEP_MM / between))
        indices = range((len(volume.voxels) - 1) % step // 2, len(volume.voxels), step)
        maps = predict_maps(self._network, [to_one_mm(volume.voxels[i], (row_mm, column_mm)) for i in indices])
        peaks = find_peaks(maps, [i * between for i in indices])
        named = name_chain(chain_discs(join_peaks(peaks, len(indices))), maps)
        discs = tuple(
            _locate(candidate, level, volume.spacing_mm)
            for candidate, level in zip(named.discs, named.levels, strict=True)
        )
        return DetectedDiscs(discs, named.known, named.reason)


def to_one_mm(image: npt.NDArray[np.float32], spacing: tuple[float, float]) -> npt.NDArray[np.float32]:
    """Resample a slice (rows, columns) of that spacing in mm to 1 mm, blurring first where that is coarser."""
    widths = [0.5 * max(1 / mm - 1, 0) for mm in spacing]
    blurred = ndimage.gaussian_filter(image, widths) if any(widths) else image
    resampled: npt.NDArray[np.float32] = ndimage.zoom(blurred, spacing, order=1, grid_mode=True, mode="nearest")
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
    content, digest = read_weights(weights)
    network = DetectorNetwork()
    try:
        network.load_state_dict({name: tensor.float() for name, tensor in load(content).items()})
    except (SafetensorError, RuntimeError) as error:
        raise UnusableModel(f"{weights} holds no weights of this detector. Install the package again.") from error
    return EmbeddedDetector(network, digest)
