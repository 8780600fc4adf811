"""Tissues to signal: T2, T1, fat-suppressed or arbitrary contrast, coil profile, blur and noise."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from pipeline.training.canvas import CELLS_PER_MM, Tissue

Generator = np.random.Generator
Signal = npt.NDArray[np.float32]
Range = tuple[float, float]

# Range of each tissue's signal. Marrow, and what is made of marrow, is given as a multiple of the marrow's own draw.
_MARROW_LIKE: dict[Tissue, Range] = {
    Tissue.MARROW: (1, 1),
    Tissue.SACRUM: (0.85, 1.15),
    Tissue.PROCESS: (0.75, 1.15),
    Tissue.DARK_LESION: (0.25, 0.5),
    Tissue.BRIGHT_LESION: (1.5, 2.2),
    Tissue.ENDPLATE_CHANGE: (0.4, 1.7),
}
_T2: dict[Tissue, Range] = {
    Tissue.AIR: (0, 0.02),
    Tissue.FAT: (0.4, 0.9),
    Tissue.SKIN_FAT: (0.5, 1.1),
    Tissue.MUSCLE: (0.06, 0.22),
    Tissue.VESSEL: (0.02, 0.3),
    Tissue.BOWEL: (0.1, 0.6),
    Tissue.GAS: (0.02, 0.8),
    Tissue.BLADDER: (0.7, 1.2),
    Tissue.LIGAMENT: (0.02, 0.12),
    Tissue.FLUID: (0.65, 1.15),
    Tissue.CORD: (0.28, 0.5),
    Tissue.EPIDURAL: (0.35, 0.9),
    Tissue.ROOT: (0.15, 0.4),
    Tissue.MARROW: (0.18, 0.48),
    Tissue.CORTEX: (0.03, 0.15),
    Tissue.ANNULUS: (0.04, 0.2),
    Tissue.NUCLEUS: (0.35, 1.0),
    Tissue.WORN_NUCLEUS: (0.06, 0.25),
    Tissue.SACRAL_DISC: (0.2, 0.9),
}
_T1 = _T2 | {
    Tissue.FAT: (0.6, 0.95),
    Tissue.SKIN_FAT: (0.7, 1.1),
    Tissue.FLUID: (0.06, 0.2),
    Tissue.BLADDER: (0.08, 0.3),
    Tissue.CORD: (0.2, 0.4),
    Tissue.MUSCLE: (0.15, 0.35),
    Tissue.MARROW: (0.25, 0.6),
    Tissue.ANNULUS: (0.12, 0.3),
    Tissue.NUCLEUS: (0.15, 0.38),
    Tissue.SACRAL_DISC: (0.15, 0.38),
}
_STIR = _T2 | {
    Tissue.FAT: (0.02, 0.18),
    Tissue.SKIN_FAT: (0.02, 0.2),
    Tissue.EPIDURAL: (0.03, 0.22),
    Tissue.MARROW: (0.06, 0.25),
    Tissue.CORTEX: (0.01, 0.06),
    Tissue.ANNULUS: (0.03, 0.15),
}


@dataclass(frozen=True)
class Contrast:
    """How one acquisition shows tissues: `signal` per `Tissue`; `blur` is its in-plane resolution in mm."""

    signal: Signal
    texture: float
    blur: float
    coil: tuple[float, float, float]
    noise: float
    seed: int


def draw_contrast(rng: Generator, kind: str) -> Contrast:
    """Draw an acquisition's contrast of kind "T2", "T1", "STIR" or "any"."""
    signal = np.zeros(len(Tissue), np.float32)
    if kind == "any":
        signal[:] = rng.uniform(0, 1, len(signal))
        signal[Tissue.AIR], signal[Tissue.CORTEX] = rng.uniform(0, 0.02), signal[Tissue.CORTEX] * 0.4
        while abs(signal[Tissue.MARROW] - signal[Tissue.ANNULUS]) < 0.12:
            signal[Tissue.ANNULUS] = rng.uniform(0, 1)
    else:
        for tissue, (low, high) in {"T2": _T2, "T1": _T1, "STIR": _STIR}[kind].items():
            signal[tissue] = rng.uniform(low, high)
    for tissue, (low, high) in _MARROW_LIKE.items():
        signal[tissue] = signal[Tissue.MARROW] * rng.uniform(low, high)
    coil = (rng.uniform(-0.3, 2.4), rng.uniform(0, 1.0), rng.uniform(-0.3, 0.3))
    noise = abs(rng.normal(0, 0.025)) + 0.004
    return Contrast(signal, rng.uniform(0.02, 0.1), rng.uniform(0.4, 1.2), coil, noise, int(rng.integers(2**31)))


def render(labels: npt.NDArray[np.uint8], contrast: Contrast, rng: Generator) -> Signal:
    """Turn tissues, (rows, columns) at CELLS_PER_MM, into signal at 1 mm; non-negative, about 1 at its brightest.

    Texture and coil follow the contrast's seed, so that slices of one acquisition are alike; noise follows `rng`.
    """
    fixed = np.random.default_rng(contrast.seed)
    image = contrast.signal[labels]
    height, width = image.shape
    for size in (2, 6, 14):
        field = _smooth_field(fixed, (height, width), size, order=1)
        image = image * (1 + contrast.texture * 0.5 * (1.6 if size > 2 else 1) * field)
    hydration = np.interp(np.arange(height), np.linspace(0, height, 14), fixed.uniform(0.6, 1.15, 14))[:, None]
    image = np.where(labels == Tissue.NUCLEUS, image * hydration, image)
    patches = np.abs(_smooth_field(fixed, (height, width), 24, order=0)) + 0.1
    image = np.where((labels == Tissue.BOWEL) | (labels == Tissue.GAS), image * patches, image)
    image = ndimage.gaussian_filter(image, contrast.blur * CELLS_PER_MM * 0.45)
    rows, columns = height // CELLS_PER_MM, width // CELLS_PER_MM
    image = image.reshape(rows, CELLS_PER_MM, columns, CELLS_PER_MM).mean(axis=(1, 3))
    image = np.maximum(image, 0) * _coil_profile(contrast, rows, columns)
    level = contrast.noise * np.percentile(image, 90)
    noisy: Signal = np.hypot(image + rng.normal(0, level, image.shape), rng.normal(0, level, image.shape)).astype(
        np.float32
    )
    return noisy


def _smooth_field(rng: Generator, shape: tuple[int, int], size: int, order: int) -> Signal:
    coarse = rng.normal(0, 1, (shape[0] // size + 2, shape[1] // size + 2)).astype(np.float32)
    field: Signal = ndimage.zoom(coarse, size, order=order)[: shape[0], : shape[1]]
    return field


def _coil_profile(contrast: Contrast, rows: int, columns: int) -> Signal:
    """Signal falls off from the coil behind the back, and towards the coil's ends."""
    across, along = np.linspace(0, 1, columns)[None, :], np.linspace(-1, 1, rows)[:, None]
    fall, ends, middle = contrast.coil
    profile: Signal = np.exp(fall * (across - 0.6)) * np.exp(-ends * (along - middle) ** 2)
    return profile
