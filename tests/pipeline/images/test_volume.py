from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.uid import RLELossless

from pipeline.images.errors import UnreadablePixels
from pipeline.images.series import choose_series, read_headers
from pipeline.images.volume import Volume, load_volume
from tests.pipeline.images.phantom import COLUMNS, PIXEL, ROWS, SAGITTAL, Vector, mr_image, plane, positions, save_all

POSTERIOR_FIRST = (0.0, -1.0, 0.0, 0.0, 0.0, -1.0)
INFERIOR_FIRST = (0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
TURNED = (0.0, 0.0, -1.0, 0.0, 1.0, 0.0)


def volume_of(places: list[Vector], orientation: tuple[float, ...], folder: Path) -> Volume:
    paths = save_all([mr_image(i, place, orientation) for i, place in enumerate(places, 1)], folder)
    stack = choose_series(read_headers(paths)[0]).stack
    assert stack is not None
    return load_volume(stack)


def moved(y: float = 0.0, z: float = 0.0) -> list[Vector]:
    return [(x, y0 + y, z0 + z) for x, y0, z0 in positions()]


@pytest.mark.parametrize(
    ("places", "orientation"),
    [
        pytest.param(positions()[::-1], SAGITTAL, id="numbered from left to right"),
        pytest.param(moved(y=(COLUMNS - 1) * PIXEL), POSTERIOR_FIRST, id="rows from posterior to anterior"),
        pytest.param(moved(z=-(ROWS - 1) * PIXEL), INFERIOR_FIRST, id="columns from inferior to superior"),
    ],
)
def test_one_anatomy_gives_one_volume(places: list[Vector], orientation: tuple[float, ...], tmp_path: Path) -> None:
    usual = volume_of(positions(), SAGITTAL, tmp_path / "usual")
    other = volume_of(places, orientation, tmp_path / "other")

    assert np.array_equal(other.voxels, usual.voxels)
    assert other.spacing_mm == usual.spacing_mm
    assert other.patient_mm(3.5, 7, 9) == pytest.approx(usual.patient_mm(3.5, 7, 9))


def test_the_ball_lies_left_anterior_and_superior(tmp_path: Path) -> None:
    for name, orientation in (("usual", SAGITTAL), ("turned", TURNED)):
        volume = volume_of(positions(), orientation, tmp_path / name)
        left, row, column = np.argwhere(volume.voxels == 1500).mean(axis=0)

        assert left > len(volume.voxels) / 2
        assert (row < ROWS / 2, column < COLUMNS / 2) == (True, True)
        assert volume.patient_mm(left, row, column) == pytest.approx((13, -55, 80), abs=6)


@pytest.mark.parametrize("orientation", [SAGITTAL, POSTERIOR_FIRST, INFERIOR_FIRST, TURNED])
@given(row=st.floats(0, 15), column=st.floats(0, 15), index=st.integers(0, 10))
def test_a_voxel_and_its_image_point_are_one_place(
    orientation: tuple[float, ...], row: float, column: float, index: int
) -> None:
    planes = tuple(plane(place, orientation) for place in positions())
    volume = Volume(np.zeros((11, ROWS, COLUMNS), np.float32), (4.4, PIXEL, PIXEL), planes, tuple("abcdefghijk"))

    point = volume.image_point(index, row, column)

    here = planes[index]
    by_image = np.array(here.position) + np.array(here.along_row) * PIXEL * point.column
    assert point.sop_instance_uid == "abcdefghijk"[index]
    assert volume.patient_mm(index, row, column) == pytest.approx(
        by_image + np.array(here.along_column) * PIXEL * point.row
    )


def test_compressed_pixels_and_rescale_are_read(tmp_path: Path) -> None:
    plain = volume_of(positions(), SAGITTAL, tmp_path)
    for path in tmp_path.iterdir():
        ds = dcmread(path)
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 2, 5, "US"
        ds.compress(RLELossless, generate_instance_uid=False)
        ds.save_as(path)
    stack = choose_series(read_headers(sorted(tmp_path.iterdir()))[0]).stack

    assert stack is not None
    assert np.array_equal(load_volume(stack).voxels, plain.voxels * 2 + 5)


def test_pixels_that_cannot_be_decoded_name_the_image(tmp_path: Path) -> None:
    paths = save_all([mr_image(i, place) for i, place in enumerate(positions(), 1)], tmp_path)
    stack = choose_series(read_headers(paths)[0]).stack
    assert stack is not None
    paths[4].write_bytes(paths[4].read_bytes()[:-400])

    with pytest.raises(UnreadablePixels, match="image 5 cannot be decoded"):
        load_volume(stack)


@pytest.mark.filterwarnings("ignore:Invalid value for VR DS")
@pytest.mark.parametrize("slope", ["nan", "inf"])
def test_values_that_are_no_numbers_are_refused(slope: str, tmp_path: Path) -> None:
    paths = save_all([mr_image(i, place) for i, place in enumerate(positions(), 1)], tmp_path)
    stack = choose_series(read_headers(paths)[0]).stack
    assert stack is not None
    ds = dcmread(paths[4])
    ds.RescaleSlope, ds.RescaleIntercept = slope, 0
    ds.save_as(paths[4])

    with pytest.raises(UnreadablePixels, match="image 5 holds values that are no numbers"):
        load_volume(stack)
