"""Discs drawn into label maps of any orientation and size, measured in the volume."""

from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.images.detectors.label_maps import LabelMap, MeasuredDisc, measure_disc

SHAPE = (13, 150, 130)
SPACING = (4.0, 0.8, 0.9)
TURNS = [
    (axes, signs) for axes in permutations(range(3)) for signs in product((1, -1), repeat=3)
]  # the 48 ways in which a map can lie


@dataclass(frozen=True)
class Drawn:
    centre: tuple[float, float, float]
    tilt: float
    width: float


drawn_discs = st.builds(
    Drawn,
    st.tuples(st.floats(5, 7), st.floats(60, 90), st.floats(55, 75)),
    st.floats(-0.8, 0.8),
    st.floats(26, 48),
)


def turned(axes: tuple[int, ...], signs: tuple[int, ...], finer: float = 1.0) -> tuple[tuple[int, ...], np.ndarray]:
    """Give the shape of a map that lies so, and its matrix to the volume; `finer` steps make one in plane."""
    matrix, shape = np.eye(4), []
    matrix[:3, :3] = 0
    for i in range(3):
        axis = axes[i]
        step = 1.0 if axis == 0 else 1 / finer
        shape.append(int(SHAPE[axis] / step))
        matrix[axis, i] = signs[i] * step
        matrix[axis, 3] = 0 if signs[i] > 0 else (shape[i] - 1) * step
    return tuple(shape), matrix


def draw(disc: Drawn, shape: tuple[int, ...], to_volume: np.ndarray, number: int = 3) -> npt.NDArray[np.int64]:
    indices = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    place = indices @ to_volume[:3, :3].T + to_volume[:3, 3] - disc.centre
    across, down, back = (place * SPACING).transpose(3, 0, 1, 2)
    along = back * np.cos(disc.tilt) + down * np.sin(disc.tilt)
    height = down * np.cos(disc.tilt) - back * np.sin(disc.tilt)
    inside = (along / (disc.width / 2)) ** 2 + (height / 4.5) ** 2 + (across / 19) ** 2 < 1
    return np.where(inside, number, 0)


def measured(disc: Drawn, turn: tuple[tuple[int, ...], tuple[int, ...]], finer: float = 1.0) -> MeasuredDisc:
    shape, to_volume = turned(*turn, finer)
    found = measure_disc(LabelMap(draw(disc, shape, to_volume), to_volume), 3, SPACING)
    assert found is not None
    return found


@settings(max_examples=40, deadline=None)
@given(disc=drawn_discs, turn=st.sampled_from(TURNS), finer=st.sampled_from([1.0, 1.25]))
def test_a_drawn_disc_is_found_where_it_was_drawn_however_the_map_lies(
    disc: Drawn, turn: tuple[tuple[int, ...], tuple[int, ...]], finer: float
) -> None:
    found = measured(disc, turn, finer)

    assert np.abs(np.subtract(found.centre, disc.centre)).max() < 0.5
    assert abs(np.degrees(found.tilt - disc.tilt)) < 2
    assert abs(found.width - disc.width) < 1.6


@settings(max_examples=15, deadline=None)
@given(disc=drawn_discs, down=st.integers(-20, 20), back=st.integers(-20, 20))
def test_a_shifted_disc_is_found_shifted(disc: Drawn, down: int, back: int) -> None:
    upright = ((0, 1, 2), (1, 1, 1))
    slice_index, row, column = disc.centre
    shifted = measured(Drawn((slice_index, row + down, column + back), disc.tilt, disc.width), upright)

    there = measured(disc, upright)
    assert np.allclose(np.subtract(shifted.centre, there.centre), (0, down, back), atol=0.05)
    assert np.allclose((shifted.tilt, shifted.width), (there.tilt, there.width), atol=1e-2)


def test_a_speck_of_the_same_number_elsewhere_is_left_out() -> None:
    shape, to_volume = turned((0, 1, 2), (1, 1, 1))
    disc = Drawn((6.0, 75.0, 65.0), 0.2, 36.0)
    labels = draw(disc, shape, to_volume)
    labels[6, 3:6, 3:6] = 3

    assert measure_disc(LabelMap(labels, to_volume), 3, SPACING) == measured(disc, ((0, 1, 2), (1, 1, 1)))


def test_a_sliver_at_the_edge_of_the_picture_is_no_disc() -> None:
    labels = np.zeros(SHAPE, np.int64)
    labels[5:8, 149, 60:66] = 3

    assert measure_disc(LabelMap(labels, np.eye(4)), 3, SPACING) is None


def test_a_disc_on_two_slices_is_measured_whatever_the_rounding_of_its_map() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[5:7, 70:75, 50:90] = 3
    moved = np.eye(4)
    moved[0] = (1 + 1e-7, 0, 0, 1e-9)

    found = measure_disc(LabelMap(labels, moved), 3, SPACING)

    assert found is not None
    assert abs(found.width - 40 * 0.9) < 1
