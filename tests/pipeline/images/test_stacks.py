from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.images.errors import ImpossibleField, MissingPixels, SliceGap, TooFewSlices
from pipeline.images.regularity import measure_spacing
from pipeline.images.stacks import split_series
from tests.pipeline.images.phantom import AXIAL, BASE, CORONAL, headers, plane, positions


@given(order=st.permutations(range(11)))
def test_images_in_any_order_give_the_same_stack(order: list[int]) -> None:
    images = headers(positions())

    assert split_series([images[i] for i in order]) == split_series(images)


def test_a_stack_runs_from_the_right_to_the_left_of_the_patient() -> None:
    (stack,) = split_series(headers(positions()[::-1])).stacks

    assert [image.plane.position[0] for image in stack.images if image.plane] == [x for x, _, _ in positions()]


def test_two_echoes_are_two_stacks() -> None:
    images = headers(positions(), echo_time=13.0) + headers(positions(), uid="2.25.3", echo_time=98.0)

    stacks = split_series(images).stacks

    assert sorted((stack.images[0].echo_time, len(stack.images)) for stack in stacks) == [(13.0, 11), (98.0, 11)]


def test_two_stations_are_two_stacks() -> None:
    images = headers(positions(top=420.0)) + headers(positions(top=150.0), uid="2.25.3")

    stacks = split_series(images).stacks

    assert [{image.plane.position[2] for image in stack.images if image.plane} for stack in stacks] in (
        [{420.0}, {150.0}],
        [{150.0}, {420.0}],
    )


def test_a_second_acquisition_of_all_places_is_a_stack_of_its_own() -> None:
    images = headers(positions()) + headers(positions(), uid="2.25.3", acquisition=2)

    assert [len(stack.images) for stack in split_series(images).stacks] == [11, 11]


def test_acquisition_numbers_that_count_slices_split_nothing() -> None:
    images = [replace(image, acquisition=i) for i, image in enumerate(headers(positions()))]

    assert [len(stack.images) for stack in split_series(images).stacks] == [11]


def test_an_image_exported_twice_counts_once_and_is_named() -> None:
    images = headers(positions())
    copy = replace(images[2], instance_uid="2.25.77")

    (stack,) = split_series([*images, copy]).stacks

    assert len(stack.images) == 11
    assert [image.instance_uid for image in stack.duplicates] in (["2.25.77"], [images[2].instance_uid])


def test_images_of_other_planes_are_kept_out_of_the_stack() -> None:
    others = [
        replace(BASE, plane=plane((0.0, 0.0, 0.0), directions), number=n)
        for n, directions in ((12, AXIAL), (13, CORONAL))
    ]

    stacks = split_series([*headers(positions()), *others, replace(BASE, plane=None, number=14)])

    assert sorted(stack.orientation for stack in stacks.stacks) == ["axial", "coronal", "sagittal"]
    assert [(image.number, reason) for image, reason in stacks.strangers] == [(14, "no position, no MR image")]


def test_a_missing_slice_is_a_gap_with_its_place() -> None:
    with pytest.raises(SliceGap, match=r"gap, 8\.8 mm between x = 0\.0 and x = 8\.8 where 4\.4 mm is usual"):
        measure_spacing(headers([place for place in positions() if place[0] != 4.4]))


def test_a_slice_too_near_is_irregular_spacing() -> None:
    places = positions()
    places[4] = (places[4][0] - 2.0, *places[4][1:])

    with pytest.raises(SliceGap, match=r"irregular spacing, 2\.4 mm"):
        measure_spacing(headers(places))


def test_four_slices_are_too_few() -> None:
    with pytest.raises(TooFewSlices, match=r"4 slices, 5 are needed"):
        measure_spacing(headers(positions(4)))


@pytest.mark.parametrize("spacing", [(0.001, 0.9), (1e6, 1e6)])
def test_a_spacing_that_no_picture_of_a_spine_has_is_refused_with_the_size(spacing: tuple[float, float]) -> None:
    images = [
        replace(image, plane=replace(plane(place), spacing=spacing))
        for image, place in zip(headers(positions()), positions(), strict=True)
    ]

    with pytest.raises(ImpossibleField, match=r"the picture would measure .* mm"):
        measure_spacing(images)


def test_images_without_whole_pixels_are_all_named() -> None:
    images = headers(positions())
    images[3] = replace(images[3], pixel_fault="holds 384 of 768 bytes")
    images[5] = replace(images[5], pixel_fault="has no Pixel Data")

    with pytest.raises(MissingPixels, match="image 4 holds 384 of 768 bytes, image 6 has no Pixel Data"):
        measure_spacing(images)
