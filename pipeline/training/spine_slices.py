"""One sagittal plane of an invented spine as tissues, at a distance to the left of the body's middle."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.training.canvas import Canvas, Field, Tissue
from pipeline.training.soft_tissue import paint_back, paint_belly, paint_head
from pipeline.training.spine_outline import SpineOutline, swell
from pipeline.training.spine_parts import DrawnDisc, Floats, Generator, Spine, Vertebra, forward, upward
from pipeline.training.spine_surgery import paint_cage, paint_surgery

CANAL_HALF_WIDTH = 11.0  # mm, from the middle to a pedicle
_CORD_HALF_WIDTH = 6.0
_DIP = 2.5  # mm that a disc's room reaches into the endplates


def paint_slice(spine: Spine, field: Field, lateral: float) -> npt.NDArray[np.uint8]:
    """Paint the tissues of one plane.

    Args:
        spine: in its middle; its random details come from its seed, so that planes side by side belong together.
        field: what part is shown.
        lateral: mm to the patient's left of the body's middle.

    Returns:
        `Tissue` of each cell, (rows, columns), CELLS_PER_MM cells per mm.
    """
    canvas = Canvas(field)
    spine = spine.at(lateral)
    outline = SpineOutline(spine)
    paint_back(canvas, spine, outline, lateral)
    paint_belly(canvas, spine, outline, lateral)
    _paint_canal(canvas, spine, outline, lateral - outline.lateral)
    _paint_posterior_elements(canvas, spine, outline, lateral)
    if abs(lateral) < CANAL_HALF_WIDTH:
        _paint_ligament(canvas, spine, outline)
    for i, disc in enumerate(spine.discs):
        _paint_disc(canvas, disc, spine.stream(200 + i), lateral)
    _paint_sacrum(canvas, spine, lateral)
    for i, bone in enumerate(spine.vertebrae[1:]):
        _paint_body(canvas, bone, spine.stream(100 + i), lateral, Tissue.MARROW)
    if abs(lateral - spine.vertebrae[-1].lateral) < CANAL_HALF_WIDTH:
        paint_head(canvas, spine)
    for i, disc in enumerate(spine.discs):
        _paint_disc_disease(canvas, disc, spine.stream(250 + i), lateral)
    paint_surgery(canvas, spine, lateral)
    return canvas.labels()


def _paint_canal(canvas: Canvas, spine: Spine, outline: SpineOutline, off_middle: Floats) -> None:
    rng = spine.stream(1)
    roundness = np.sqrt(np.clip(1 - (off_middle / CANAL_HALF_WIDTH) ** 2, 0, 1))
    if roundness.max() < 0.3:
        return
    width = outline.canal_width * roundness
    back = -forward_all(outline.tilts)
    front = outline.posterior_wall + back * outline.gap[:, None]
    rear = front + back * width[:, None]
    fat = front + back * (outline.full_canal_width * roundness + rng.uniform(1.5, 5))[:, None]
    canvas.band(outline.lengthened(outline.posterior_wall), outline.lengthened(fat), Tissue.EPIDURAL)
    canvas.band(outline.lengthened(front), outline.lengthened(rear), Tissue.FLUID)
    _paint_cord(canvas, spine, outline, (front, rear, off_middle))


def _paint_cord(canvas: Canvas, spine: Spine, outline: SpineOutline, canal: tuple[Floats, Floats, Floats]) -> None:
    """Paint the cord down to about L1 and nerve roots below."""
    front, rear, off_middle = canal
    rng = spine.stream(2)
    back = -forward_all(outline.tilts)
    end = outline.row_of("L1") + rng.normal(0, 2.2)
    roundness = np.sqrt(np.clip(1 - (off_middle / _CORD_HALF_WIDTH) ** 2, 0, 1))
    count = len(front)
    thick = np.minimum(outline.canal_width * 0.36, 4.6 * spine.scale) * rng.uniform(0.8, 1.15)
    half = thick * np.clip((end - np.arange(count)) / 3, 0, 1) * roundness
    middle = (front + rear) / 2 + back * rng.uniform(-1.5, 2.5)
    shown = (np.arange(count) <= end) & (half > 0.2)
    if shown.sum() > 2:
        left, right = (middle - back * half[:, None])[shown], (middle + back * half[:, None])[shown]
        canvas.band(outline.lengthened(left), outline.lengthened(right), Tissue.CORD)
    for _ in range(rng.integers(3, 8)):
        share, last = rng.uniform(0.35, 0.95), count - rng.integers(2, 7)
        strand = (front + (rear - front) * share)[max(0, int(end) - 2) : last]
        if len(strand) > 3:
            canvas.line(strand, Tissue.ROOT, int(rng.integers(1, 3)))


def _paint_posterior_elements(canvas: Canvas, spine: Spine, outline: SpineOutline, lateral: float) -> None:
    for i, bone in enumerate(spine.vertebrae[1:]):
        rng = spine.stream(300 + i)
        middle = abs(lateral - bone.lateral)
        if bone.opened and middle < 14:
            _paint_scar(canvas, bone, rng, outline)
        elif middle < 5:
            _paint_spinous_process(canvas, bone, rng, outline)
        elif middle < CANAL_HALF_WIDTH:
            _paint_lamina(canvas, bone, rng, outline)
        elif middle < bone.half_width + 4:
            _paint_pedicle(canvas, bone, rng)


def _paint_scar(canvas: Canvas, bone: Vertebra, rng: Generator, outline: SpineOutline) -> None:
    """Paint what is left behind an opened canal: scar, fat or fluid where the arch was."""
    place = outline.behind_canal(bone) - forward(bone.tilt) * rng.uniform(4, 14)
    tissue = (Tissue.MUSCLE, Tissue.FAT, Tissue.FLUID, Tissue.LIGAMENT)[rng.integers(4)]
    canvas.ellipse(place, (rng.uniform(5, 14), bone.height * rng.uniform(0.5, 0.9)), bone.tilt, tissue)


def _paint_spinous_process(canvas: Canvas, bone: Vertebra, rng: Generator, outline: SpineOutline) -> None:
    region = bone.name[0]
    droop = rng.uniform(*{"L": (0.0, 0.3), "T": (0.6, 1.1), "C": (0.2, 0.6)}[region])
    length = rng.uniform(*{"L": (20, 32), "T": (22, 38), "C": (10, 24)}[region])
    height = rng.uniform(*{"L": (14, 22), "T": (6, 10), "C": (5, 10)}[region])
    base = outline.behind_canal(bone) + -upward(bone.tilt) * bone.height * rng.uniform(0.15, 0.5)
    along = -forward(bone.tilt) * np.cos(droop) - upward(bone.tilt) * np.sin(droop)
    centre, angle = base + along * length / 2, float(np.arctan2(along[1], along[0]))
    if rng.random() < 0.35:
        canvas.ellipse(centre, (length * 0.56, height * 0.57), angle, Tissue.LIGAMENT)
    canvas.ellipse(centre, (length / 2, height / 2), angle, Tissue.PROCESS)
    below = outline.behind_canal(bone) - upward(bone.tilt) * bone.height * rng.uniform(0.5, 0.9)
    canvas.ellipse(below, (rng.uniform(1, 2.5), rng.uniform(5, 9)), bone.tilt, Tissue.LIGAMENT)
    if rng.random() < 0.6:
        spot = below - forward(bone.tilt) * rng.uniform(2, 6)
        canvas.ellipse(spot, (rng.uniform(2.5, 6), rng.uniform(3, 7)), bone.tilt, Tissue.EPIDURAL)
    between = centre - upward(bone.tilt) * (bone.height * 0.55 + 3)
    canvas.ellipse(between, (length * 0.4, rng.uniform(2, 6)), angle, Tissue.FAT)


def _paint_lamina(canvas: Canvas, bone: Vertebra, rng: Generator, outline: SpineOutline) -> None:
    centre = outline.behind_canal(bone) - upward(bone.tilt) * bone.height * rng.uniform(0.1, 0.4)
    canvas.ellipse(centre, (rng.uniform(3, 5), rng.uniform(7, 11)), bone.tilt - 0.3, Tissue.PROCESS)


def _paint_pedicle(canvas: Canvas, bone: Vertebra, rng: Generator) -> None:
    """Paint pedicle and facet, and below them the foramen with its root."""
    back, up = -forward(bone.tilt), upward(bone.tilt)
    wall = bone.posterior()
    top = wall + up * bone.height * rng.uniform(0.1, 0.25)
    half = bone.height * rng.uniform(0.2, 0.3)
    reach = rng.uniform(12, 18)
    corners = [top - back * 3 + up * half, top + back * reach + up * half, top + back * reach - up * half]
    canvas.polygon(np.array([*corners, top - back * 3 - up * half]), Tissue.PROCESS)
    facet = wall + back * rng.uniform(16, 22) - up * bone.height * rng.uniform(0.2, 0.5)
    canvas.ellipse(facet, (rng.uniform(5, 9), rng.uniform(9, 14)), bone.tilt + rng.normal(-0.2, 0.2), Tissue.PROCESS)
    foramen = wall + back * rng.uniform(4, 8) - up * bone.height * rng.uniform(0.65, 0.85)
    canvas.ellipse(foramen, (rng.uniform(3, 6), rng.uniform(5, 9)), bone.tilt, Tissue.EPIDURAL)
    root = foramen + up * rng.uniform(0, 3)
    canvas.ellipse(root, (rng.uniform(1.5, 3), rng.uniform(1.5, 3)), 0.0, Tissue.ROOT)


def _paint_ligament(canvas: Canvas, spine: Spine, outline: SpineOutline) -> None:
    rng = spine.stream(3)
    if rng.random() < 0.8:
        wall = outline.anterior_wall
        canvas.band(wall - np.array([rng.uniform(0.6, 2), 0]), wall + np.array([2, 0]), Tissue.LIGAMENT)


def _paint_sacrum(canvas: Canvas, spine: Spine, lateral: float) -> None:
    for i, bone in enumerate(spine.sacrum):
        _paint_body(canvas, bone, spine.stream(400 + i), lateral * 0.8, Tissue.SACRUM)
        if not i:
            continue
        rng = spine.stream(450 + i)
        above = spine.sacrum[i - 1]
        low = above.centre - upward(above.tilt) * above.height / 2
        middle, tilt = (low + top_of(bone)) / 2, (above.tilt + bone.tilt) / 2
        lumbar_like = i == 1 and spine.transition == "lower"
        thick = rng.uniform(0.8, 2) if i > 1 else rng.uniform(1, 4.2)
        wide = bone.depth * rng.uniform(0.7, 1) if i > 1 else above.depth * 0.8 * rng.uniform(0.6, 1)
        if lumbar_like or spine.is_child:
            gap = top_of(bone) - low
            thick, wide = float(np.hypot(*gap)) * 1.1, above.depth * rng.uniform(0.8, 1) * (1 if lumbar_like else 0.85)
        outer = Tissue.ANNULUS if rng.random() < 0.6 or lumbar_like or spine.is_child else Tissue.CORTEX
        canvas.ellipse(middle, (wide / 2, thick / 2), tilt, outer)
        if rng.random() < (0.6 if i == 1 else 0.25):
            canvas.ellipse(middle, (wide * 0.3, thick * 0.28), tilt, Tissue.SACRAL_DISC)
        if i > 1 and rng.random() < 0.04:  # a cyst of a root's sleeve
            cyst = bone.posterior() - forward(bone.tilt) * rng.uniform(2, 8)
            canvas.ellipse(cyst, (rng.uniform(3, 8), rng.uniform(4, 11)), bone.tilt, Tissue.FLUID)


def top_of(bone: Vertebra) -> Floats:
    """Middle of a body's upper end."""
    return bone.centre + upward(bone.tilt) * bone.height / 2


