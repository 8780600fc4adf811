"""Tissues to signal: T2, T1, fat-suppressed or arbitrary contrast, coil profile, blur and noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from pipeline.training.canvas import CELLS_PER_MM, Tissue

Generator = np.random.Generator
Signal = npt.NDArray[np.float32]
Range = tuple[float, float]

_PATCHY = (Tissue.BOWEL, Tissue.GAS, Tissue.BRAIN, Tissue.LUNG)
_SOFT = (Tissue.FAT, Tissue.MUSCLE, Tissue.BOWEL, Tissue.VESSEL, Tissue.LIGAMENT, Tissue.LUNG)

# Range of each tissue's signal. Marrow, and what is made of marrow, is given as a multiple of the marrow's own draw.
_MARROW_LIKE: dict[Tissue, Range] = {
    Tissue.MARROW: (1, 1),
    Tissue.SACRUM: (0.85, 1.15),
    Tissue.PROCESS: (0.75, 1.15),
    Tissue.DARK_LESION: (0.25, 0.5),
    Tissue.BRIGHT_LESION: (1.5, 2.2),
    Tissue.ENDPLATE_CHANGE: (0.3, 2.0),
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
    Tissue.MARROW: (0.16, 0.6),
    Tissue.CORTEX: (0.03, 0.15),
    Tissue.ANNULUS: (0.04, 0.2),
    Tissue.NUCLEUS: (0.35, 1.0),
    Tissue.WORN_NUCLEUS: (0.06, 0.25),
    Tissue.SACRAL_DISC: (0.2, 0.9),
    Tissue.METAL: (0, 0.03),
    Tissue.PILE_UP: (0.2, 1.4),
    Tissue.LUNG: (0.01, 0.12),
    Tissue.BRAIN: (0.3, 0.6),
}
_FATTY = {
    Tissue.FAT: 1.0,
    Tissue.SKIN_FAT: 1.0,
    Tissue.EPIDURAL: 0.9,
    Tissue.MARROW: 0.5,
    Tissue.SACRUM: 0.5,
    Tissue.PROCESS: 0.5,
}
"""Share of a tissue's signal that comes from fat, which a chemical shift moves."""
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
    """How one acquisition shows tissues: `signal` per `Tissue`; `blur` is its resolution down and across in mm.

    `texture` and `clutter` are how uneven all tissues, and soft ones, are. `shift` moves fat by (rows, columns) of
    cells; `kept` is the share of spatial frequencies along rows and columns.
    """

    signal: Signal
    texture: float
    clutter: float
    blur: tuple[float, float]
    shift: tuple[int, int]
    kept: tuple[float, float]
    coil: tuple[float, float, float]
    noise: float
    seed: int


def draw_contrast(rng: Generator, kind: str) -> Contrast:
    """Draw an acquisition's contrast of kind "T2", "T1", "STIR" or "any"."""
    signal = np.zeros(len(Tissue), np.float32)
    if kind == "any":
        signal[:] = rng.uniform(0, 1, len(signal))
        signal[Tissue.AIR], signal[Tissue.CORTEX] = rng.uniform(0, 0.02), signal[Tissue.CORTEX] * 0.4
        signal[Tissue.METAL] = rng.uniform(0, 0.03)
        while abs(signal[Tissue.MARROW] - signal[Tissue.ANNULUS]) < 0.12:
            signal[Tissue.ANNULUS] = rng.uniform(0, 1)
    else:
        for tissue, (low, high) in {"T2": _T2, "T1": _T1, "STIR": _STIR}[kind].items():
            signal[tissue] = rng.uniform(low, high)
    for tissue, (low, high) in _MARROW_LIKE.items():
        signal[tissue] = signal[Tissue.MARROW] * rng.uniform(low, high)
    coil = (rng.uniform(-0.3, 2.4), rng.uniform(0, 1.0), rng.uniform(-0.3, 0.3))
    noise = abs(rng.normal(0, 0.025)) + 0.004
    fine = rng.uniform(0.4, 1.2)
    blur = (fine * rng.uniform(0.8, 1.5), fine) if rng.random() < 0.5 else (fine, fine * rng.uniform(0.8, 1.5))
    shift = (int(rng.integers(-3, 4)), 0) if rng.random() < 0.5 else (0, int(rng.integers(-3, 4)))
    kept = (rng.uniform(0.55, 0.95), rng.uniform(0.55, 0.95)) if rng.random() < 0.3 else (1.0, 1.0)
    texture, clutter = rng.uniform(0.02, 0.1), rng.uniform(0, 0.45)
    return Contrast(signal, texture, clutter, blur, shift, kept, coil, noise, int(rng.integers(2**31)))


