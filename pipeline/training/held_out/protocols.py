"""Which field, slices and sequence a study is taken with."""

from dataclasses import dataclass

import numpy as np

from pipeline.training.held_out.discs import disc_frame
from pipeline.training.held_out.grid import Grid
from pipeline.training.held_out.plans import Plan
from pipeline.training.held_out.scanner import MARGIN_MM, Scan
from pipeline.training.held_out.skeleton import Skeleton


@dataclass(frozen=True)
class Protocol:
    """How a study is taken, and the grid that it is painted on."""

    scan: Scan
    grid: Grid


def draw_protocol(rng: np.random.Generator, plan: Plan, skeleton: Skeleton) -> Protocol:
    """Draw field, slices, pixels and faults of a plan's study."""
    height, width, middle = _field(rng, plan, skeleton)
    turn = float(np.radians(plan.turn + rng.normal(0, 2.5)))
    slices, between, thickness, planes = _slices(rng, plan)
    finest = (rng.uniform(0.75, 1.15), rng.uniform(0.65, 1.0))
    step = 0.85 if max(height, width) < 340 else 1.05
    pixel = float(
        np.clip(rng.choice([0.35, 0.45, 0.55, 0.65, 0.8, 0.95, 1.15, 1.35]) * rng.uniform(0.9, 1.08), 0.3, 1.4)
    )
    if plan.slices in ("thin", "isotropic"):
        finest, pixel, step = (1.0, 1.0), 1.0, 1.0
    if plan.region == "whole":
        finest, pixel, step = (1.2, 1.1), float(rng.uniform(0.8, 1.3)), 1.15
    shape = (int((height + 2 * MARGIN_MM) / step), int((width + 2 * MARGIN_MM) / step))
    scan = Scan(
        slices=slices,
        between=between,
        thickness=thickness,
        planes=planes,
        finest=finest,
        pixel=pixel,
        shift=float(rng.choice([-1, 1]) * rng.uniform(0.2, 1.8)),
        fat_down=bool(rng.random() < 0.5),
        band=float(rng.uniform(0.6, 0.95)) if rng.random() < 0.65 else 0.0,
        ghosts=float(rng.uniform(0.02, 0.12)) if rng.random() < 0.6 else 0.0,
        noise=float(rng.uniform(0.03, 0.11)),
        coil=float(rng.uniform(0.3, 1.6)) if plan.region != "whole" else 0.3,
    )
    seen = [f.middle[0] for f in skeleton.frames.values() if abs(f.middle[2] - middle[1]) < height / 2]
    centre = float(np.mean(seen or [0.0])) + float(rng.normal(0, 2.5))
    offsets = (np.arange(planes) - (planes - 1) / 2) * thickness / planes
    laterals = centre + (np.arange(slices) - (slices - 1) / 2)[:, None] * between + offsets[None]
    return Protocol(scan, Grid(laterals.ravel().astype(np.float32), shape, step, middle, turn))


def _slices(rng: np.random.Generator, plan: Plan) -> tuple[int, float, float, int]:
    """Give how many slices, how far apart, how thick, and painted on how many planes each."""
    if plan.slices == "thin":
        return 38, 1.0, 1.0, 1
    if plan.slices == "isotropic":
        return 60, 1.0, 1.0, 1
    between = float(rng.uniform(3.3, 5.0))
    count = 5 if plan.slices == "five" else int(rng.integers(11, 18))
    if abs(plan.cobb) > 25:
        count += 4
    if plan.region == "whole":
        return int(rng.integers(9, 14)), between, between * 0.9, 2
    if plan.size < 0.7:
        between = 3.2
    return count, between, between * float(rng.uniform(0.8, 0.95)), 3


def _field(rng: np.random.Generator, plan: Plan, skeleton: Skeleton) -> tuple[float, float, tuple[float, float]]:
    """Give the picture's height and width in mm and its middle in patient (y, z)."""
    frames, size = skeleton.frames, plan.size
    low, high = {"lumbar": (18, 27), "thoracic": (8, 20), "cervical": (1, 10), "whole": (1, 27)}[plan.region]
    top, bottom = frames[max(low, 2)].middle, frames[high].middle
    if plan.crop == "bottom":
        low, high = int(rng.integers(15, 18)), 24
        top, bottom = frames[low].middle, disc_frame(skeleton, 23).middle
    elif plan.crop == "top":
        top, bottom = frames[21].middle, frames[28].middle
    z = np.array([top[2], bottom[2]]) + rng.normal(0, 7, 2) * size
    if plan.region == "cervical":
        z[0] -= 55 * size
    if plan.region == "whole":
        z += np.array([-70, 60]) * size
    height = float(max(z[1] - z[0], 150))
    if plan.region in ("lumbar", "cervical") and plan.crop is None:
        height = float(np.clip(height * rng.uniform(0.96, 1.3), 200, 400))
    width = float(np.clip(height * rng.uniform(0.7, 1.0), 180, 340))
    if plan.crop is not None:
        width = float(rng.uniform(200, 300))
    numbers = [n for n in frames if z[0] < frames[n].middle[2] < z[1]]
    y = float(np.mean([frames[n].middle[1] for n in numbers])) - width * float(rng.uniform(0.02, 0.12)) + 10
    z_middle = float(z.mean())
    if plan.crop == "bottom":
        z_middle = float(z[1] - height / 2) + float(rng.uniform(8, 20)) * size
    return height, width, (y, z_middle)
