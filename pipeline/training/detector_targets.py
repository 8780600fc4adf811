"""What the detector's network should say about a drawn slice."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.images.detectors.network import GRID_MM, HALF_WIDTH_SCALE, HEATS, REGIONS, SHAPES, network_input
from pipeline.training.canvas import CELLS_PER_MM, Tissue
from pipeline.training.drawn_spines import DrawnPlane, DrawnSlice
from pipeline.training.spine_parts import Floats, forward

Signal = npt.NDArray[np.float32]

HEAT_WIDTH = {"disc": 3.2, "lumbosacral": 4.0, "S1": 5.0, "C2": 4.0, "vertebra": 4.0, "transition": 6.0}
"""Standard deviations in mm."""
_REGION_TISSUES = {
    "vertebra": (Tissue.MARROW, Tissue.BRIGHT_LESION, Tissue.DARK_LESION, Tissue.ENDPLATE_CHANGE),
    "disc": (Tissue.ANNULUS, Tissue.NUCLEUS, Tissue.WORN_NUCLEUS),
    "sacrum": (Tissue.SACRUM,),
    "canal": (Tissue.FLUID, Tissue.CORD, Tissue.ROOT),
    "cord": (Tissue.CORD,),
}
SHAPE_RADIUS = 6.0  # mm around a disc's middle where its direction and width are taught
_SEEN_SHARE = 0.92  # of a body's half width; beyond it hardly anything of the body is in the slice


@dataclass(frozen=True)
class Sample:
    """Input (2, rows, columns) and targets on the output grid.

    `taught` is where shapes are taught, (rows, columns); `known` is 1 for each heat map and then each region that the
    labels tell of, and 0 for the others.
    """

    image: Signal
    heats: Signal
    shapes: Signal
    taught: Signal
    regions: Signal
    known: Signal


ALL_KNOWN: Signal = np.ones(len(HEATS) + len(REGIONS), np.float32)


def make_sample(drawn: DrawnSlice) -> Sample:
    """Turn a drawn slice into the network's input and targets; what is no spine has no heat and no region."""
    rows, columns = drawn.image.shape
    grid = np.mgrid[: rows // 2, : columns // 2] * GRID_MM + 0.5
    if drawn.shown is None:
        heats, regions = (np.zeros((len(names), rows // 2, columns // 2), np.float32) for names in (HEATS, REGIONS))
        shapes = np.zeros((len(SHAPES), rows // 2, columns // 2), np.float32)
        return Sample(network_input(drawn.image), heats, shapes, np.zeros_like(shapes[0]), regions, ALL_KNOWN)
    spots = _spots(drawn.shown, drawn.lateral)
    heats = np.stack([heat_of(grid, spots[name], HEAT_WIDTH[name]) for name in HEATS])
    shapes, taught = _shapes(grid, drawn.shown, drawn.lateral)
    cells = drawn.labels[CELLS_PER_MM :: 2 * CELLS_PER_MM, CELLS_PER_MM :: 2 * CELLS_PER_MM]
    regions = np.stack([np.isin(cells, [int(tissue) for tissue in _REGION_TISSUES[name]]) for name in REGIONS])
    return Sample(network_input(drawn.image), heats, shapes, taught, regions.astype(np.float32), ALL_KNOWN)


def _spots(shown: DrawnPlane, lateral: float) -> dict[str, list[Floats]]:
    """Give the (column, row) places that each heat map shows; bones that this plane misses have none."""
    bones = shown.spine.vertebrae
    seen = [bone for bone in bones if _is_seen(lateral, bone.lateral, bone.half_width)]
    names = {bone.name: shown.field.place(bone.centre) for bone in seen}
    discs = [d for d in shown.spine.discs if d.upper.name in names and d.lower.name in names]
    transitional = {"none": "", "upper": bones[1].name, "lower": "S1"}[shown.spine.transition]
    return {
        "disc": [shown.field.place(disc.centre) for disc in discs],
        "lumbosacral": [shown.field.place(disc.centre) for disc in discs if disc.lower.name == "S1"],
        "S1": [names["S1"]] if "S1" in names else [],
        "C2": [names["C2"]] if "C2" in names else [],
        "vertebra": [place for name, place in names.items() if name != "S1"],
        "transition": [names[transitional]] if transitional in names else [],
    }


def _is_seen(lateral: float, middle: float, half_width: float) -> bool:
    return abs(lateral - middle) < _SEEN_SHARE * half_width


def heat_of(grid: Floats, spots: list[Floats], width: float) -> Signal:
    """Warm a map around spots (column, row); all lengths in mm."""
    heat = np.zeros(grid.shape[1:], np.float32)
    for column, row in spots:
        distance = (grid[0] - row) ** 2 + (grid[1] - column) ** 2
        heat = np.maximum(heat, np.exp(-distance / (2 * width * width)))
    return heat.astype(np.float32)


def _shapes(grid: Floats, shown: DrawnPlane, lateral: float) -> tuple[Signal, Signal]:
    shapes = np.zeros((len(SHAPES), *grid.shape[1:]), np.float32)
    taught = np.zeros(grid.shape[1:], np.float32)
    for disc in shown.spine.discs:
        column, row = shown.field.place(disc.centre)
        near = (grid[0] - row) ** 2 + (grid[1] - column) ** 2 < SHAPE_RADIUS**2
        anterior = shown.field.matrix @ forward(disc.tilt) / shown.field.zoom
        shapes[:, near] = np.array([*anterior, disc.half_width * shown.field.zoom / HALF_WIDTH_SCALE])[:, None]
        taught[near] = float(_is_seen(lateral, disc.upper.lateral, disc.upper.half_width))
    return shapes, taught