def body_outline(bone: Vertebra, rng: Generator, depth: float) -> Floats:
    """Outline of a body from its posterior superior corner to anterior and round: 7 + 5 + 7 + 5 points, (24, 2)."""
    up, front = upward(bone.tilt), forward(bone.tilt)
    back_wall = bone.centre - front * bone.depth / 2
    half, wedge = bone.height / 2, bone.wedge / 2
    dips = rng.uniform(0.45, 1.8, 2) * bone.concavity
    waists = (rng.uniform(0.5, 1.8), rng.uniform(0.2, 1.0))
    lean = rng.uniform(-0.25, 0.25)
    across, down = np.linspace(-1, 1, 7)[:, None], np.linspace(0.7, -0.7, 5)[:, None]
    dip = np.clip(1 - (across - lean) ** 2, 0, 1)
    middle = back_wall + front * depth / 2
    above, below = depth / 2, depth / 2 * (1 - bone.taper)
    top = middle + front * across * above + up * (half + wedge * across - dips[0] * dip)
    bottom = middle + front * across * below - up * (half + wedge * across - dips[1] * dip)
    side = (above + below) / 2 + (above - below) / 2 * down
    anterior = middle + front * (side - waists[0] * (1 - down**2)) + up * (half + wedge) * down
    posterior = middle - front * (side[::-1] - waists[1] * (1 - down**2)) - up * (half - wedge) * down
    return np.vstack([top, anterior, bottom[::-1], posterior])


