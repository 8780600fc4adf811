"""Studies that a site sends beside the plain ones: each gives discs, or a reason by name, and never a guess."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from config.image_settings import ImageSettings
from pipeline.images.reader import ImageReader, load_image_reader
from pipeline.images.reading import read_study
from pipeline.training.drawn_spines import SLICE_SPACING, draw_volume
from pipeline.training.other_pictures import paint_other
from pipeline.training.spine_contrast import draw_contrast, render
from pipeline.training.spine_variety import Variety
from pipeline.values import StudyReading
from tests.pipeline.images.drawn_files import write_study

SEED = 40_000_003
LOW_LUMBAR = ["L2-L3", "L3-L4", "L4-L5", "L5-S1"]


@pytest.fixture(scope="module")
def reader() -> ImageReader:
    return load_image_reader(ImageSettings(), Path(), "spinelabel test")


@pytest.fixture(scope="module")
def lumbar() -> np.ndarray:
    return draw_volume(SEED).image


def levels(reading: StudyReading) -> list[str | None]:
    return [disc.level for disc in reading.discs]


def test_five_slices_will_do(reader: ImageReader, lumbar: np.ndarray, tmp_path: Path) -> None:
    middle = len(lumbar) // 2

    reading = read_study(reader, write_study(lumbar[middle - 2 : middle + 3], tmp_path), ())

    assert levels(reading)[-4:] == LOW_LUMBAR


def test_four_slices_are_too_few_and_that_is_said(reader: ImageReader, lumbar: np.ndarray, tmp_path: Path) -> None:
    reading = read_study(reader, write_study(lumbar[4:8], tmp_path), ())

    assert reading.discs == ()
    assert "4 slices, 5 are needed" in reading.reason


@pytest.mark.parametrize(
    ("between", "pixel"),
    [
        pytest.param(1.0, 1.0, id="thirty-eight slices of 1 mm, isotropic"),
        pytest.param(4.4, 0.4, id="pixels of 0.4 mm"),
        pytest.param(4.4, 1.4, id="pixels of 1.4 mm"),
    ],
)
def test_another_resolution_gives_the_same_discs(
    reader: ImageReader, lumbar: np.ndarray, tmp_path: Path, between: float, pixel: float
) -> None:
    middle = len(lumbar) // 2
    zoomed = ndimage.zoom(lumbar[middle - 4 : middle + 5], (SLICE_SPACING / between, 1 / pixel, 1 / pixel), order=1)

    reading = read_study(reader, write_study(zoomed, tmp_path, spacing=(between, pixel, pixel)), ())

    assert levels(reading)[-4:] == LOW_LUMBAR


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"EchoTime": 12, "RepetitionTime": 600}, "not T2", id="a T1 only"),
        pytest.param({"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}, "axial, not sagittal", id="axial only"),
        pytest.param({"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}, "coronal, not sagittal", id="coronal only"),
        pytest.param({"Modality": "CT"}, "CT and not MR", id="a CT"),
    ],
)
def test_a_study_without_a_sagittal_t2_says_so(
    reader: ImageReader, lumbar: np.ndarray, tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    reading = read_study(reader, write_study(lumbar[3:9], tmp_path, changes=changes), ())

    assert reading.discs == ()
    assert reason in reading.reason


def test_a_neck_has_discs_without_names(reader: ImageReader, tmp_path: Path) -> None:
    reading = read_study(reader, write_study(draw_volume(SEED, region="cervical").image, tmp_path), ())

    assert len(reading.discs) >= 5
    assert set(levels(reading)) == {None}
    assert "the sacrum is not in view" in reading.levels_reason


def test_a_phantom_has_no_discs_and_the_reason_is_said(reader: ImageReader, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    bottle = render([paint_other(rng, (256, 256))], draw_contrast(rng, "T2"), rng)

    reading = read_study(reader, write_study(np.stack([bottle] * 7), tmp_path), ())

    assert reading.discs == ()
    assert reading.levels_reason == "no spine is seen from the side"


def test_a_spine_upside_down_is_refused_with_the_reason(
    reader: ImageReader, lumbar: np.ndarray, tmp_path: Path
) -> None:
    reading = read_study(reader, write_study(lumbar[:, ::-1], tmp_path), ())

    assert reading.discs == ()
    assert "upside down" in reading.levels_reason


def test_screws_and_cages_leave_the_other_discs(reader: ImageReader, tmp_path: Path) -> None:
    operated = draw_volume(SEED, variety=Variety(screws=(0, 1), caged=(1,), opened=(1,)))
    truth = {disc.level: operated.field.place(disc.centre) for disc in operated.shown_discs()}

    reading = read_study(reader, write_study(operated.image, tmp_path), ())

    for level in LOW_LUMBAR[:3]:
        column, row = truth[level]
        assert min(np.hypot(disc.row - row, disc.column - column) for disc in reading.discs) < 6
    if reading.levels_known:
        assert levels(reading)[-4:] == LOW_LUMBAR


def test_a_scan_that_misses_the_sacrum_takes_its_names_from_the_localizer(reader: ImageReader, tmp_path: Path) -> None:
    whole = draw_volume(SEED)
    rows = whole.image.shape[1]
    upper = write_study(whole.image[:, : rows - 110], tmp_path, name="1", at=(-26.4, -90.0, 150.0))
    localizer = {"EchoTime": 12, "RepetitionTime": 600, "SeriesDescription": "LOCALIZER"}
    where = {"at": (-26.4, -90.0, 90.0), "spacing": (13.2, 1.0, 1.0)}
    lower = write_study(whole.image[::3, 60:], tmp_path, name="2", changes=localizer, **where)

    reading = read_study(reader, [*upper, *lower], ())

    assert reading.levels_reason == "counted up from the sacrum, seen on LOCALIZER"
    truth = {disc.level: whole.field.place(disc.centre) for disc in whole.shown_discs()}
    for disc in reading.discs[1:-1]:
        column, row = truth[str(disc.level)]
        assert np.hypot(disc.row - row, disc.column - column) < 6
