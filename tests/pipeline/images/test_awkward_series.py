"""Series that scanners, workstations and archives really make: each is chosen, joined or refused, with the reason."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.images.series import SeriesChoice, choose_whole_spine
from pipeline.images.volume import Volume
from tests.pipeline.images.cases import choose, files_of, volume_of, write


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cases")


@pytest.fixture(scope="module")
def plain(made: Path) -> Volume:
    return volume_of(choose(files_of(write("plain", made))))


def choice_of(made: Path, case: str) -> SeriesChoice:
    name, _, part = case.partition("/")
    return choose(files_of(write(name, made) / part))


AS_PLAIN = [
    pytest.param("vol-02/a-exported-twice", "left out: 3 (shows the place of another), 6", id="two exported twice"),
    pytest.param("vol-02/b-scanned-twice", "a stack of 11 (acquisition 1, acquired earlier)", id="scanned twice"),
    pytest.param("vol-03", "12 (axial), 13 (coronal)", id="strangers in the series"),
    pytest.param("vol-05", "TR 3500 ms, TE 102 ms: times of a T2", id="beside a STIR and a T1 named T2"),
    pytest.param("vol-06/a-right-to-left", "", id="numbered from the right"),
    pytest.param("vol-06/b-left-to-right", "", id="numbered from the left"),
    pytest.param("vol-06/c-posterior-on-the-left", "", id="rows to anterior"),
    pytest.param("vol-06/d-upside-down", "", id="columns to superior"),
    pytest.param("vol-07", "a stack of 11 (270 mm higher)", id="two stations in turn"),
    pytest.param("sr-01", "", id="little in the headers"),
    pytest.param("ser-repeats/a-rounded-twice", "11 images (shows the place of another)", id="rounded twice"),
    pytest.param("ser-repeats/b-scanned-beside", "acquisition 1, acquired earlier", id="scanned 0.6 mm beside"),
    pytest.param("ser-repeats/c-later-cut-short", "a stack of 6 (acquisition 2", id="the later cut short"),
    pytest.param("ser-repeats/d-earlier-cut-short", "a stack of 6 (acquisition 1", id="the earlier cut short"),
    pytest.param("ser-repeats/e-two-concatenations", "11 slices 4.4 mm apart", id="two concatenations"),
    pytest.param("ser-directions/c-rounding-noise", "11 slices 4.4 mm apart", id="noise in the orientation"),
    pytest.param("ser-dixon/a-one-series", "a Dixon fat image", id="Dixon in one series"),
    pytest.param("ser-dixon/b-four-series", "times of a T2", id="Dixon in four series"),
    pytest.param("ser-derived", "times of a T2", id="later derived series"),
    pytest.param("ser-stations", "the best usable", id="the lower station, with another and a composed one"),
    pytest.param("ser-scales/a-slopes", "", id="a rescale slope per image"),
    pytest.param("ser-scales/b-matrices", "a stack of 5 (matrix 30 x 20, pixels of 10 x 10 mm)", id="two matrices"),
    pytest.param("ser-enhanced/a-shared", "", id="frames with shared groups"),
    pytest.param("ser-enhanced/b-not-shared", "", id="frames without shared groups"),
    pytest.param("ser-enhanced/c-two-echoes", "echo time 13 ms", id="frames of two echoes"),
    pytest.param("ser-enhanced/d-two-stacks", "270 mm higher", id="frames of two stacks"),
    pytest.param("ser-enhanced/e-slopes", "", id="a rescale slope per frame"),
]


@pytest.mark.parametrize(("case", "said"), AS_PLAIN)
def test_the_volume_is_that_of_the_plain_series_and_what_was_left_out_is_said(
    case: str, said: str, made: Path, plain: Volume
) -> None:
    choice = choice_of(made, case)
    volume = volume_of(choice)

    assert np.allclose(volume.voxels, plain.voxels, atol=0.01)
    assert volume.spacing_mm == pytest.approx(plain.spacing_mm, rel=0.01)
    assert volume.patient_mm(3.5, 7, 9) == pytest.approx(plain.patient_mm(3.5, 7, 9), abs=1.0)
    assert said in choice.reason


def test_of_two_echoes_the_longer_is_read_and_the_record_says_why(made: Path) -> None:
    choice = choice_of(made, "vol-04")

    assert len(volume_of(choice).voxels) == 11
    assert "TE 98 ms: times of a T2; left out: a stack of 11 (echo time 13 ms)" in choice.reason


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        pytest.param("vol-01", "gap, 8.8 mm between x = 0.0 and x = 8.8 where 4.4 mm is usual", id="one missing"),
        pytest.param("ser-gaps/a-two-gaps", "2 gaps, 8.8 mm between x = -13.2 and x = -4.4, 8.8 mm", id="two missing"),
        pytest.param("ser-gaps/b-oblique", "gap, 8.8 mm between x = 34.2 and x = 42.5", id="one missing, oblique"),
        pytest.param("ser-gaps/c-growing", "irregular spacing, from 3.4 to 9.6 mm", id="a spacing that grows"),
        pytest.param("ser-gaps/d-one-shifted", "image 5 up to 12.0 mm beside the others", id="one shifted"),
        pytest.param("ser-directions/b-45-degrees", "oblique, 45 degrees from sagittal, where up to 37", id="oblique"),
        pytest.param("ser-directions/d-skewed", "rows and columns that are not at right angles", id="skewed"),
        pytest.param("ser-no-pictures/ImagePositionPatient", "no position", id="no position"),
        pytest.param("ser-no-pictures/ImageOrientationPatient", "no orientation", id="no orientation"),
        pytest.param("ser-no-pictures/PixelSpacing", "no pixel spacing", id="no pixel spacing"),
        pytest.param("ser-no-pictures/captures", "Screens: no position, no MR image", id="secondary captures"),
        pytest.param("ser-derived/subtraction", "not T2: a subtraction", id="a subtraction"),
        pytest.param("ser-derived/projection", "not T2: a projection", id="a projection"),
        pytest.param("ser-derived/phase", "a phase or complex image", id="a phase image"),
        pytest.param("ser-derived/map", "a computed map", id="a T2 map"),
        pytest.param("ser-derived/mosaic", "a mosaic", id="a mosaic"),
        pytest.param("ser-derived/screen", "a saved screen", id="a saved screen"),
        pytest.param("ser-dixon/b-four-series/F", "a Dixon fat image", id="a Dixon fat image"),
        pytest.param("ser-dixon/b-four-series/OP", "an opposed-phase Dixon image", id="an opposed-phase image"),
        pytest.param("ser-enhanced/f-cut-short", "image 1 frame 10 holds 46800 of 52800 bytes", id="frames cut short"),
    ],
)
def test_what_makes_no_volume_is_refused_with_the_reason(case: str, reason: str, made: Path) -> None:
    choice = choice_of(made, case)

    assert choice.stack is None
    assert reason in choice.reason


@pytest.mark.parametrize(
    ("case", "said"),
    [
        pytest.param("ser-derived/mpr", "reformatted", id="a reformat where there is nothing else"),
        pytest.param("ser-dixon/b-four-series/W", "a Dixon water image, so fat-suppressed", id="a Dixon water image"),
        pytest.param("ser-directions/a-15-degrees", "sagittal (15 degrees oblique)", id="15 degrees"),
        pytest.param("ser-scales/c-interpolated", "2.2 mm apart that overlap, being 4 mm thick", id="interpolated"),
    ],
)
def test_what_is_read_for_want_of_better_says_so(case: str, said: str, made: Path) -> None:
    choice = choice_of(made, case)

    assert len(volume_of(choice).voxels) >= 11
    assert said in choice.reason


def test_no_series_is_hidden_and_each_that_is_not_read_says_why(made: Path) -> None:
    reasons = {judged.description: judged.reason for judged in choice_of(made, "vol-05").series}
    scouts = {judged.description: judged.reason for judged in choice_of(made, "vol-03").series}
    stations = [judged.reason for judged in choice_of(made, "ser-stations").series]

    assert "inversion time 160 ms (STIR)" in reasons["SAG T2 fs"]
    assert "times of a T1, against the name" in reasons["SAG T2 COPY"]
    assert scouts["3-plane localizer"] == "mixed orientation: 1 axial, 1 coronal, 1 sagittal"
    assert sum("not chosen: its lower edge lies 270 mm higher" in reason for reason in stations) == 1
    assert sum("not chosen: composed of stations" in reason for reason in stations) == 1


def test_the_composed_series_serves_for_the_whole_spine(made: Path) -> None:
    stack = choose_whole_spine(choice_of(made, "ser-stations"))

    assert stack is not None
    assert stack.images[0].description == "SAG T2 composed"


def test_a_place_on_a_frame_names_the_frame(made: Path, plain: Volume) -> None:
    volume = volume_of(choice_of(made, "ser-enhanced/a-shared"))

    points = [volume.image_point(i, 7, 9) for i in range(11)]
    assert [point.frame for point in points] == list(range(1, 12))
    assert plain.image_point(3, 7, 9).frame is None
