"""Tissues of pictures that show no spine from the side: limbs, phantoms, bodies cut across, organs."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pipeline.training.canvas import Canvas, Field, Tissue

Generator = np.random.Generator

_ORGANS = (Tissue.BOWEL, Tissue.GAS, Tissue.MUSCLE, Tissue.VESSEL, Tissue.BLADDER, Tissue.FAT, Tissue.BRAIN)


def paint_other(rng: Generator, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Paint something else, (rows, columns) at CELLS_PER_MM; `size` is in mm."""
    canvas = Canvas(Field(size, np.zeros(2), (size[1] / 2, size[0] / 2), float(rng.normal(0, 0.3))))
    kinds: tuple[Callable[[Canvas, Generator], None], ...] = (_limb, _phantom, _across, _organs)
    kinds[rng.integers(len(kinds))](canvas, rng)
    return canvas.labels()


def _empty(canvas: Canvas) -> None:
    canvas.ellipse(np.zeros(2), (900, 900), 0.0, Tissue.AIR)


def _limb(canvas: Canvas, rng: Generator) -> None:
    """Paint two long bones that meet in a joint, with muscle and fat around."""
    _empty(canvas)
    half = rng.uniform(30, 75)
    canvas.ellipse(np.zeros(2), (half + rng.uniform(3, 15), 400), 0.0, Tissue.FAT)
    canvas.ellipse(np.zeros(2), (half, 400), 0.0, Tissue.MUSCLE)
    gap, wide = rng.uniform(2, 8), rng.uniform(12, 26)
    for sign in (-1, 1):
        ends = ((wide * 1.5, 16 + wide * 0.4, 18.0), (wide * 0.7, 200.0, 200.0))
        for across, along, away in ends:
            place = np.array([rng.normal(0, 2), sign * (gap / 2 + away)])
            canvas.ellipse(place, (across, along), 0.0, Tissue.CORTEX)
            canvas.ellipse(place, (across - 1.5, along - 1.5), 0.0, Tissue.MARROW)
    canvas.ellipse(np.array([-wide * 1.9, 0.0]), (rng.uniform(5, 11), rng.uniform(12, 24)), 0.0, Tissue.MARROW)
    canvas.ellipse(np.zeros(2), (wide * rng.uniform(1, 1.5), gap / 2), 0.0, Tissue.ANNULUS)


def _phantom(canvas: Canvas, rng: Generator) -> None:
    """Paint a bottle with rows of round or square inserts."""
    _empty(canvas)
    body, insert = rng.choice([int(tissue) for tissue in Tissue], 2)
    canvas.ellipse(np.zeros(2), rng.uniform(60, 140, 2), 0.0, Tissue(int(body)))
    step, size = rng.uniform(12, 40), rng.uniform(3, 14)
    columns, rows = rng.integers(1, 5), rng.integers(2, 9)
    for i in range(rows):
        for j in range(columns):
            place = np.array([(j - (columns - 1) / 2) * step, (i - (rows - 1) / 2) * step])
            canvas.ellipse(place, (size, size * rng.uniform(0.3, 1)), 0.0, Tissue(int(insert)))


def _across(canvas: Canvas, rng: Generator) -> None:
    """Paint a body cut across, with a vertebra, its canal and the muscles behind it."""
    _empty(canvas)
    wide, deep = rng.uniform(80, 160), rng.uniform(60, 110)
    canvas.ellipse(np.zeros(2), (wide, deep), 0.0, Tissue.SKIN_FAT)
    canvas.ellipse(np.zeros(2), (wide - rng.uniform(5, 25), deep - rng.uniform(5, 25)), 0.0, Tissue.MUSCLE)
    _scatter(canvas, rng, (wide, deep))
    bone = np.array([0.0, deep * 0.25])
    for side in (-1, 1):
        canvas.ellipse(bone + np.array([side * 30, 30]), (rng.uniform(15, 25), rng.uniform(15, 25)), 0.0, Tissue.MUSCLE)
    inside = (Tissue.MARROW, Tissue.ANNULUS, Tissue.NUCLEUS)[rng.integers(3)]
    canvas.ellipse(bone, (25, 18), 0.0, Tissue.CORTEX)
    canvas.ellipse(bone, (23.5, 16.5), 0.0, inside)
    canvas.ellipse(bone + np.array([0, 26]), (10, 8), 0.0, Tissue.FLUID)
    canvas.ellipse(bone + np.array([0, 48]), (4, 14), 0.0, Tissue.PROCESS)


def _organs(canvas: Canvas, rng: Generator) -> None:
    if rng.random() < 0.6:
        _empty(canvas)
    _scatter(canvas, rng, (110, 140))


def _scatter(canvas: Canvas, rng: Generator, reach: tuple[float, float]) -> None:
    for _ in range(rng.integers(15, 90)):
        place = rng.uniform(-1, 1, 2) * reach
        canvas.ellipse(place, rng.uniform(4, 40, 2), rng.uniform(0, 3), _ORGANS[rng.integers(len(_ORGANS))])
