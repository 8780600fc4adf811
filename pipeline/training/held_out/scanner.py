"""The painted body as an image: slices, chemical shift, coil, movement, truncation, noise and pixels."""

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from pipeline.training.held_out.grid import Canvas, Floats

MARGIN_MM = 9.0
"""The grid is painted this much wider on each side than the picture, so that its end does not ring."""


@dataclass(frozen=True)
class Scan:
    """How a study is taken: mm, `finest` the smallest thing resolved, `pixel` what it is interpolated to.

    `slices` are `between` apart and `thickness` thick, each painted on `planes` planes. `shift` is how far fat is
    moved along the rows, `band` whether the belly is saturated; `ghosts`, `noise` are shares of the marrow's signal.
    """

    slices: int
    between: float
    thickness: float
    planes: int
    finest: tuple[float, float]
    pixel: float
    shift: float
    fat_down: bool
    band: float
    ghosts: float
    noise: float
    coil: float


@dataclass(frozen=True)
class Pixels:
    """Voxels (slices, rows, columns); `mm` of a pixel; `first` the grid's place (points) of the first pixel."""

    voxels: Floats
    mm: tuple[float, float]
    first: tuple[float, float]
    per_point: tuple[float, float]


def take(canvas: Canvas, scan: Scan, depth: Floats, rng: np.random.Generator) -> Pixels:
    """Take the images of a painted canvas.

    Args:
        canvas: with `scan.planes` planes for each slice.
        scan: how.
        depth: mm behind the canal of every point of a plane, (rows, columns).
        rng: for noise and artefacts.
    """
    water, fat = (_slices(part, scan) for part in (canvas.water, canvas.fat))
    moved = (0.0, scan.shift / canvas.grid.step, 0.0) if scan.fat_down else (0.0, 0.0, scan.shift / canvas.grid.step)
    image = water + ndimage.shift(fat, moved, order=1, mode="nearest")
    level = float(np.median(image[image > 0.08])) if (image > 0.08).any() else 0.3
    image *= _coil(scan, depth, image.shape[1:], rng)
    if scan.band:
        edge = depth + 64 + rng.uniform(-6, 14) + np.linspace(-12, 12, depth.shape[0], dtype=np.float32)[:, None]
        image *= 1 - scan.band * (1 / (1 + np.exp(edge / 4)))[None]
    if scan.ghosts:
        image += _ghosts(image, scan, depth, rng)
    pixels = _resampled(image, scan, canvas.grid.step)
    noise = rng.standard_normal((2, *pixels.voxels.shape), dtype=np.float32) * np.float32(scan.noise * level)
    voxels = np.hypot(pixels.voxels + noise[0], noise[1]) * np.float32(rng.uniform(400, 1800))
    return Pixels(voxels.astype(np.float32), pixels.mm, pixels.first, pixels.per_point)


def _slices(part: Floats, scan: Scan) -> Floats:
    """Add up the planes of each slice."""
    planes = part.reshape(scan.slices, scan.planes, *part.shape[1:])
    if scan.planes == 1:
        return planes[:, 0].copy()
    weights = np.hanning(scan.planes + 2)[1:-1] ** 0.35
    summed: Floats = np.einsum("spij,p->sij", planes, (weights / weights.sum()).astype(np.float32))
    return summed


def _coil(scan: Scan, depth: Floats, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Give the coil's gain: strongest near the back, falling to the front and beyond its ends."""
    rows, columns = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j].astype(np.float32)
    fall = (1 + np.exp((-depth - 80) / 50)) ** np.float32(-scan.coil)
    near = 1 + 0.2 * scan.coil * np.exp(-((depth - 70) ** 2) / np.float32(900))
    ends = np.clip(1 - 0.75 * np.clip(np.abs(rows) - rng.uniform(0.7, 0.95), 0, 1), 0.3, 1)
    a, b, c = rng.normal(0, 0.08, 3)
    gain: Floats = (fall * near * ends * np.exp(a * rows + b * columns + c * rows * columns)).astype(np.float32)
    return gain


def _ghosts(image: Floats, scan: Scan, depth: Floats, rng: np.random.Generator) -> Floats:
    """Give faint copies of what moves, the belly and the fluid, along the phase direction."""
    moving = image * np.clip(-depth / 60 - 0.3, 0.15, 1)[None]
    axis = 2 if scan.fat_down else 1
    points = int(rng.uniform(0.14, 0.34) * image.shape[axis])
    copies = (
        np.roll(moving, points, axis) - 0.5 * np.roll(moving, -points, axis) + 0.3 * np.roll(moving, points // 2, axis)
    )
    result: Floats = copies * np.float32(scan.ghosts)
    return result


def _resampled(image: Floats, scan: Scan, step: float) -> Pixels:
    """Cut off the frequencies that were not measured, give the pixels by Fourier interpolation, and cut the margin."""
    shape = image.shape[1:]
    counts = [round(size * step / scan.pixel) for size in shape]
    spectrum = fft.rfft2(image)
    rows, columns = fft.fftfreq(shape[0], step), fft.rfftfreq(shape[1], step)
    keep = [
        np.clip((0.5 / finest - np.abs(f)) * 60, 0, 1) for f, finest in zip((rows, columns), scan.finest, strict=True)
    ]
    soft = [np.exp(-0.45 * (f * finest * 2) ** 2) for f, finest in zip((rows, columns), scan.finest, strict=True)]
    spectrum *= ((keep[0] * soft[0])[:, None] * (keep[1] * soft[1])[None]).astype(np.float32)
    half_rows = min(shape[0], counts[0]) // 2
    half_columns = min(spectrum.shape[2], counts[1] // 2 + 1)
    wide = np.zeros((len(image), counts[0], counts[1] // 2 + 1), np.complex64)
    wide[:, :half_rows, :half_columns] = spectrum[:, :half_rows, :half_columns]
    wide[:, -half_rows:, :half_columns] = spectrum[:, -half_rows:, :half_columns]
    values = np.abs(fft.irfft2(wide, s=counts)) * np.float32(counts[0] * counts[1] / (shape[0] * shape[1]))
    mm = (shape[0] * step / counts[0], shape[1] * step / counts[1])
    cut = (round(MARGIN_MM / mm[0]), round(MARGIN_MM / mm[1]))
    voxels = values[:, cut[0] : counts[0] - cut[0], cut[1] : counts[1] - cut[1]]
    per_point = (step / mm[0], step / mm[1])
    return Pixels(voxels.astype(np.float32), mm, (cut[0] / per_point[0], cut[1] / per_point[1]), per_point)
