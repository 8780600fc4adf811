"""The spinal canal's course, and places told by it: how far along, how far behind, how far to the left."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from pipeline.training.held_out.grid import Floats, Grid
from pipeline.training.held_out.morphometry import FIRST
from pipeline.training.held_out.skeleton import Skeleton

_HEAD = ((-6, 26), (-9, 52), (-10, 90))  # beyond C2: mm to the front and upwards from C2's middle of canal
_HEAD_NUMBERS = (1.0, 0.0, -1.5)
_LAST = 31  # the curve ends in the coccyx


@dataclass(frozen=True)
class CanalCurve:
    """The middle of the canal every mm from head to foot; all arrays of shape (samples,).

    `number` counts vertebrae along it: 24.0 is behind L5's middle, 24.5 behind the disc below; 1 and less is the head.
    `front` is the distance from there to the front of the vertebrae.
    """

    x: Floats
    y: Floats
    z: Floats
    number: Floats
    depth: Floats
    width: Floats
    front: Floats


@dataclass(frozen=True)
class Unrolled:
    """Each point of a plane by the canal: `sample` along it, `back` mm behind its middle; both (rows, columns).

    `x` is the canal's own lateral place there.
    """

    sample: npt.NDArray[np.intp]
    back: Floats
    x: Floats


def canal_curve(skeleton: Skeleton) -> CanalCurve:
    """Lay a smooth curve through the canal's middle behind each vertebra and disc."""
    points, numbers, sizes = [], [], []
    for number, frame in skeleton.frames.items():
        if number > _LAST:
            break
        segment = skeleton.segments[number]
        behind = segment.depth / 2 + segment.canal_depth / 2 + 0.5
        points.append(frame.at(0, -behind, 0))
        numbers.append(float(number))
        sizes.append((segment.canal_depth, segment.canal_width, behind + segment.depth / 2))
    axis = skeleton.frames[FIRST]
    back = skeleton.segments[FIRST].depth / 2 + skeleton.segments[FIRST].canal_depth / 2
    for (front, up), above in zip(_HEAD, _HEAD_NUMBERS, strict=True):
        points.insert(0, axis.at(0, front - back, up))
        numbers.insert(0, above)
        sizes.insert(0, (22, 24, 24))
    places = np.array(points)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(places, axis=0), axis=1))])
    samples = np.arange(0, along[-1], 1.0)
    course = CubicSpline(along, places)(samples).astype(np.float32)
    table = np.column_stack([numbers, sizes])
    told = [np.interp(samples, along, table[:, i]).astype(np.float32) for i in range(4)]
    return CanalCurve(course[:, 0], course[:, 1], course[:, 2], *told)


def unroll(curve: CanalCurve, grid: Grid) -> Unrolled:
    """Tell every point of a plane by its nearest place on the canal, seen from the side."""
    y, z = grid.plane
    coarse = np.column_stack([y[::3, ::3].ravel(), z[::3, ::3].ravel()])
    _, nearest = cKDTree(np.column_stack([curve.y, curve.z])).query(coarse)
    rough = nearest.reshape(y[::3, ::3].shape)
    sample = np.repeat(np.repeat(rough, 3, 0), 3, 1)[: y.shape[0], : y.shape[1]]
    slope_y, slope_z = np.gradient(curve.y), np.gradient(curve.z)
    length = np.hypot(slope_y, slope_z)
    slope_y, slope_z = slope_y / length, slope_z / length
    along = (y - curve.y[sample]) * slope_y[sample] + (z - curve.z[sample]) * slope_z[sample]
    sample = np.clip(sample + np.rint(np.clip(along, -4, 4)).astype(int), 0, len(curve.y) - 1)
    back = (y - curve.y[sample]) * slope_z[sample] - (z - curve.z[sample]) * slope_y[sample]
    return Unrolled(sample, back.astype(np.float32), curve.x[sample])
