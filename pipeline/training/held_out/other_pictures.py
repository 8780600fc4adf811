"""Series that show no spine, or none from the side: a head, a knee, a phantom, a belly, slices across."""

from collections.abc import Callable

import numpy as np

from pipeline.images.volume import Volume
from pipeline.training.held_out.grid import Floats, noise


def draw_other(rng: np.random.Generator) -> Volume:
    """Draw a series without a spine."""
    draw: Callable[[np.random.Generator, tuple[int, int, int]], Floats] = _DRAWN[rng.integers(len(_DRAWN))]
    shape = (int(rng.integers(9, 22)), int(rng.integers(200, 300)), int(rng.integers(200, 300)))
    image = draw(rng, shape)
    image *= np.exp(0.25 * noise(rng, shape, (8, 120, 120)))
    sigma = rng.uniform(0.01, 0.05)
    parts = rng.standard_normal((2, *shape), dtype=np.float32) * np.float32(sigma)
    voxels = np.hypot(image + parts[0], parts[1]) * np.float32(rng.uniform(300, 1500))
    pixel = float(rng.uniform(0.6, 1.1))
    return Volume(voxels.astype(np.float32), (float(rng.uniform(3.3, 5)), pixel, pixel), (), ())


def _axes(shape: tuple[int, int, int]) -> tuple[Floats, Floats, Floats]:
    """Give slice, row and column of each point from the middle, in [-1, 1] (columns by the rows' scale)."""
    slices, rows, columns = (np.arange(size, dtype=np.float32) - (size - 1) / 2 for size in shape)
    return (
        slices[:, None, None] / (shape[0] / 2),
        rows[None, :, None] / (shape[1] / 2),
        columns[None, None] / (shape[1] / 2),
    )


def _lay(image: Floats, distance: Floats, value: Floats | float, edge: float = 0.012) -> None:
    share = np.clip(0.5 - distance / np.float32(edge), 0, 1)
    image += share * (value - image)


def _ball(place: tuple[Floats, Floats, Floats], radii: tuple[float, float, float]) -> Floats:
    parts = [(part / np.float32(radius)) ** 2 for part, radius in zip(place, radii, strict=True)]
    result: Floats = (np.sqrt(parts[0] + parts[1] + parts[2]) - 1) * np.float32(min(radii[1:]))
    return result


def _brain(rng: np.random.Generator, shape: tuple[int, int, int]) -> Floats:
    s, r, c = _axes(shape)
    image = np.zeros(shape, np.float32)
    for radius, value in ((0.86, 0.7), (0.82, 0.04), (0.78, 1.0)):
        _lay(image, _ball((s * 0.5, r + 0.1, c), (radius, radius * 0.85, radius)), value)
    folds = np.abs(noise(rng, shape, (2, 9, 9))) * 0.04
    _lay(
        image,
        _ball((s * 0.5, r + 0.1, c), (0.76, 0.62, 0.74)) + folds,
        0.42 + 0.05 * noise(rng, shape, (2, 12, 12)),
        0.03,
    )
    _lay(image, _ball((s, r + 0.12, c), (0.3, 0.1, 0.24)), 1.0)
    _lay(image, _ball((s, r - 0.38, c - 0.3), (0.7, 0.2, 0.24)), 0.4 + 0.12 * np.sin(r * 90 + c * 30))
    return image


def _knee(rng: np.random.Generator, shape: tuple[int, int, int]) -> Floats:
    s, r, c = _axes(shape)
    flat = np.zeros(shape, np.float32)
    image = flat.copy()
    _lay(image, np.abs(c + flat) - 0.75, 0.75)
    _lay(image, np.abs(c + flat) - 0.62, 0.18 + 0.05 * noise(rng, shape, (2, 40, 6)))
    shaft = np.minimum(_ball((s * 0.4, r + 0.22, c), (1, 0.26, 0.36)), np.maximum(np.abs(c + flat) - 0.2, r + 0.2))
    shin = np.maximum(np.abs(c + flat) - 0.33 + 0.2 * np.clip(r - 0.2, 0, 1), 0.09 - r)
    cap = _ball((s * 0.5, r + 0.25, c + 0.52), (0.8, 0.2, 0.09))
    for bone in (shaft, shin, cap):
        _lay(image, bone - 0.03, 0.5)
        _lay(image, bone, 0.05)
        _lay(image, bone + 0.02, 0.45 + 0.03 * noise(rng, shape, (2, 4, 4)))
    return image


def _phantom(rng: np.random.Generator, shape: tuple[int, int, int]) -> Floats:
    s, r, c = _axes(shape)
    image = np.zeros(shape, np.float32)
    _lay(image, _ball((s * 0.1, r, c), (1, 0.8, 0.8)), 0.8)
    for row in np.linspace(-0.5, 0.5, int(rng.integers(3, 8))):
        for column in (-0.3, 0.0, 0.3):
            size = rng.uniform(0.03, 0.09)
            _lay(image, np.maximum(np.abs(r - row), np.abs(c - column)) - size + 0 * s, float(rng.choice([0.05, 0.4])))
    return image


def _belly(rng: np.random.Generator, shape: tuple[int, int, int]) -> Floats:
    """Draw a sagittal belly far to the side: liver, kidney, bowel, muscle."""
    s, r, c = _axes(shape)
    image = np.zeros(shape, np.float32)
    _lay(image, np.abs(c + 0.05 * np.sin(2 * r)) - 0.74 + 0 * s, 0.75)
    _lay(image, np.abs(c + 0.05 * np.sin(2 * r)) - 0.6 + 0 * s, 0.2)
    loops = noise(rng, shape, (4, 22, 20))
    image += np.clip(loops * 4, 0, 1) * (np.abs(c) < 0.55) * np.float32(0.4)
    _lay(image, _ball((s * 0.3, r + 0.55, c + 0.1), (1, 0.45, 0.5)), 0.25 + 0.03 * noise(rng, shape, (2, 6, 6)))
    _lay(image, _ball((s * 0.5, r + 0.1, c - 0.35), (1, 0.3, 0.15)), 0.6)
    _lay(image, _ball((s, r + 0.1, c - 0.32), (1, 0.12, 0.05)), 0.8)
    return image


def _across(rng: np.random.Generator, shape: tuple[int, int, int]) -> Floats:
    """Draw axial slices of a lumbar spine, which are no use for counting."""
    s, r, c = _axes(shape)
    image = np.zeros(shape, np.float32)
    _lay(image, _ball((0 * s, r, c), (1, 0.72, 0.98)), 0.75)
    _lay(image, _ball((0 * s, r, c), (1, 0.6, 0.84)), 0.15 + 0.04 * noise(rng, shape, (2, 8, 8)))
    _lay(image, _ball((0 * s, r + 0.2, c), (1, 0.34, 0.7)), 0.6 * np.clip(noise(rng, shape, (3, 20, 20)), 0.2, 1))
    for side in (-1, 1):
        _lay(image, _ball((0 * s, r - 0.05, c - 0.34 * side), (1, 0.14, 0.12)), 0.14)
    body = _ball((0 * s, r - 0.05, c), (1, 0.16, 0.23))
    _lay(image, body, 0.04)
    _lay(image, body + 0.015, 0.3 + 0.1 * np.sin(s * 9))
    _lay(image, _ball((0 * s, r - 0.28, c), (1, 0.07, 0.1)), 0.95)
    _lay(image, np.maximum(np.abs(c) - 0.025, np.abs(r - 0.47) - 0.12) + 0 * s, 0.3)
    return image


_DRAWN = (_brain, _knee, _phantom, _belly, _across)
