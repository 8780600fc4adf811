"""Metal, cages and cement in an invented spine, with the voids and bright rims that they leave in the picture."""

import numpy as np

from pipeline.training.canvas import Canvas, Tissue
from pipeline.training.spine_parts import DrawnDisc, Floats, Generator, Spine, Vertebra, forward, upward

_SCREW_FROM, _SCREW_TO = 8.0, 24.0  # mm from a vertebra's middle


def paint_surgery(canvas: Canvas, spine: Spine, lateral: float) -> None:
    """Paint screws with their rods, and cement; metal blooms further in some spines than in others."""
    rng = spine.stream(30)
    bloom = float(rng.choice((0.5, 1.0, 1.0, 2.2)))
    for i, bone in enumerate(spine.vertebrae):
        own = spine.stream(500 + i)
        away = abs(lateral - bone.lateral)
        if bone.screwed and _SCREW_FROM - 6 * bloom < away < _SCREW_TO + 4 * bloom:
            near = 1.0 if _SCREW_FROM < away < _SCREW_TO else 0.6
            _paint_screw(canvas, bone, own, bloom * near)
        if bone.cemented and away < bone.half_width * 0.8:
            place = bone.centre + own.normal(0, 3, 2)
            canvas.ellipse(place, (bone.depth * own.uniform(0.15, 0.35), bone.height * 0.3), bone.tilt, Tissue.METAL)
    _paint_rods(canvas, spine, lateral, bloom)


def _paint_screw(canvas: Canvas, bone: Vertebra, rng: Generator, bloom: float) -> None:
    back, up = -forward(bone.tilt), upward(bone.tilt)
    start = bone.posterior() + back * rng.uniform(18, 28) + up * bone.height * rng.uniform(0.1, 0.3)
    end = bone.centre + forward(bone.tilt) * bone.depth * rng.uniform(0.0, 0.3) + up * bone.height * 0.1
    along = end - start
    angle = float(np.arctan2(along[1], along[0]))
    half, thick = float(np.linalg.norm(along)) / 2, rng.uniform(2.5, 4.5) * (0.7 + 0.6 * bloom)
    middle = (start + end) / 2
    if rng.random() < 0.7:
        shift = up * thick * rng.uniform(-1.2, 1.2)
        canvas.ellipse(middle + shift, (half * 1.02, thick * 1.25), angle, Tissue.PILE_UP)
    canvas.ellipse(middle, (half, thick), angle, Tissue.METAL)
    canvas.ellipse(start, (thick * 1.8, thick * 1.8), 0.0, Tissue.METAL)


def _paint_rods(canvas: Canvas, spine: Spine, lateral: float, bloom: float) -> None:
    held = [bone for bone in spine.vertebrae if bone.screwed]
    middle = float(np.mean([bone.lateral for bone in held])) if held else 0.0
    if len(held) > 1 and 14 - 4 * bloom < abs(lateral - middle) < 24 + 4 * bloom:
        line = np.array([bone.posterior() - forward(bone.tilt) * 26 for bone in held])
        canvas.line(line, Tissue.METAL, int(8 + 8 * bloom))


def paint_cage(canvas: Canvas, disc: DrawnDisc, rng: Generator, along: Floats) -> None:
    """Paint a cage in the room of a disc: dark walls, with bone or fluid in its middle."""
    angle = float(np.arctan2(along[1], along[0]))
    wide, high = disc.half_width * rng.uniform(0.5, 0.8), disc.height * rng.uniform(0.45, 0.6)
    canvas.ellipse(disc.centre, (wide, high), angle, Tissue.METAL)
    inside = (Tissue.MARROW, Tissue.ANNULUS, Tissue.METAL)[rng.integers(3)]
    canvas.ellipse(disc.centre, (wide * 0.5, high * 0.7), angle, inside)
