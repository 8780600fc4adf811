"""A drawn spine, and a real one where it lies beside the project: an awkward series gives the plain one's findings."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from config.image_settings import ImageSettings
from pipeline.images.reader import ImageReader, load_image_reader
from pipeline.images.reading import read_study
from pipeline.training.drawn_studies import drawn_study
from pipeline.values import StudyReading
from tests.pipeline.images.cases import choose, volume_of
from tests.pipeline.images.phantom import save_all
from tests.pipeline.images.series_changes import CHANGES, Change

REAL_SERIES = Path(__file__).resolve().parents[4] / "shared" / "samples" / "lumbar-t2"
CONDITIONS = ("cancer", "stenosis", "spondylolisthesis")


@pytest.fixture(scope="module")
def reader() -> ImageReader:
    return load_image_reader(ImageSettings(classifiers="demonstration"), Path(), "spinelabel test")


@pytest.fixture(scope="module")
def drawn() -> Sequence[Dataset]:
    return drawn_study(41, {"stenosis": ["L4-L5"], "spondylolisthesis": [], "cancer": []}).datasets


@pytest.fixture(scope="module")
def plain(reader: ImageReader, drawn: Sequence[Dataset], tmp_path_factory: pytest.TempPathFactory) -> StudyReading:
    return read_study(reader, save_all(drawn, tmp_path_factory.mktemp("plain")), CONDITIONS)


def scores(reading: StudyReading) -> list[tuple[object, ...]]:
    """What was found, to the last digit, with the digest of the voxels it was found in."""
    return [
        (f.condition, f.level, f.state, f.answer, f.probability, f.log_odds, f.provenance.input_sha256)
        for f in reading.findings
    ]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_drawn_spine_has_the_same_discs_and_scores(
    change: Change, reader: ImageReader, drawn: Sequence[Dataset], plain: StudyReading, tmp_path: Path
) -> None:
    reading = read_study(reader, save_all(change(drawn), tmp_path), CONDITIONS)

    assert len(plain.discs) >= 5
    assert [(disc.level, disc.confidence) for disc in reading.discs] == [(d.level, d.confidence) for d in plain.discs]
    for disc, usual in zip(reading.discs, plain.discs, strict=True):
        assert disc.centre_mm == pytest.approx(usual.centre_mm, abs=1e-3)
    assert scores(reading) == scores(plain)
    assert reading.levels_known


@pytest.mark.skipif(not REAL_SERIES.exists(), reason="the real series is not beside the project")
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_real_series_gives_the_same_voxels(change: Change, tmp_path: Path) -> None:
    images = [dcmread(path) for path in sorted(REAL_SERIES.glob("*.dcm"))]
    usual = volume_of(choose(sorted(REAL_SERIES.glob("*.dcm"))))

    volume = volume_of(choose(save_all(change(images), tmp_path)))

    assert (volume.voxels == usual.voxels).all()
    assert volume.spacing_mm == usual.spacing_mm
    assert volume.patient_mm(9.5, 70, 90) == pytest.approx(usual.patient_mm(9.5, 70, 90), abs=1e-3)


@pytest.mark.long
@pytest.mark.skipif(not REAL_SERIES.exists(), reason="the real series is not beside the project")
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_real_series_gives_the_same_discs_and_scores(change: Change, reader: ImageReader, tmp_path: Path) -> None:
    paths = sorted(REAL_SERIES.glob("*.dcm"))
    usual = read_study(reader, paths, CONDITIONS)

    reading = read_study(reader, save_all(change([dcmread(path) for path in paths]), tmp_path), CONDITIONS)

    assert len(usual.discs) >= 5
    assert [disc.confidence for disc in reading.discs] == [disc.confidence for disc in usual.discs]
    assert scores(reading) == scores(usual)
