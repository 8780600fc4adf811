"""Invented sagittal MR pictures of spines by seed, with what is to be seen in them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.training.canvas import Field
from pipeline.training.other_pictures import paint_other
from pipeline.training.spine_anatomy import draw_spine
from pipeline.training.spine_contrast import Signal, draw_contrast, render
from pipeline.training.spine_parts import DrawnDisc, Generator, Spine, Vertebra
from pipeline.training.spine_slices import paint_slice
from pipeline.training.spine_variety import PLAIN, Variety, draw_variety

REGIONS = ("lumbar", "lumbar without sacrum", "thoracic", "whole", "cervical")
_REGION_SHARES = (0.42, 0.22, 0.13, 0.09, 0.14)
_NO_SPINE = 0.05  # share of training slices that show something else
_CONTRASTS = ("T2", "any", "T1", "STIR")
_CONTRAST_SHARES = (0.61, 0.18, 0.08, 0.13)
SLICE_SIZE = (288, 192)
"""Rows and columns of a training slice, at 1 mm."""
SLICE_SPACING = 4.4
"""mm between the planes of a stack."""
_LUMBAR_SIDE = 288  # mm
_SLICE, _VOLUME = 1001, 1002  # streams of random numbers, none of which a part of the spine draws from


@dataclass(frozen=True)
class DrawnPlane:
    """What a slice shows: the spine as it stands there, and where it lies in the picture."""

    spine: Spine
    field: Field
    region: str


@dataclass(frozen=True)
class DrawnSlice:
    """One slice: signal and tissues (both as `render` and `paint_slice` give them), and what it shows, if a spine."""

    image: Signal
    labels: npt.NDArray[np.uint8]
    shown: DrawnPlane | None
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
    """Draw one slice of any spine, region, place and contrast, or of something else, for training the detector."""
    rng = np.random.default_rng([seed, _SLICE])
    kind = _CONTRASTS[rng.choice(len(_CONTRASTS), p=_CONTRAST_SHARES)]
    contrast = draw_contrast(rng, kind)
    if rng.random() < _NO_SPINE:
        labels = paint_other(rng, SLICE_SIZE)
        return DrawnSlice(_acquire(render([labels], contrast, rng), rng), labels, None, 0.0)
    spine = draw_spine(seed, variety=draw_variety(rng))
    region = REGIONS[rng.choice(len(REGIONS), p=_REGION_SHARES)]
    field = _draw_field(rng, spine, region)
    about = [bone.lateral for bone in spine.vertebrae if _is_shown(field, bone)] or [0.0]
    lateral = float(rng.choice(about) + np.clip(rng.normal(0, 6 if region == "cervical" else 9), -24, 24))
    half = rng.uniform(0.6, 1.8)
    places = (lateral - half, lateral + half) if rng.random() < 0.5 else (lateral,)
    planes = [paint_slice(spine, field, place) for place in places]
    image = _acquire(render(planes, contrast, rng), rng)
    shown = spine.at(lateral)
    return DrawnSlice(image, planes[0], DrawnPlane(shown, field, region), lateral)


def _is_shown(field: Field, bone: Vertebra) -> bool:
    column, row = field.place(bone.centre)
    return bool(0 <= row < field.size[0] and 0 <= column < field.size[1])


def _acquire(image: Signal, rng: Generator) -> Signal:
    """Add what an examination does to a picture: saturation band, ghost, an empty margin."""
    columns = image.shape[1]
    if rng.random() < 0.25:  # a saturation band before the spine, with a soft edge
        edge, soft = columns * rng.uniform(0.05, 0.4), rng.uniform(1, 8)
        band = 1 / (1 + np.exp(-(np.arange(columns) - edge) / soft))
        image = image * (1 - (1 - band) * rng.uniform(0.5, 0.97)).astype(np.float32)
    if rng.random() < 0.12:  # a ghost along the phase direction
        axis = int(rng.integers(2))
        image = image + np.roll(image, rng.integers(5, 60), axis=axis) * rng.uniform(0.02, 0.12)
    if rng.random() < 0.08:
        cut = int(rng.integers(4, 60))
        image = image.copy()
        side = rng.integers(4)
        edges = (np.s_[:cut], np.s_[-cut:], np.s_[:, : cut // 2], np.s_[:, -(cut // 2) :])
        image[edges[side]] = 0
    return image


def draw_volume(
    seed: int,
    conditions: Mapping[str, Iterable[str]] | None = None,
    region: str | None = None,
    variety: Variety = PLAIN,
) -> DrawnVolume:
    """Draw a T2 stack of 11 to 15 planes, SLICE_SPACING apart.

    Args:
        seed: the same seed, conditions, region and variety give the same stack.
        conditions: see `draw_spine`.
        region: one of REGIONS, in a training slice's size; without it a whole lumbar field with the sacrum in view,
            288 mm square.
        variety: what is unusual about the spine.

    Raises:
        KeyError: see `draw_spine`.
    """
    rng = np.random.default_rng([seed, _VOLUME])
    spine = draw_spine(seed, conditions, variety)
    field = _draw_field(rng, spine, region) if region else _draw_lumbar_field(rng, spine)
    count = int(rng.choice((11, 13, 15)))
    lateral = tuple((i - (count - 1) / 2) * SLICE_SPACING for i in range(count))
    contrast = draw_contrast(rng, "T2")
    planes = [render([paint_slice(spine, field, place)], contrast, rng) for place in lateral]
    return DrawnVolume(np.stack(planes), lateral, spine, field)


def _draw_lumbar_field(rng: Generator, spine: Spine) -> Field:
    """Choose the field of a lumbar examination, S1 in its lower third."""
    at = (_LUMBAR_SIDE * float(np.clip(rng.normal(0.52, 0.05), 0.4, 0.64)), _LUMBAR_SIDE * rng.uniform(0.68, 0.78))
    turn = float(np.deg2rad(rng.normal(0, 3)))
    return Field((_LUMBAR_SIDE, _LUMBAR_SIDE), spine.vertebrae[0].centre, at, turn)


def _draw_field(rng: Generator, spine: Spine, region: str) -> Field:
    """Choose which vertebra lies at which row, so that the region fills the picture."""
    rows, columns = SLICE_SIZE
    top = len(spine.vertebrae) - 1  # C2; the sacrum is 0
    numbers, (low, high) = {
        "lumbar": ((0,), (0.58, 0.94)),
        "lumbar without sacrum": ((0, 1, 1, 2, 3, 4), (0.84, 1.07)),
        "thoracic": (tuple(range(top - 15, top - 9)), (0.3, 0.7)),
        "whole": ((top - 17, 4, top - 8, 0), (0.3, 0.7)),
        "cervical": ((top,), (0.12, 0.4)),
    }[region]
    anchor = spine.vertebrae[numbers[rng.integers(len(numbers))]].centre
    column = columns * float(np.clip(rng.normal(0.48, 0.1), 0.22, 0.75))
    turn = float(np.deg2rad(rng.normal(0, 4) if rng.random() < 0.8 else rng.uniform(-28, 28)))
    return Field(SLICE_SIZE, anchor, (column, rows * rng.uniform(low, high)), turn, rng.uniform(0.9, 1.1))
