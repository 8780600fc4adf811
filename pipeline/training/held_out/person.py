"""One person's spine drawn by a plan: where its bones stand, what shape they have, how its discs are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from pipeline.training.held_out.body import Build
from pipeline.training.held_out.bones import BodyShape, Bone
from pipeline.training.held_out.canal import CanalDetails
from pipeline.training.held_out.discs import Disc
from pipeline.training.held_out.grid import Floats
from pipeline.training.held_out.morphometry import FIRST, LAST, Segment
from pipeline.training.held_out.plans import Fracture, Plan
from pipeline.training.held_out.skeleton import Alignment, Skeleton, draw_segments, stand


@dataclass(frozen=True)
class Person:
    """All that is painted of one person's spine; bones and discs by number."""

    skeleton: Skeleton
    bones: Mapping[int, Bone]
    discs: Mapping[int, Disc]
    canal: CanalDetails
    build: Build


def draw_person(rng: np.random.Generator, plan: Plan) -> Person:
    """Draw a person by a plan."""
    wear = _wear(rng, plan)
    segments = draw_segments(rng, plan.size, plan.shift)
    for number, segment in segments.items():
        disc_height = segment.disc_height * (1 - 0.55 * wear[number] ** 2 if segment.fused < 0.5 else 1.0)
        if plan.child:
            disc_height *= 1.25 if segment.fused < 0.5 else 2.0
        segments[number] = replace(segment, disc_height=max(disc_height, 0.8))
    for number, fracture in plan.fractures.items():
        segments[number] = _broken(segments[number], fracture)
    skeleton = _balanced(segments, _draw_alignment(rng, plan), rng.normal(0, 0.04))
    bones = {number: _draw_bone(rng, plan, number, wear) for number in range(FIRST, LAST + 1)}
    discs = {number: _draw_disc(rng, plan, number, (segments[number], wear[number])) for number in range(FIRST, LAST)}
    female = bool(rng.random() < 0.5)
    fat = rng.gamma(2.5, 4.5) * (0.35 if plan.child else 1.0)
    build = Build(plan.size, 4 + fat, 5 + 1.1 * fat, rng.beta(2, 4) * (0.3 if plan.child else 1.0), female)
    tight = tuple(
        (n + 0.5, 1 - min(0.55, 0.05 * disc.bulge + 0.06 * disc.extrusion + 0.04 * abs(plan.slips.get(n, 0))))
        for n, disc in discs.items()
        if n < 25
    )
    canal = CanalDetails(rng.normal(20.2, 0.45), rng.normal(26.2, 0.5), tight, rng.uniform(0, 0.8), plan.size**0.5)
    return Person(skeleton, bones, discs, canal, build)


def _wear(rng: np.random.Generator, plan: Plan) -> dict[int, float]:
    """Draw each disc's wear: most at the lowest lumbar and the middle cervical ones."""
    prone = np.interp(
        np.arange(FIRST, LAST + 1), [2, 5, 7, 12, 18, 21, 23, 24, 25], [0.4, 1, 0.6, 0.5, 0.5, 0.7, 1.2, 1.2, 0.8]
    )
    drawn = np.clip(plan.wear * prone * rng.uniform(0.3, 1.5, len(prone)), 0, 1)
    if plan.wear > 0.65:
        drawn = np.clip(plan.wear * rng.uniform(0.75, 1.2, len(prone)), 0, 1)
    return {number: float(drawn[number - FIRST]) for number in range(FIRST, LAST + 1)}


def _broken(segment: Segment, fracture: Fracture) -> Segment:
    lost = segment.height * fracture.loss
    if fracture.form == "wedge":
        wedge = segment.wedge - float(np.degrees(np.arctan(lost / segment.depth)))
        return replace(segment, height=segment.height - lost / 2, wedge=wedge)
    if fracture.form == "crush":
        return replace(segment, height=segment.height - lost, depth=segment.depth * 1.06)
    return replace(segment, height=segment.height - lost * 0.25)


def _draw_alignment(rng: np.random.Generator, plan: Plan) -> Alignment:
    count = LAST - FIRST + 1
    slope = float(np.clip(rng.normal(38, 7), 22, 56)) - (8 if plan.child else 0)
    slope -= 22 * plan.shift if plan.shift > 0 else -7 * plan.shift  # told at S1, wherever the border is
    lordosis = float(np.clip((slope + 10 + max(22 * plan.shift, 0)) / 48 + rng.normal(0, 0.15), 0.3, 1.5))
    kyphosis = float(np.clip(rng.normal(0.95, 0.25), 0.4, 1.6))
    bends = rng.normal(0, 1.1, count).astype(np.float32)
    coronal, axial = _curve(rng, plan.cobb, count)
    return Alignment(slope, lordosis, kyphosis, bends, coronal, axial, plan.slips)


