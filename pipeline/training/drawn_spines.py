"""Invented sagittal MR pictures of spines by seed, with what is to be seen in them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.training.canvas import Field
from pipeline.training.spine_anatomy import DrawnDisc, Generator, Spine, draw_spine
from pipeline.training.spine_contrast import Signal, draw_contrast, render
from pipeline.training.spine_slices import paint_slice

REGIONS = ("lumbar", "lumbar without sacrum", "thoracic", "whole", "cervical")
_REGION_SHARES = (0.40, 0.24, 0.14, 0.08, 0.14)
_CONTRASTS = ("T2", "any", "T1", "STIR")
_CONTRAST_SHARES = (0.64, 0.18, 0.08, 0.10)
SLICE_SIZE = (288, 192)
"""Rows and columns of a training slice, at 1 mm."""
SLICE_SPACING = 4.4
"""mm between the planes of a stack."""
_LUMBAR_SIDE = 288  # mm


@dataclass(frozen=True)
class DrawnSlice:
    """One plane: its signal and tissues (both as `render` and `paint_slice` give them), and what it shows."""

    image: Signal
    labels: npt.NDArray[np.uint8]
    spine: Spine
    field: Field
    region: str
    lateral: float


@dataclass(frozen=True)
class DrawnVolume:
    """Planes from the patient's right to the left: `image` is (slices, rows, columns) at 1 mm in plane.

    `lateral` gives each plane's place in mm to the patient's left.
    """

    image: Signal
    lateral: tuple[float, ...]
    spine: Spine
    field: Field

    def shown_discs(self, margin: float = 6.0) -> tuple[DrawnDisc, ...]:
        """Give the discs whose middle lies in the picture by some mm, from head to foot."""
        rows, columns = self.field.size
        shown = []
        for disc in reversed(self.spine.discs):
            column, row = self.field.place(disc.centre)
            if margin <= row < rows - margin and margin <= column < columns - margin:
                shown.append(disc)
        return tuple(shown)


def draw_slice(seed: int) -> DrawnSlice:
    """Draw one plane of any region, place and contrast, for training the detector."""
    rng = np.random.default_rng([seed, 1])
    spine = draw_spine(seed)
    region = REGIONS[rng.choice(len(REGIONS), p=_REGION_SHARES)]
    field = _draw_field(rng, spine, region)
    lateral = float(np.clip(rng.normal(0, 6 if region == "cervical" else 9), -24, 24))
    labels = paint_slice(spine, field, lateral)
    kind = _CONTRASTS[rng.choice(len(_CONTRASTS), p=_CONTRAST_SHARES)]
    image = render(labels, draw_contrast(rng, kind), rng)
    if rng.random() < 0.15:  # a saturation band before the spine
        image[:, : int(image.shape[1] * rng.uniform(0.05, 0.35))] *= rng.uniform(0.05, 0.5)
    if rng.random() < 0.1:  # a ghost along the phase direction
        image = image + np.roll(image, rng.integers(5, 60), axis=0) * rng.uniform(0.02, 0.1)
    return DrawnSlice(image, labels, spine, field, region, lateral)


def draw_volume(
    seed: int, conditions: Mapping[str, Iterable[str]] | None = None, region: str | None = None
) -> DrawnVolume:
    """Draw a T2 stack of 11 to 15 planes, SLICE_SPACING apart.

    Args:
        seed: the same seed, conditions and region give the same stack.
        conditions: see `draw_spine`.
        region: one of REGIONS, in a training slice's size; without it a whole lumbar field with the sacrum in view,
            288 mm square.

    Raises:
        KeyError: see `draw_spine`.
    """
    rng = np.random.default_rng([seed, 2])
    spine = draw_spine(seed, conditions)
    field = _draw_field(rng, spine, region) if region else _draw_lumbar_field(rng, spine)
    count = int(rng.choice((11, 13, 15)))
    lateral = tuple((i - (count - 1) / 2) * SLICE_SPACING for i in range(count))
    contrast = draw_contrast(rng, "T2")
    planes = [render(paint_slice(spine, field, place), contrast, rng) for place in lateral]
    return DrawnVolume(np.stack(planes), lateral, spine, field)


def _draw_lumbar_field(rng: Generator, spine: Spine) -> Field:
    """Choose the field of a lumbar examination, S1 in its lower third."""
    at = (_LUMBAR_SIDE * float(np.clip(rng.normal(0.52, 0.05), 0.4, 0.64)), _LUMBAR_SIDE * rng.uniform(0.68, 0.78))
    turn = float(np.deg2rad(rng.normal(0, 3)))
    return Field((_LUMBAR_SIDE, _LUMBAR_SIDE), spine.vertebrae[0].centre, at, turn)


def _draw_field(rng: Generator, spine: Spine, region: str) -> Field:
    """Choose which vertebra lies at which row, so that the region fills the picture."""
    rows, columns = SLICE_SIZE
    bones = {bone.name: bone for bone in spine.vertebrae}
    names, (low, high) = {
        "lumbar": (("S1",), (0.62, 0.92)),
        "lumbar without sacrum": (("S1", "L5", "L5", "L4", "L3", "L2"), (0.86, 1.05)),
        "thoracic": (tuple(f"T{n}" for n in range(5, 11)), (0.3, 0.7)),
        "whole": (("T12", "L2", "T4", "S1"), (0.3, 0.7)),
        "cervical": (("C2",), (0.12, 0.4)),
    }[region]
    anchor = bones[names[rng.integers(len(names))]].centre
    column = columns * float(np.clip(rng.normal(0.48, 0.1), 0.22, 0.75))
    turn, zoom = float(np.deg2rad(rng.normal(0, 4))), rng.uniform(0.93, 1.07)
    return Field(SLICE_SIZE, anchor, (column, rows * rng.uniform(low, high)), turn, zoom)
