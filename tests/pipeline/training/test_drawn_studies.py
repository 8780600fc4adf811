import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pipeline.images.series import choose_series, read_headers
from pipeline.training.drawn_studies import drawn_study
from tests.pipeline.images.phantom import save_all

FORCED = {"stenosis": ["L4-L5"], "spondylolisthesis": ["L3-L4"], "cancer": []}


def test_the_same_seed_draws_the_same_study() -> None:
    one, other = drawn_study(5), drawn_study(5)

    assert one.datasets == other.datasets
    assert (one.conditions, one.discs) == (other.conditions, other.discs)


def test_another_seed_draws_another_patient_and_study() -> None:
    one, other = drawn_study(5).datasets[0], drawn_study(6).datasets[0]

    for keyword in (
        "PatientID",
        "AccessionNumber",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "SOPInstanceUID",
        "PixelData",
    ):
        assert one[keyword].value != other[keyword].value


def test_forced_conditions_are_the_truth() -> None:
    truth = drawn_study(5, FORCED).conditions

    assert truth == {"stenosis": ("L4-L5",), "spondylolisthesis": ("L3-L4",), "cancer": ()}


@pytest.mark.parametrize("conditions", [{"rust": ["L4-L5"]}, {"stenosis": ["L9-L10"]}])
def test_what_cannot_be_drawn_is_refused(conditions: dict[str, list[str]]) -> None:
    with pytest.raises(KeyError, match="cannot draw"):
        drawn_study(5, conditions)


def test_a_forced_condition_changes_the_picture() -> None:
    healthy, ill = (drawn_study(5, {**FORCED, "stenosis": levels}) for levels in ([], ["L4-L5"]))
    middle = len(healthy.datasets) // 2

    assert not np.array_equal(healthy.datasets[middle].pixel_array, ill.datasets[middle].pixel_array)


@pytest.mark.parametrize("seed", range(3))
def test_the_low_lumbar_discs_are_in_view(seed: int) -> None:
    levels = [disc.level for disc in drawn_study(seed).discs]

    assert levels[-5:] == ["L1-L2", "L2-L3", "L3-L4", "L4-L5", "L5-S1"]


def test_the_series_is_the_one_that_is_chosen(tmp_path: Path) -> None:
    study = drawn_study(8)
    choice = choose_series(read_headers(save_all(study.datasets, tmp_path))[0])

    assert choice.stack is not None
    assert [image.instance_uid for image in choice.stack.images] == [ds.SOPInstanceUID for ds in study.datasets]


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="dciodvfy of dicom3tools is not installed")
def test_the_images_are_valid_mr_objects(tmp_path: Path) -> None:
    (path, *_) = save_all(drawn_study(9).datasets, tmp_path)

    judged = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)

    assert "Error" not in judged.stdout + judged.stderr