def _balanced(segments: Mapping[int, Segment], alignment: Alignment, lean: float) -> Skeleton:
    """Stack the vertebrae with C7 about above the sacrum, `lean` (radians) behind it, by tilting the pelvis."""
    for _ in range(2):
        skeleton = stand(segments, alignment)
        span = skeleton.frames[7].middle - skeleton.frames[25].middle
        change = float(np.clip(np.degrees(np.arctan2(span[1], -span[2]) - lean), -16, 16))
        alignment = replace(alignment, sacral_slope=alignment.sacral_slope + change)
    return stand(segments, alignment)


def _curve(rng: np.random.Generator, cobb: float, count: int) -> tuple[Floats, Floats]:
    """Draw a sideways curve: a main one and a lesser one above it that turns back."""
    numbers = np.arange(FIRST, FIRST + count, dtype=np.float32)
    apex, half = rng.uniform(17.5, 22), rng.uniform(3, 4.5)
    place = (numbers - apex) / half
    main = -np.sin(np.clip(place, -1, 1) * np.pi / 2) * np.where(place > 1, np.clip(2 - place, 0, 1), 1)
    main = np.where(place < -1, np.cos(np.clip((-1 - place) / 2, 0, 1) * np.pi / 2 * 1.6), main)
    coronal = main * cobb / 2
    axial = np.exp(-(place**2)) * cobb * rng.uniform(0.25, 0.55)
    coronal, axial = (part * (numbers < 25) for part in (coronal, axial))
    return coronal.astype(np.float32), axial.astype(np.float32)


def _draw_bone(rng: np.random.Generator, plan: Plan, number: int, wear: Mapping[int, float]) -> Bone:
    worn = max(wear[number], wear.get(number - 1, 0.0))
    size = plan.size if number > 7 else plan.size * 0.45
    hollow = (
        rng.uniform(1.2, 2.6, 2) * plan.size * np.interp(number, [2, 7, 18, 21, 24.4, 24.6], [0.4, 0.4, 0.7, 1, 1, 0.3])
    )
    spur = size * max(0.0, worn - 0.35) * rng.uniform(0, 9)
    node = np.where(rng.random(2) < 0.05 + 0.05 * worn, rng.uniform(2, 5, 2), 0.0) * size * (8 < number < 25)
    waist, rounding = rng.uniform(0.06, 0.12), rng.uniform(1.2, 2.2)
    if plan.child:
        waist, rounding, spur = 0.03, 3.4, 0.0
    fracture = plan.fractures.get(number)
    if fracture is not None and fracture.form == "biconcave":
        hollow = hollow + fracture.loss * 12
    shape = BodyShape(
        (float(hollow[0]), float(hollow[1])), spur, (float(node[0]), float(node[1])), rounding * min(size, 1.0), waist
    )
    marrow = "fractured marrow" if fracture is not None and fracture.fresh else "marrow"
    back = plan.slips.get(number, 0.0) * (number == 24)
    vein, gain = rng.beta(1.5, 2.5), rng.normal(1, 0.06)
    return Bone(number, shape, marrow, number not in plan.opened, back, vein, gain)


def _draw_disc(rng: np.random.Generator, plan: Plan, number: int, told: tuple[Segment, float]) -> Disc:
    segment, wear = told
    if segment.fused > 0.5:
        return Disc(number, wear=0.45 if not plan.child else 0.1, cleft=0.0, bulge=0.0)
    size = plan.size if number > 7 else plan.size * 0.5
    bulge = size * wear * rng.uniform(0.5, 4.0)
    extruded = wear > 0.45 and rng.random() < 0.22 and plan.wear > 0.3
    modic = str(rng.choice(["1", "2", "2", "3"])) if wear > 0.6 and rng.random() < 0.4 else None
    return Disc(
        number,
        wear=wear,
        cleft=rng.uniform(0.1, 0.75) * (0.3 if plan.child else 1.0),
        bulge=bulge,
        extrusion=size * rng.uniform(5, 11) if extruded else 0.0,
        aside=rng.normal(0, 4),
        vacuum=wear > 0.8 and rng.random() < 0.3,
        modic=modic,
        cage=number in plan.cages,
    )
