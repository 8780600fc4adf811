"""The shipped detector on drawn volumes that are moved, turned, mirrored and resampled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from pipeline.images.detectors.embedded import EmbeddedDetector, load_detector
from pipeline.images.detectors.protocol import DetectedDiscs
from pipeline.images.volume import Volume
from pipeline.training.drawn_spines import SLICE_SPACING, draw_volume
from pipeline.training.other_pictures import paint_other
from pipeline.training.spine_contrast import draw_contrast, render

SEED = 40_000_003
LOWEST = 5
Voxels = np.ndarray

few = settings(max_examples=6, deadline=None, derandomize=True)


@pytest.fixture(scope="module")
def detector() -> EmbeddedDetector:
    return load_detector()


@pytest.fixture(scope="module")
def voxels() -> Voxels:
    """Seven slices of a plain lumbar spine with its sacrum, 1 mm in plane."""
    drawn = draw_volume(SEED).image
    middle = len(drawn) // 2
    return drawn[middle - 3 : middle + 4]


@pytest.fixture(scope="module")
def found(detector: EmbeddedDetector, voxels: Voxels) -> DetectedDiscs:
    return detect(detector, voxels)


def detect(
    detector: EmbeddedDetector, voxels: Voxels, spacing: tuple[float, float, float] = (SLICE_SPACING, 1.0, 1.0)
) -> DetectedDiscs:
    return detector.detect(Volume(np.ascontiguousarray(voxels), spacing, (), ()))


def places(found: DetectedDiscs, spacing: tuple[float, float, float] = (SLICE_SPACING, 1.0, 1.0)) -> np.ndarray:
    """Middles in mm from the middle of the first voxel, (discs, 3)."""
    return np.array([disc.centre for disc in found.discs]) * spacing


def assert_lowest_lie_on(found: np.ndarray, expected: np.ndarray) -> None:
    """See that the lowest five of the discs found are there and lie on five others, within 2.5 mm."""
    assert len(found) >= LOWEST
    away = np.linalg.norm(expected - found[-LOWEST:, None], axis=2)
    assert away.min(axis=1).max() < 2.5
    assert len(set(away.argmin(axis=1))) == LOWEST


def test_the_discs_and_names_are_those_that_were_drawn(found: DetectedDiscs) -> None:
    assert found.levels_known
    assert [disc.level for disc in found.discs][-5:] == ["L1-L2", "L2-L3", "L3-L4", "L4-L5", "L5-S1"]


@few
@given(down=st.integers(-12, 12), across=st.integers(-24, 24))
def test_a_shifted_picture_has_its_discs_shifted(
    detector: EmbeddedDetector, voxels: Voxels, found: DetectedDiscs, down: int, across: int
) -> None:
    shifted = detect(detector, ndimage.shift(voxels, (0, down, across), order=0, mode="nearest"))

    assert_lowest_lie_on(places(shifted), places(found) + np.array([0, down, across]))


@few
@given(degrees=st.floats(-12, 12))
def test_a_tilted_picture_has_its_discs_tilted(
    detector: EmbeddedDetector, voxels: Voxels, found: DetectedDiscs, degrees: float
) -> None:
    tilted = detect(detector, ndimage.rotate(voxels, degrees, axes=(1, 2), reshape=False, order=1, mode="nearest"))

    turn = np.deg2rad(degrees)  # against the clock on a picture whose rows run down
    middle = (np.array(voxels.shape[1:]) - 1) / 2
    offsets = places(found)[:, 1:] - middle
    rows = offsets[:, 0] * np.cos(turn) - offsets[:, 1] * np.sin(turn) + middle[0]
    columns = offsets[:, 0] * np.sin(turn) + offsets[:, 1] * np.cos(turn) + middle[1]
    assert len(tilted.discs) >= LOWEST
    for disc in tilted.discs[-4:]:
        away = np.hypot(rows - disc.centre[1], columns - disc.centre[2])
        assert away.min() < 4
        assert np.rad2deg(disc.tilt - found.discs[int(away.argmin())].tilt) == pytest.approx(-degrees, abs=6)


@few
@given(row_mm=st.floats(0.5, 1.4), column_mm=st.floats(0.5, 1.4))
def test_pixels_of_another_size_show_the_same_discs(
    detector: EmbeddedDetector, voxels: Voxels, found: DetectedDiscs, row_mm: float, column_mm: float
) -> None:
    resampled = ndimage.zoom(voxels, (1, 1 / row_mm, 1 / column_mm), order=1, grid_mode=True, mode="nearest")
    spacing = (SLICE_SPACING, voxels.shape[1] / resampled.shape[1], voxels.shape[2] / resampled.shape[2])

    other = detect(detector, resampled, spacing)

    edges = np.array([0, spacing[1] / 2 - 0.5, spacing[2] / 2 - 0.5])  # the first voxel's middle moves
    assert_lowest_lie_on(places(other, spacing) + edges, places(found))


def test_slices_from_the_other_side_show_the_same_discs_mirrored(
    detector: EmbeddedDetector, voxels: Voxels, found: DetectedDiscs
) -> None:
    mirrored = detect(detector, voxels[::-1])

    assert [disc.level for disc in mirrored.discs] == [disc.level for disc in found.discs]
    expected = places(found) * [-1, 1, 1] + [(len(voxels) - 1) * SLICE_SPACING, 0, 0]
    assert places(mirrored) == pytest.approx(expected, abs=1e-3)


def test_more_slices_between_show_the_same_discs(
    detector: EmbeddedDetector, voxels: Voxels, found: DetectedDiscs
) -> None:
    thin = detect(detector, np.repeat(voxels, 4, axis=0), (SLICE_SPACING / 4, 1.0, 1.0))

    assert [disc.level for disc in thin.discs] == [disc.level for disc in found.discs]
    assert places(thin, (SLICE_SPACING / 4, 1.0, 1.0))[:, 1:] == pytest.approx(places(found)[:, 1:], abs=2)


def test_a_spine_that_stands_upside_down_is_refused_with_the_reason(detector: EmbeddedDetector, voxels: Voxels) -> None:
    turned = detect(detector, voxels[:, ::-1])

    assert turned.discs == ()
    assert turned.reason == "the spine stands upside down, against its header"


def test_a_spine_that_faces_the_other_way_is_refused_with_the_reason(
    detector: EmbeddedDetector, voxels: Voxels
) -> None:
    turned = detect(detector, voxels[:, :, ::-1])

    assert turned.discs == ()
    assert turned.reason == "the front of the spine is seen behind it, against its header"


@pytest.mark.parametrize("seed", range(8))
def test_a_picture_without_a_spine_has_no_discs(detector: EmbeddedDetector, seed: int) -> None:
    rng = np.random.default_rng([seed, 77])
    labels, contrast = paint_other(rng, (256, 224)), draw_contrast(rng, "T2")
    slices = np.stack([render([labels], contrast, rng) for _ in range(5)])

    other = detect(detector, slices)

    assert other.discs == ()
    assert other.reason == "no spine is seen from the side"


def test_an_empty_picture_has_no_discs(detector: EmbeddedDetector) -> None:
    assert detect(detector, np.zeros((5, 200, 200), np.float32)).discs == ()
