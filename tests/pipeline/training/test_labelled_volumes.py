"""Real, labelled volumes in SPIDER's layout; the files are drawn and written here by SimpleITK."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from pipeline.images.detectors.network import GRID_MM, HALF_WIDTH_SCALE, HEATS, REGIONS
from pipeline.images.detectors.protocol import DetectedDiscs, LocatedDisc
from pipeline.images.errors import UnusableLabelledData
from pipeline.images.volume import Volume
from pipeline.training.detector_targets import HEAT_WIDTH
from pipeline.training.held_out.labelled import labelled_study
from pipeline.training.held_out.measuring import judge_labelled
from pipeline.training.labelled_samples import labelled_sample
from pipeline.training.labelled_volumes import LabelledVolume, Part, find_labelled, read_labelled

SPACING = (4.0, 0.8, 0.7)  # mm between slices, rows, columns
SHAPE = (9, 250, 240)
DISCS = {201: 185.0, 202: 150.0, 203: 115.0}  # row in mm of each disc's middle


def labels() -> np.ndarray:
    """Three discs 34 mm wide and 8 mm high, their middles at column 90 mm, with bodies and a canal."""
    slices, rows, columns = np.meshgrid(
        *(np.arange(n) * mm for n, mm in zip(SHAPE, SPACING, strict=True)), indexing="ij"
    )
    drawn = np.zeros(SHAPE, np.uint8)
    inside = (np.abs(columns - 90) <= 17) & (np.abs(slices - 16) < 13)
    for label, row in DISCS.items():
        drawn[inside & (np.abs(rows - row + 17.5) < 13)] = label - 200
        drawn[inside & (np.abs(rows - row) <= 4)] = label
    drawn[(columns > 110) & (columns < 125) & (np.abs(slices - 16) < 9)] = 100
    return drawn


def write(folder: Path, name: str, *, orientation: str = "PIL") -> None:
    """Write a series as SPIDER's are, with its axes in any order."""
    drawn = labels()
    for kind, array in (("images", drawn.astype(np.float32) * 3 + 50), ("masks", drawn)):
        image = SimpleITK.GetImageFromArray(array)
        image.SetSpacing(SPACING[::-1])
        # x to posterior, y to inferior, z to the left
        image.SetDirection((0, 0, 1, 1, 0, 0, 0, -1, 0))
        (folder / kind).mkdir(exist_ok=True)
        SimpleITK.WriteImage(SimpleITK.DICOMOrient(image, orientation), str(folder / kind / f"{name}.mha"))


@pytest.mark.parametrize("orientation", ["PIL", "LPS", "RAI", "ASR"])
def test_a_volume_lies_the_same_way_however_its_file_does(tmp_path: Path, orientation: str) -> None:
    write(tmp_path, "1_t2", orientation=orientation)
    (tmp_path / "overview.csv").write_text("new_file_name,subset\n1_t2,training\n")

    volume = read_labelled(find_labelled(tmp_path, "training")[0])

    assert volume.spacing_mm == pytest.approx(SPACING)
    assert np.array_equal(volume.labels, labels())


def test_a_sample_is_warm_where_discs_are_labelled(tmp_path: Path) -> None:
    write(tmp_path, "1_t2")
    (tmp_path / "overview.csv").write_text("new_file_name,subset\n1_t2,training\n")
    volume = read_labelled(find_labelled(tmp_path, "training")[0])

    sample = labelled_sample(volume, np.random.default_rng(1))

    heat = sample.heats[HEATS.index("disc")]
    spots = np.argwhere(heat > 0.9)
    assert np.ptp(spots[:, 0]) * 2 == pytest.approx(70, abs=4)
    lowest = np.unravel_index(sample.heats[HEATS.index("lumbosacral")].argmax(), heat.shape)
    assert lowest[0] >= spots[:, 0].max() - 2
    shown = sample.taught > 0
    assert sample.shapes[0][shown] == pytest.approx(-1, abs=0.02)
    assert sample.shapes[2][shown] * HALF_WIDTH_SCALE == pytest.approx(17, abs=1)
    assert sample.regions[REGIONS.index("canal")].any()


