from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from config.conditions import DISC_LEVELS
from pipeline.training.held_out.plans import KINDS, NO_SPINE
from pipeline.training.held_out.study import SEEN_MM, HeldOutStudy, draw_held_out

PLACED = ("plain lumbar", "scoliosis", "slipped", "cropped", "lumbarised S1", "upside down", "whole spine")
OTHERS = ("metastases", "screws and rods", "cage", "laminectomy", "cervical", "six lumbar, no sign", NO_SPINE)


@cache
def drawn(kind: str) -> HeldOutStudy:
    return draw_held_out(3, kind)


def test_the_same_seed_draws_the_same_study() -> None:
    one, other = drawn("slipped"), draw_held_out(3, "slipped")

    assert np.array_equal(one.volume.voxels, other.volume.voxels)
    assert replace(one, volume=other.volume, labels=other.labels) == other


def test_another_seed_draws_another_study() -> None:
    assert draw_held_out(4, "slipped").discs != drawn("slipped").discs


@pytest.mark.parametrize("kind", [*PLACED, *OTHERS])
def test_a_kind_draws_finite_pixels_with_contrast(kind: str) -> None:
    expect_pixels(drawn(kind))


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_draws_finite_pixels_with_contrast_by_any_seed(kind: str) -> None:
    for seed in range(50, 58):
        expect_pixels(draw_held_out(seed, kind))


def expect_pixels(study: HeldOutStudy) -> None:
    voxels = study.volume.voxels
    assert voxels.dtype == np.float32
    assert voxels.ndim == 3
    assert study.labels.shape == voxels.shape
    assert np.isfinite(voxels).all()
    assert voxels.min() >= 0
    assert voxels.std() > 0.1 * voxels.mean()


@pytest.mark.parametrize("kind", PLACED)
def test_a_sure_disc_s_middle_lies_on_its_own_drawn_voxels(kind: str) -> None:
    study = drawn(kind)

    for place, disc in enumerate(study.discs, 1):
        if disc.sure:
            slice_index, row, column = (round(at) for at in disc.centre)
            assert place in study.labels[max(0, slice_index - 1) : slice_index + 2, row, column], disc


@pytest.mark.parametrize("kind", PLACED)
def test_a_disc_s_middle_is_where_its_drawn_voxels_have_theirs(kind: str) -> None:
    study = drawn(kind)
    millimetres = np.array(study.volume.spacing_mm[1:])

    for place, disc in enumerate(study.discs, 1):
        middle_slices = study.labels[max(0, round(disc.centre[0]) - 1) : round(disc.centre[0]) + 2]
        if disc.sure and (middle_slices == place).any():
            centroid = np.argwhere(middle_slices == place)[:, 1:].mean(axis=0)
            assert np.hypot(*((centroid - disc.centre[1:]) * millimetres)) < 4, disc


@pytest.mark.parametrize("kind", PLACED)
def test_a_sure_disc_s_middle_is_well_inside_the_picture(kind: str) -> None:
    study = drawn(kind)
    slices, rows, columns = study.volume.voxels.shape
    _, row_mm, column_mm = study.volume.spacing_mm

    for disc in study.discs:
        if disc.sure:
            assert 0 <= disc.centre[0] <= slices - 1
            assert SEEN_MM <= disc.centre[1] * row_mm <= (rows - 1) * row_mm - SEEN_MM
            assert SEEN_MM <= disc.centre[2] * column_mm <= (columns - 1) * column_mm - SEEN_MM


@pytest.mark.parametrize("kind", PLACED)
def test_discs_are_told_from_head_to_foot(kind: str) -> None:
    study = drawn(kind)
    levels = [disc.level for disc in study.discs if disc.level]
    rows = [disc.centre[1] for disc in study.discs]

    assert levels == sorted(levels, key=DISC_LEVELS.index)
    assert rows == sorted(rows, reverse=kind == "upside down")


def test_a_picture_cut_through_l5_shows_no_sacrum() -> None:
    study = draw_held_out(4, "cropped")

    assert not study.sacrum
    assert study.discs[-1].level == "L4-L5"


def test_a_whole_spine_shows_every_disc_and_the_sacrum() -> None:
    study = drawn("whole spine")

    assert [disc.level for disc in study.discs] == list(DISC_LEVELS)
    assert study.sacrum
    assert not study.transitional


def test_a_sixth_lumbar_vertebra_has_a_disc_below_it_without_a_name() -> None:
    study = drawn("six lumbar, no sign")

    assert study.transitional
    assert [disc.level for disc in study.discs][-2:] == ["L5-S1", None]
    assert study.discs[-1].sure


def test_with_four_lumbar_vertebrae_the_lowest_disc_is_counted_as_l4_l5() -> None:
    study = draw_held_out(3, "four lumbar, no sign")

    assert study.transitional
    assert study.discs[-1].level == "L4-L5"


def test_a_series_without_a_spine_has_no_discs() -> None:
    study = drawn(NO_SPINE)

    assert study.discs == ()
    assert not study.labels.any()
    assert not study.sacrum


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(KeyError, match="sideways"):
        draw_held_out(1, "sideways")
