from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.images.detectors.protocol import LocatedDisc
from pipeline.images.disc_volumes import CLIP, COLUMNS, ROWS, SLICES, cut_disc
from pipeline.images.errors import DiscOutsideScan, DiscWithoutSignal
from pipeline.images.volume import Volume

WIDTH, MARROW, DISC = 36.0, 200.0, 600.0
CENTRE = (6.0, 80.0, 90.0)


def body(
    tilt: float = 0.0, spacing: tuple[float, float] = (1.0, 1.0), centre: tuple[float, float, float] = CENTRE
) -> Volume:
    """Marrow with a bright disc 8 mm high at `centre`, tilted clockwise; slices differ in brightness by nothing."""
    row, column = np.mgrid[:180, :200].astype(float)
    down, right = (row - centre[1]) * spacing[0], (column - centre[2]) * spacing[1]
    along, across = right * np.cos(tilt) + down * np.sin(tilt), -right * np.sin(tilt) + down * np.cos(tilt)
    plane = np.where((np.abs(along) < WIDTH / 2) & (np.abs(across) < 4), DISC, MARROW)
    return Volume(np.repeat(plane[None], 13, axis=0).astype(np.float32), (4.4, *spacing), (), ())


def disc(tilt: float = 0.0, centre: tuple[float, float, float] = CENTRE) -> LocatedDisc:
    return LocatedDisc("L4-L5", centre, tilt, WIDTH, 1.0)


def bright(cut: np.ndarray) -> np.ndarray:
    return np.argwhere(cut[SLICES // 2] > 1.5 * cut[SLICES // 2][0, 0])


@settings(max_examples=30, deadline=None)
@given(tilt=st.floats(-0.9, 0.9))
def test_a_tilted_disc_comes_out_level(tilt: float) -> None:
    places = bright(cut_disc(body(tilt), disc(tilt)))

    assert places.mean(axis=0) == pytest.approx([(ROWS - 1) / 2, (COLUMNS - 1) / 2], abs=1)
    assert places[:, 0].max() - places[:, 0].min() == pytest.approx(8 / (2 * WIDTH / COLUMNS), abs=7)


@settings(max_examples=30, deadline=None)
@given(row=st.floats(50, 120), column=st.floats(60, 140))
def test_a_shifted_disc_comes_out_in_the_middle(row: float, column: float) -> None:
    centre = (6.0, row, column)
    places = bright(cut_disc(body(centre=centre), disc(centre=centre)))

    assert places.mean(axis=0) == pytest.approx([(ROWS - 1) / 2, (COLUMNS - 1) / 2], abs=2)


def test_pixels_of_another_size_give_the_same_cut() -> None:
    fine = cut_disc(body(0.3, spacing=(0.7, 0.7)), disc(0.3))

    assert np.abs(fine - cut_disc(body(0.3), disc(0.3))).mean() < 0.05


def test_the_cut_is_twice_the_disc_and_scaled_to_the_vertebrae() -> None:
    cut = cut_disc(body(), disc())

    assert cut.shape == (9, 112, 224)
    assert cut[4, 0, 112] == pytest.approx(2.0)
    assert cut.max() == pytest.approx(2 * DISC / MARROW)
    assert (bright(cut)[:, 1].max() - bright(cut)[:, 1].min()) == pytest.approx(COLUMNS / 2, abs=4)


def test_what_is_brighter_than_four_times_the_vertebrae_ends_there() -> None:
    volume = body()

    cut = cut_disc(replace(volume, voxels=np.where(volume.voxels == DISC, 4.1 * MARROW, volume.voxels)), disc())

    assert cut.max() == CLIP


def test_slices_beyond_the_volume_are_zero() -> None:
    cut = cut_disc(body(), disc(centre=(1.0, 80.0, 90.0)))

    assert [bool(plane.any()) for plane in cut] == [False] * 3 + [True] * 6


@pytest.mark.parametrize("centre", [(6.0, -3.0, 90.0), (6.0, 80.0, 205.0), (13.2, 80.0, 90.0)])
def test_a_disc_outside_the_volume_is_an_error(centre: tuple[float, float, float]) -> None:
    with pytest.raises(DiscOutsideScan, match="L4-L5"):
        cut_disc(body(), disc(centre=centre))


def test_a_disc_between_black_vertebrae_is_an_error() -> None:
    black = Volume(np.zeros((13, 180, 200), np.float32), (4.4, 1.0, 1.0), (), ())

    with pytest.raises(DiscWithoutSignal, match="L4-L5"):
        cut_disc(black, disc())