def test_targets_lie_where_the_picture_shows_the_disc() -> None:
    away = []
    for phase in range(3):  # of the pixels of a third of a mm; each by itself is rounded to a mm
        labels = np.zeros((3, 300, 240), np.uint8)
        labels[:, 120 + phase : 144 + phase, 60 + phase : 162 + phase] = 201
        voxels = np.where(labels, np.float32(1000), np.float32(500))

        sample = labelled_sample(LabelledVolume("1_t2", voxels, labels, (4.0, 1 / 3, 1 / 3)), np.random.default_rng(1))

        signal = np.maximum(sample.image[0] - np.median(sample.image[0][sample.image[0] > -1]), 0)
        shown = [float((places * signal).sum() / signal.sum()) + 0.5 for places in np.indices(signal.shape)]  # mm
        away.append(middle_of(sample.heats[HEATS.index("lumbosacral")], HEAT_WIDTH["lumbosacral"]) - np.array(shown))

    assert np.mean(away, axis=0) == pytest.approx([0, 0], abs=0.05)


def middle_of(heat: np.ndarray, width: float) -> np.ndarray:
    """Give the (row, column) in mm that a heat map is warm around, from the distances that its cells tell."""
    cells = np.argwhere(heat > 0.1)
    places = cells * GRID_MM + 0.5
    squares = -2 * width**2 * np.log(heat[tuple(cells.T)])
    unknown = np.column_stack([-2 * places, np.ones(len(places))])
    solved, *_ = np.linalg.lstsq(unknown, squares - (places**2).sum(axis=1))
    middle: np.ndarray = solved[:2]
    return middle


def test_what_the_labels_do_not_tell_is_not_learned(tmp_path: Path) -> None:
    write(tmp_path, "1_t2")
    (tmp_path / "overview.csv").write_text("new_file_name,subset\n1_t2,training\n")

    sample = labelled_sample(read_labelled(find_labelled(tmp_path, "training")[0]), np.random.default_rng(1))

    names = [*HEATS, *REGIONS]
    assert {name for name, known in zip(names, sample.known, strict=True) if not known} == {
        "S1",
        "C2",
        "transition",
        "sacrum",
        "cord",
    }


def test_a_patients_series_are_all_for_training_or_all_for_validation(tmp_path: Path) -> None:
    for patient in range(12):
        for series in ("t1", "t2"):
            write(tmp_path, f"{patient}_{series}")

    names = {part: {files.name for files in find_labelled(tmp_path, part)} for part in ("training", "validation")}

    patients = {part: {name.split("_")[0] for name in found} for part, found in names.items()}
    assert not patients["training"] & patients["validation"]
    assert sum(map(len, names.values())) == 24


def names_in(folder: Path, part: Part) -> list[str]:
    return [files.name for files in find_labelled(folder, part)]


@pytest.mark.parametrize(
    "overview",
    [
        pytest.param(b"\xef\xbb\xbfnew_file_name,subset\n1_t2,training\n2_t2,validation\n", id="a byte order mark"),
        pytest.param(b"new_file_name,subset\n1_t2,training\n1_t1\n2_t2,validation\n", id="a short row"),
        pytest.param(b"new_file_name,subset\n1_t2,training\n1_t1, \n2_t2,validation\n", id="a series without a part"),
        pytest.param(b"new_file_name,subset\n1_t1,training\n2_t1,validation\n", id="series that are not listed"),
    ],
)
def test_a_listed_series_decides_for_all_of_its_patient(tmp_path: Path, overview: bytes) -> None:
    for name in ("1_t1", "1_t2", "2_t1", "2_t2"):
        write(tmp_path, name)
    (tmp_path / "overview.csv").write_bytes(overview)

    assert names_in(tmp_path, "training") == ["1_t1", "1_t2"]
    assert names_in(tmp_path, "validation") == ["2_t1", "2_t2"]


