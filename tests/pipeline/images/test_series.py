from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import SecondaryCaptureImageStorage

from pipeline.images.headers import ImageHeader
from pipeline.images.inspection import inspect_study
from pipeline.images.series import choose_series, choose_whole_spine
from tests.pipeline.images.phantom import headers, mr_image, plane, positions, save_all

T2, OTHER = "2.25.2", "2.25.3"


def beside(**changes: Any) -> list[ImageHeader]:
    return headers(positions(), uid=OTHER, **changes)


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        pytest.param(
            beside(inversion_time=160.0, scanning=("SE", "IR"), description="SAG T2 fs"),
            "inversion time 160 ms (STIR)",
            id="a STIR named T2",
        ),
        pytest.param(
            beside(repetition_time=520.0, echo_time=11.0, description="SAG T2 COPY"),
            "times of a T1, against the name",
            id="a T1 named T2",
        ),
        pytest.param(beside(modality="CT"), "CT and not MR", id="a CT"),
        pytest.param(headers(positions(3), uid=OTHER), "3 slices, 5 are needed", id="a localizer"),
        pytest.param(
            beside(plane=plane((0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0))), "axial, not sagittal", id="an axial series"
        ),
    ],
)
def test_the_sagittal_t2_is_chosen_and_the_other_has_its_reason(others: list[ImageHeader], reason: str) -> None:
    choice = choose_series([*others, *headers(positions(), uid=T2)])

    assert choice.stack is not None
    assert choice.stack.images[0].series_uid == T2
    assert [reason in judged.reason for judged in choice.series if judged.series_uid == OTHER] == [True]


@pytest.mark.parametrize(
    "better",
    [
        pytest.param({"acquired": "20240311113000"}, id="the later of two"),
        pytest.param({"top": -150.0}, id="the lower station of two"),
    ],
)
def test_of_two_usable_series_the_better_is_chosen(better: dict[str, Any]) -> None:
    better = dict(better)
    wanted = headers(positions(top=better.pop("top", 120.0)), uid=OTHER, **better)

    choice = choose_series([*headers(positions()), *wanted])

    assert choice.stack is not None
    assert choice.stack.images[0].series_uid == OTHER


def test_plain_t2_comes_before_a_later_one_with_fat_suppression() -> None:
    suppressed = beside(fat_suppressed=True, acquired="20240311113000")

    choice = choose_series([*suppressed, *headers(positions())])

    assert choice.stack is not None
    assert choice.stack.images[0].series_uid == T2


@given(order=st.permutations(range(22)))
def test_the_order_of_images_does_not_change_the_choice(order: list[int]) -> None:
    images = headers(positions()) + beside()

    assert choose_series([images[i] for i in order]) == choose_series(images)


def test_without_a_usable_series_the_reason_names_each() -> None:
    choice = choose_series(headers([place for place in positions() if place[0] != 4.4]))

    assert choice.stack is None
    assert "SAG T2 TSE: gap, 8.8 mm" in choice.reason


def test_a_study_is_inspected_with_its_geometry_and_problems(tmp_path: Path) -> None:
    stranger = mr_image(12, (0.0, 0.0, 0.0))
    stranger.SOPClassUID = SecondaryCaptureImageStorage
    del stranger.ImagePositionPatient
    paths = save_all([*(mr_image(i, place) for i, place in enumerate(positions())), stranger], tmp_path)
    (tmp_path / "notes.txt").write_text("no image")

    (study,) = inspect_study([*paths, tmp_path / "notes.txt"])["studies"]

    (series,) = study["series"]
    assert study["chosen"] == series["series_uid"] == T2
    assert (series["orientation"], series["weighting"], series["slices"], series["usable"]) == (
        "sagittal",
        "T2",
        11,
        True,
    )
    assert (series["spacing_mm"], series["shape"]) == ([4.4, 10.0, 10.0], [11, 24, 16])
    assert "left out: 12 (no position, no MR image)" in series["reason"]
    assert [problem["file"] for problem in study["problems"]] == ["notes.txt"]


def test_a_file_cut_short_makes_its_series_unusable(tmp_path: Path) -> None:
    paths = save_all([mr_image(i, place) for i, place in enumerate(positions(), 1)], tmp_path)
    paths[3].write_bytes(paths[3].read_bytes()[:-100])

    (study,) = inspect_study(paths)["studies"]

    assert study["chosen"] is None
    assert "image 4 holds 668 of 768 bytes" in study["reason"]


def tall(**changes: Any) -> list[ImageHeader]:
    """A series of 440 mm from head to foot."""
    uid = changes.pop("uid", OTHER)
    return [
        replace(image, plane=replace(image.plane, rows=45), **changes)
        for image in headers(positions(), uid=uid)
        if image.plane
    ]


def test_of_several_series_of_the_whole_spine_the_latest_counts() -> None:
    later = tall(uid="2.25.1", acquired="20240311113000")

    stack = choose_whole_spine(choose_series([*later, *tall(), *headers(positions())]))

    assert stack is not None
    assert stack.images[0].series_uid == "2.25.1"


@pytest.mark.parametrize(
    "images",
    [
        pytest.param(headers(positions()), id="a lumbar series"),
        pytest.param(tall(repetition_time=520.0, echo_time=11.0), id="a T1 of the whole spine"),
        pytest.param([*headers(positions(top=120.0)), *headers(positions(top=-80.0), uid=OTHER)], id="two stations"),
    ],
)
def test_nothing_else_is_taken_for_a_whole_spine(images: list[ImageHeader]) -> None:
    assert choose_whole_spine(choose_series(images)) is None
