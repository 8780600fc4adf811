"""One sagittal plane of an invented spine as tissues, at a distance to the left of the body's middle."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pipeline.training.canvas import Canvas, Field, Tissue
from pipeline.training.soft_tissue import paint_back, paint_belly, paint_head
from pipeline.training.spine_anatomy import DrawnDisc, Floats, Generator, Spine, Vertebra, forward, upward
from pipeline.training.spine_outline import SpineOutline, swell

CANAL_HALF_WIDTH = 11.0  # mm, from the middle to a pedicle
_CORD_HALF_WIDTH = 6.0


def paint_slice(spine: Spine, field: Field, lateral: float) -> npt.NDArray[np.uint8]:
    """Paint the tissues of one plane.

    Args:
        spine: its random details come from its seed, so that planes side by side belong together.
        field: what part is shown.
        lateral: mm to the patient's left of the body's middle.

    Returns:
        `Tissue` of each cell, (rows, columns), CELLS_PER_MM cells per mm.
    """
    canvas = Canvas(field)
    outline = SpineOutline(spine)
    paint_back(canvas, spine, outline, lateral)
    paint_belly(canvas, spine, outline, lateral)
    _paint_canal(canvas, spine, outline, lateral - outline.lateral)
    _paint_posterior_elements(canvas, spine, outline, lateral)
    if abs(lateral) < CANAL_HALF_WIDTH:
        _paint_ligament(canvas, spine, outline)
    _paint_sacrum(canvas, spine, lateral)
    for i, bone in enumerate(spine.vertebrae[1:]):
        _paint_body(canvas, bone, spine.stream(100 + i), lateral, Tissue.MARROW)
    if abs(lateral - spine.vertebrae[-1].lateral) < CANAL_HALF_WIDTH:
        paint_head(canvas, spine)
    for i, disc in enumerate(spine.discs):
        _paint_disc(canvas, disc, spine.stream(200 + i), lateral)
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
        if middle < 5:
            _paint_spinous_process(canvas, bone, rng, outline)
        elif middle < CANAL_HALF_WIDTH:
            _paint_lamina(canvas, bone, rng, outline)
        elif middle < bone.half_width + 4:
            _paint_pedicle(canvas, bone, rng)


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
        middle, tilt = (low + bone.centre + upward(bone.tilt) * bone.height / 2) / 2, (above.tilt + bone.tilt) / 2
        thick = rng.uniform(0.8, 2) if i > 1 else rng.uniform(1, 4.2)
        wide = bone.depth * rng.uniform(0.7, 1) if i > 1 else above.depth * 0.8 * rng.uniform(0.6, 1)
        outer = Tissue.ANNULUS if rng.random() < 0.6 else Tissue.CORTEX
        canvas.ellipse(middle, (wide / 2, thick / 2), tilt, outer)
        if rng.random() < (0.6 if i == 1 else 0.25):
            canvas.ellipse(middle, (wide * 0.3, thick * 0.28), tilt, Tissue.SACRAL_DISC)


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
    top = middle + front * across * depth / 2 + up * (half + wedge * across - dips[0] * dip)
    bottom = middle + front * across * depth / 2 - up * (half + wedge * across - dips[1] * dip)
    anterior = middle + front * (depth / 2 - waists[0] * (1 - down**2)) + up * (half + wedge) * down
    posterior = middle - front * (depth / 2 - waists[1] * (1 - down**2)) - up * (half - wedge) * down
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
    """Fill the room between two endplates; bulging behind it, with a nucleus unless worn."""
    upper, lower = disc.upper, disc.lower
    depths = (_depth_at(upper, lateral), _depth_at(lower, lateral))
    if min(depths) < 6:
        return
    ends = [
        bone.centre - forward(bone.tilt) * (bone.depth / 2 - far * depth) + sign * upward(bone.tilt) * bone.height / 2
        for bone, depth, sign in ((upper, depths[0], -1), (lower, depths[1], 1))
        for far in (0.0, 1.0)
    ]
    rear, front = (ends[0] + ends[2]) / 2, (ends[1] + ends[3]) / 2
    length = float(np.linalg.norm(front - rear))
    along = (front - rear) / length
    across = np.array([-along[1], along[0]])
    centre = (rear + front) / 2
    central = np.exp(-(((lateral - upper.lateral) / 9) ** 2))
    bulge = rear - along * (0.5 + disc.bulge * central)
    nose = front + along * rng.uniform(0, 2 + 2 * disc.degeneration)
    annulus = np.array([ends[1], nose, ends[3], ends[2], bulge + across * 0.8, bulge - across * 0.8, ends[0]])
    canvas.polygon(_order_round(annulus, centre), Tissue.ANNULUS)
    nucleus = Tissue.WORN_NUCLEUS if disc.degeneration > 0.3 and rng.random() < 0.85 else Tissue.NUCLEUS
    size = (length * rng.uniform(0.27, 0.4), disc.height * rng.uniform(0.28, 0.42))
    canvas.ellipse(centre + along * rng.uniform(-1.5, 1), size, float(np.arctan2(along[1], along[0])), nucleus)
    if rng.random() < 0.25 and nucleus is Tissue.NUCLEUS:
        canvas.line(np.array([centre - along * length * 0.25, centre + along * length * 0.25]), Tissue.ANNULUS, 1)


def _order_round(points: Floats, centre: Floats) -> Floats:
    offsets = points - centre
    return points[np.argsort(np.arctan2(offsets[:, 1], offsets[:, 0]))]


def forward_all(tilts: Floats) -> Floats:
    """`forward` of each tilt, (n, 2)."""
    return np.stack([-np.cos(tilts), -np.sin(tilts)], axis=1)