def _depth_at(bone: Vertebra, lateral: float) -> float:
    """Depth of a body at a lateral place: full in the middle, rounded off towards the sides, 0 outside."""
    share = abs(lateral - bone.lateral) / bone.half_width
    return bone.depth * float(max(1 - share**3, 0.0) ** (1 / 3)) if share < 1 else 0.0


def _paint_body(canvas: Canvas, bone: Vertebra, rng: Generator, lateral: float, marrow: Tissue) -> None:
    depth = _depth_at(bone, lateral)
    if depth < 6:
        return
    outline = body_outline(bone, rng, depth)
    canvas.polygon(outline, Tissue.CORTEX)
    inside = swell(outline, -rng.uniform(0.4, 1.1))
    canvas.polygon(inside, marrow)
    vein, endplate = rng.random() < 0.3, rng.random() < 0.1
    sizes, side = rng.uniform(0, 1, 4), 1 if rng.random() < 0.5 else -1
    if vein and marrow is Tissue.MARROW and abs(lateral - bone.lateral) < 6:
        spot = bone.centre - forward(bone.tilt) * bone.depth * 0.38
        canvas.ellipse(spot, (2 + 4 * sizes[0], 0.8 + 1.4 * sizes[1]), bone.tilt, Tissue.BRIGHT_LESION)
    if endplate and marrow is Tissue.MARROW:
        spot = bone.centre + upward(bone.tilt) * bone.height * 0.42 * side
        canvas.ellipse(spot, (depth * (0.2 + 0.25 * sizes[2]), 2 + 3 * sizes[3]), bone.tilt, Tissue.ENDPLATE_CHANGE)
    for centre, axes, tissue in _lesions_at(bone, lateral):
        canvas.ellipse(centre, axes, bone.tilt, tissue)