def render(planes: Sequence[npt.NDArray[np.uint8]], contrast: Contrast, rng: Generator) -> Signal:
    """Turn tissues, planes of (rows, columns) at CELLS_PER_MM, into the signal of the one slice that they lie in.

    Texture and coil follow the contrast's seed, so that slices of one acquisition are alike; noise follows `rng`.

    Returns:
        (rows, columns) at 1 mm, non-negative, about 1 at its brightest.
    """
    height, width = planes[0].shape
    image = _tissue_signal(planes, contrast)
    image = ndimage.gaussian_filter(image, [blur * CELLS_PER_MM * 0.45 for blur in contrast.blur])
    rows, columns = height // CELLS_PER_MM, width // CELLS_PER_MM
    image = image.reshape(rows, CELLS_PER_MM, columns, CELLS_PER_MM).mean(axis=(1, 3))
    if contrast.kept != (1.0, 1.0):
        image = _truncate(image, contrast.kept)
    image = np.maximum(image, 0) * _coil_profile(contrast, rows, columns)
    level = contrast.noise * np.percentile(image, 90)
    noisy = np.hypot(image + rng.normal(0, level, image.shape), rng.normal(0, level, image.shape))
    return np.asarray(noisy, np.float32)


def _tissue_signal(planes: Sequence[npt.NDArray[np.uint8]], contrast: Contrast) -> Signal:
    """Mean signal of the planes, with texture, and with fat where the scanner puts it."""
    fixed = np.random.default_rng(contrast.seed)
    height, width = planes[0].shape
    texture, clutter = np.ones((height, width), np.float32), np.zeros((height, width), np.float32)
    for size in (2, 6, 14):
        field = _smooth_field(fixed, (height, width), size, order=1)
        texture = texture * (1 + contrast.texture * 0.5 * (1.6 if size > 2 else 1) * field)
        clutter = clutter + field * (0.4 if size == 2 else 1)
    clutter = np.exp(contrast.clutter * np.clip(clutter, -2, 2))
    hydration = np.interp(np.arange(height), np.linspace(0, height, 14), fixed.uniform(0.6, 1.15, 14))[:, None]
    patches = np.abs(_smooth_field(fixed, (height, width), 24, order=0)) + 0.1
    patchy, soft = (np.isin(np.arange(len(Tissue)), tissues) for tissues in (_PATCHY, _SOFT))
    fat_share = np.array([_FATTY.get(tissue, 0.0) for tissue in Tissue], np.float32)
    water, fat = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    for labels in planes:
        image: Signal = contrast.signal[labels]
        image = np.where(labels == Tissue.NUCLEUS, image * hydration, image).astype(np.float32)
        image = np.where(patchy[labels], image * patches, image).astype(np.float32)
        image = np.where(soft[labels], image * clutter, image).astype(np.float32)
        share = fat_share[labels]
        water += image * (1 - share)
        fat += image * share
    if any(contrast.shift):
        fat = np.roll(fat, contrast.shift, axis=(0, 1))
    total: Signal = ((water + fat) * texture / len(planes)).astype(np.float32)
    return total


def _truncate(image: Signal, kept: tuple[float, float]) -> Signal:
    """Leave out high spatial frequencies, which rings beside sharp edges."""
    spectrum = np.fft.rfft2(image)
    rows = np.abs(np.fft.fftfreq(image.shape[0])) > kept[0] / 2
    columns = np.fft.rfftfreq(image.shape[1]) > kept[1] / 2
    spectrum[rows] = 0
    spectrum[:, columns] = 0
    return np.asarray(np.fft.irfft2(spectrum, s=image.shape), np.float32)


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