@pytest.mark.parametrize(
    ("overview", "sentence"),
    [
        pytest.param("new_file_name,subset\n1_t2,training\n1_t1,validation\n", "row 2: the patient", id="two parts"),
        pytest.param("new_file_name;subset\n1_t2;training\n", "has no columns", id="semicolons"),
        pytest.param("new_file_name\n1_t2\n", "has no columns", id="no subset"),
        pytest.param("new_file_name,subset,sähne\n1_t2,training,1\n", "in UTF-8", id="Latin-1"),
    ],
)
def test_an_overview_that_cannot_be_relied_on_is_refused(tmp_path: Path, overview: str, sentence: str) -> None:
    write(tmp_path, "1_t2")
    (tmp_path / "overview.csv").write_bytes(overview.encode("latin-1"))

    with pytest.raises(UnusableLabelledData, match=sentence) as refusal:
        find_labelled(tmp_path, "training")

    assert "1_t" not in str(refusal.value)


class Told:
    """A detector that says what it is told, moved down by some mm."""

    name = "told@sha256:0"

    def __init__(self, down: float) -> None:
        self._down = down

    def detect(self, volume: Volume) -> DetectedDiscs:
        """Give the discs that were written, named from the lowest up."""
        _, row_mm, column_mm = volume.spacing_mm
        levels = zip(("L5-S1", "L4-L5", "L3-L4"), DISCS.values(), strict=True)
        discs = [
            LocatedDisc(level, (4.0, (row + self._down) / row_mm, 90 / column_mm), 0.0, 34.0, 1.0)
            for level, row in levels
        ]
        return DetectedDiscs(tuple(reversed(discs)), levels_known=True, reason="told")


@pytest.mark.parametrize(("down", "found", "right"), [(0.0, 3, True), (7.0, 3, True), (9.0, 0, False)])
def test_a_detector_is_measured_on_labelled_volumes(tmp_path: Path, down: float, found: int, right: bool) -> None:
    write(tmp_path, "1_t2")
    (tmp_path / "overview.csv").write_text("new_file_name,subset\n1_t2,validation\n")

    judged = judge_labelled(Told(down), find_labelled(tmp_path, "validation")[0])

    assert (judged.discs, len(judged.in_plane_mm), judged.false) == (3, found, 3 - found)
    assert (judged.named, judged.right) == (True, right)
    assert judged.in_plane_mm == pytest.approx([down] * found, abs=0.5)


def test_the_sacrum_is_in_view_where_enough_of_a_labelled_volume_lies_below_the_lowest_disc(tmp_path: Path) -> None:
    write(tmp_path, "1_t2")
    (tmp_path / "overview.csv").write_text("new_file_name,subset\n1_t2,validation\n")
    volume = read_labelled(find_labelled(tmp_path, "validation")[0])
    more = np.pad(volume.voxels, ((0, 0), (0, 20), (0, 0)))
    below = replace(volume, voxels=more, labels=np.pad(volume.labels, ((0, 0), (0, 20), (0, 0))))

    assert [labelled_study(each).sacrum for each in (volume, below)] == [False, True]


def test_a_folder_without_labelled_series_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableLabelledData, match=r"needs images/NAME\.mha"):
        find_labelled(tmp_path, "training")


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "1_t2")
    (tmp_path / "overview.csv").write_text("new_file_name,subset\n1_t2,training\n")
    small = SimpleITK.GetImageFromArray(np.zeros((2, 3, 4), np.uint8))
    SimpleITK.WriteImage(small, str(tmp_path / "masks" / "1_t2.mha"))

    with pytest.raises(UnusableLabelledData, match=r"1_t2: image .* and mask .* do not fit"):
        read_labelled(find_labelled(tmp_path, "training")[0])