def _lesions_at(bone: Vertebra, lateral: float) -> Iterator[tuple[Floats, tuple[float, float], Tissue]]:
    for lesion in bone.lesions:
        share = (lateral - bone.lateral - lesion.lateral) / lesion.half_axes[2]
        if abs(share) < 1:
            size = float(np.sqrt(1 - share**2))
            centre = bone.centre + forward(bone.tilt) * lesion.offset[0] + upward(bone.tilt) * lesion.offset[1]
            tissue = Tissue.BRIGHT_LESION if lesion.bright else Tissue.DARK_LESION
            yield centre, (lesion.half_axes[0] * size, lesion.half_axes[1] * size), tissue


def _paint_disc(canvas: Canvas, disc: DrawnDisc, rng: Generator, lateral: float) -> None:
    """Fill the room between two bodies, which are painted over it; bulging behind, with a nucleus unless worn."""
    room = _disc_room(disc, lateral)
    if room is None:
        return
    centre, rear, along, across = room.centre, room.rear, room.along, room.across
    front, length = 2 * centre - rear, room.length
    central = np.exp(-(((lateral - disc.upper.lateral) / 9) ** 2))
    bulge = rear - along * (0.5 + disc.bulge * central)
    nose = front + along * rng.uniform(0, 2 + 2 * disc.degeneration)
    deep = [corner + sign * across * _DIP for corner, sign in zip(room.corners, (-1, -1, 1, 1), strict=True)]
    inner = [corner - along * side * 1.5 for corner, side in zip(deep, (-1, 1, -1, 1), strict=True)]
    back, nose_room = (bulge + across * 0.8, bulge - across * 0.8), (room.corners[1], nose, room.corners[3])
    annulus = np.array([inner[1], *nose_room, inner[3], inner[2], room.corners[2], *back, room.corners[0], inner[0]])
    canvas.polygon(_order_round(annulus, centre), Tissue.ANNULUS)
    nucleus = Tissue.WORN_NUCLEUS if disc.degeneration > 0.3 and rng.random() < 0.85 else Tissue.NUCLEUS
    size = (length * rng.uniform(0.27, 0.4), disc.height * rng.uniform(0.3, 0.5) + rng.uniform(0, 1.5))
    angle = float(np.arctan2(along[1], along[0]))
    canvas.ellipse(centre + along * rng.uniform(-1.5, 1), size, angle, nucleus)
    if rng.random() < 0.35 and nucleus is Tissue.NUCLEUS:
        canvas.line(np.array([centre - along * length * 0.25, centre + along * length * 0.25]), Tissue.ANNULUS, 1)


