"""What the detector's network should say about a drawn slice."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.images.detectors.network import GRID_MM, HALF_WIDTH_SCALE, HEATS, REGIONS, SHAPES, network_input
from pipeline.training.canvas import CELLS_PER_MM, Tissue
from pipeline.training.drawn_spines import DrawnSlice
from pipeline.training.spine_anatomy import Floats, forward

Signal = npt.NDArray[np.float32]

_HEAT_WIDTH = {"disc": 3.2, "L5-S1": 4.0, "S1": 5.0, "C2": 4.0, "vertebra": 4.0}  # standard deviation, mm
_REGION_TISSUES = {
    "vertebra": (Tissue.MARROW, Tissue.BRIGHT_LESION, Tissue.DARK_LESION, Tissue.ENDPLATE_CHANGE),
    "disc": (Tissue.ANNULUS, Tissue.NUCLEUS, Tissue.WORN_NUCLEUS),
    "sacrum": (Tissue.SACRUM,),
    "canal": (Tissue.FLUID, Tissue.CORD, Tissue.ROOT),
}
_SHAPE_RADIUS = 6.0  # mm around a disc's middle where its direction and width are taught
_SEEN_SHARE = 0.92  # of a body's half width; beyond it hardly anything of the body is in the slice


@dataclass(frozen=True)
class Sample:
    """Input (2, rows, columns) and targets on the output grid; `taught` is where shapes are taught, (rows, columns)."""

    image: Signal
    heats: Signal
    shapes: Signal
    taught: Signal
    regions: Signal


def make_sample(drawn: DrawnSlice) -> Sample:
    """Turn a drawn slice into the network's input and targets."""
    rows, columns = drawn.field.size
    grid = np.mgrid[: rows // 2, : columns // 2] * GRID_MM + 0.5
    spots = _spots(drawn)
    heats = np.stack([_heat(grid, spots[name], _HEAT_WIDTH[name]) for name in HEATS])
    shapes, taught = _shapes(grid, drawn)
    cells = drawn.labels[CELLS_PER_MM :: 2 * CELLS_PER_MM, CELLS_PER_MM :: 2 * CELLS_PER_MM]
    regions = np.stack([np.isin(cells, [int(tissue) for tissue in _REGION_TISSUES[name]]) for name in REGIONS])
    return Sample(network_input(drawn.image), heats, shapes, taught, regions.astype(np.float32))


def _spots(drawn: DrawnSlice) -> dict[str, list[Floats]]:
    """Give the (column, row) places that each heat map shows; bones that this plane misses have none."""
    seen = [bone for bone in drawn.spine.vertebrae if _is_seen(drawn.lateral, bone.lateral, bone.half_width)]
    names = {bone.name: drawn.field.place(bone.centre) for bone in seen}
    discs = [d for d in drawn.spine.discs if d.upper.name in names and d.lower.name in names]
    return {
        "disc": [drawn.field.place(disc.centre) for disc in discs],
        "L5-S1": [drawn.field.place(disc.centre) for disc in discs if disc.level == "L5-S1"],
        "S1": [names["S1"]] if "S1" in names else [],
        "C2": [names["C2"]] if "C2" in names else [],
        "vertebra": [place for name, place in names.items() if name != "S1"],
    }


def _is_seen(lateral: float, middle: float, half_width: float) -> bool:
    return abs(lateral - middle) < _SEEN_SHARE * half_width


def _heat(grid: Floats, spots: list[Floats], width: float) -> Signal:
    heat = np.zeros(grid.shape[1:], np.float32)
    for column, row in spots:
        distance = (grid[0] - row) ** 2 + (grid[1] - column) ** 2
        heat = np.maximum(heat, np.exp(-distance / (2 * width * width)))
    return heat.astype(np.float32)


def _shapes(grid: Floats, drawn: DrawnSlice) -> tuple[Signal, Signal]:
    shapes = np.zeros((len(SHAPES), *grid.shape[1:]), np.float32)
    taught = np.zeros(grid.shape[1:], np.float32)
    for disc in drawn.spine.discs:
        column, row = drawn.field.place(disc.centre)
        near = (grid[0] - row) ** 2 + (grid[1] - column) ** 2 < _SHAPE_RADIUS**2
        anterior = drawn.field.matrix @ forward(disc.tilt) / drawn.field.zoom
        shapes[:, near] = np.array([*anterior, disc.half_width * drawn.field.zoom / HALF_WIDTH_SCALE])[:, None]
        taught[near] = float(_is_seen(drawn.lateral, disc.upper.lateral, disc.upper.half_width))
    return shapes, taught