@dataclass(frozen=True)
class _DiscRoom:
    """Where a plane cuts a disc: corners are upper rear, upper front, lower rear, lower front; `across` runs down."""

    corners: list[Floats]
    centre: Floats
    rear: Floats
    along: Floats
    across: Floats
    length: float


def _disc_room(disc: DrawnDisc, lateral: float) -> _DiscRoom | None:
    depths = (_depth_at(disc.upper, lateral), _depth_at(disc.lower, lateral))
    if min(depths) < 6:
        return None
    corners = _disc_ends(disc, depths)
    rear, front = (corners[0] + corners[2]) / 2, (corners[1] + corners[3]) / 2
    length = float(np.linalg.norm(front - rear))
    along = (front - rear) / length
    across = np.array([along[1], -along[0]])
    return _DiscRoom(corners, (rear + front) / 2, rear, along, across, length)


def _disc_ends(disc: DrawnDisc, depths: tuple[float, float]) -> list[Floats]:
    """Corners of a disc's room: upper rear, upper front, lower rear, lower front."""
    gap = (1 - disc.reach) / 2
    return [
        bone.centre
        - forward(bone.tilt) * (bone.depth / 2 - (gap + far * (1 - 2 * gap)) * depth)
        + sign * upward(bone.tilt) * bone.height / 2
        for bone, depth, sign in ((disc.upper, depths[0], -1), (disc.lower, depths[1], 1))
        for far in (0.0, 1.0)
    ]


def _paint_spurs(canvas: Canvas, disc: DrawnDisc, corners: tuple[Floats, ...], along: Floats) -> None:
    for i, corner in enumerate(corners):
        outward = along if i < 2 else -along
        size = disc.spur * (1.0 if i < 2 else 0.5)
        angle = float(np.arctan2(along[1], along[0]))
        canvas.ellipse(corner + outward * size * 0.3, (size * 0.9, 1.2 + size * 0.35), angle, Tissue.CORTEX)
        canvas.ellipse(corner + outward * size * 0.2, (size * 0.7, 0.6 + size * 0.25), angle, Tissue.MARROW)


def _paint_disc_disease(canvas: Canvas, disc: DrawnDisc, rng: Generator, lateral: float) -> None:
    """Paint gas in a worn disc, changes beside it, nodes in the endplates and a part that left it, each by chance."""
    room = _disc_room(disc, lateral)
    if room is None:
        return
    centre, rear, along, across = room.centre, room.rear, room.along, room.across
    if disc.spur:
        _paint_spurs(canvas, disc, tuple(room.corners[i] for i in (1, 3, 0, 2)), along)
    angle = float(np.arctan2(along[1], along[0]))
    chances = rng.random(5)
    sizes = rng.uniform(0, 1, 6)
    if disc.degeneration > 0.5 and chances[0] < 0.25:
        canvas.ellipse(centre, (disc.half_width * (0.3 + 0.3 * sizes[0]), 0.8 + sizes[1]), angle, Tissue.METAL)
    if disc.degeneration > 0.3 and chances[1] < 0.3:
        for sign in (-1, 1):
            spot = centre + across * sign * (disc.height / 2 + 2.5)
            size = (disc.half_width * (0.4 + 0.5 * sizes[2]), 1.5 + 3.5 * sizes[3])
            canvas.ellipse(spot, size, angle, Tissue.ENDPLATE_CHANGE)
    if chances[2] < 0.08:
        spot = centre + across * (1 if chances[3] < 0.5 else -1) * disc.height * 0.6 + along * (16 * sizes[4] - 8)
        canvas.ellipse(spot, (1.5 + 3 * sizes[5], 1.5 + 2.5 * sizes[0]), angle, Tissue.ANNULUS)
    if disc.bulge > 2 and chances[4] < 0.4:
        spot = rear - along * (1 + 2.5 * sizes[1]) + across * (12 * sizes[2] - 6)
        canvas.ellipse(spot, (1.5 + 2 * sizes[3], 2 + 4 * sizes[4]), angle, Tissue.ANNULUS)
    if disc.caged:
        paint_cage(canvas, disc, rng, along)


def _order_round(points: Floats, centre: Floats) -> Floats:
    offsets = points - centre
    return points[np.argsort(np.arctan2(offsets[:, 1], offsets[:, 0]))]


def forward_all(tilts: Floats) -> Floats:
    """`forward` of each tilt, (n, 2)."""
    return np.stack([-np.cos(tilts), -np.sin(tilts)], axis=1)
