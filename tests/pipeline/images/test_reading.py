"""Whole studies through the shipped models. The real series lies in a folder `shared` beside the project's folder."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from config.image_settings import ImageSettings
from pipeline.images.disc_values import discs_json
from pipeline.images.picture import caption, draw_discs, find_shown
from pipeline.images.reader import ImageReader, load_image_reader
from pipeline.images.reading import read_study
from pipeline.training.drawn_studies import DrawnStudy, drawn_study
from pipeline.values import Standing, State, StudyReading
from tests.pipeline.images.phantom import save_all

REAL_SERIES = Path(__file__).resolve().parents[4] / "shared" / "samples" / "lumbar-t2"
REAL_ROWS = (13, 38, 67, 98, 130, 164)
REAL_COLUMNS = (168, 162, 158, 154, 149, 142)
DEMONSTRATION = ImageSettings(classifiers="demonstration")
CONDITIONS = ("cancer", "stenosis", "spondylolisthesis")


@dataclass(frozen=True)
class Case:
    study: DrawnStudy
    paths: list[Path]
    reading: StudyReading


@pytest.fixture(scope="module")
def reader() -> ImageReader:
    return load_image_reader(DEMONSTRATION, Path(), "spinelabel test")


@pytest.fixture(scope="module")
def case(reader: ImageReader, tmp_path_factory: pytest.TempPathFactory) -> Case:
    study = drawn_study(41, {"stenosis": ["L4-L5"], "spondylolisthesis": [], "cancer": []})
    paths = save_all(study.datasets, tmp_path_factory.mktemp("drawn"))
    return Case(study, paths, read_study(reader, paths, CONDITIONS))


def test_the_discs_of_a_drawn_study_are_found_and_named(case: Case) -> None:
    found = {disc.level: disc.centre_mm for disc in case.reading.discs}

    assert case.reading.levels_known
    for disc in case.study.discs:
        assert np.hypot(*np.subtract(found[disc.level], disc.centre_mm)[1:]) < 4


def test_each_level_of_stenosis_is_read_from_its_own_disc(case: Case) -> None:
    found = {f.level: f for f in case.reading.findings if f.condition == "stenosis"}
    discs = {disc.level: disc for disc in case.reading.discs}

    assert set(found) == {"L3-L4", "L4-L5", "L5-S1"}
    assert len({finding.probability for finding in found.values()}) == 3
    for level, finding in found.items():
        assert finding.answer is not None
        assert finding.disc == discs[level]


def test_every_finding_says_what_made_it_and_that_it_is_a_demonstration(case: Case) -> None:
    for finding in case.reading.findings:
        assert finding.standing == Standing.DEMONSTRATION
        assert finding.provenance.model.startswith("EfficientNet-Lite0@sha256:")
        assert "+spinelabel-detector@sha256:" in finding.provenance.model
        assert (finding.provenance.software, finding.provenance.prompt) == ("spinelabel test", None)
        assert len(finding.provenance.input_sha256) == 64


def test_files_in_another_order_give_the_same_reading(reader: ImageReader, case: Case) -> None:
    assert read_study(reader, case.paths[::-1], CONDITIONS) == case.reading


def test_outlines_are_closed_lines_on_their_image(case: Case) -> None:
    images = {ds.SOPInstanceUID: ds for ds in case.study.datasets}
    for disc in case.reading.discs:
        columns, rows = zip(*disc.outline, strict=True)
        image = images[disc.sop_instance_uid]
        assert disc.outline[0] == disc.outline[-1]
        assert 0 <= min(columns) <= disc.column + 0.5 <= max(columns) <= image.Columns
        assert 0 <= min(rows) <= disc.row + 0.5 <= max(rows) <= image.Rows


def test_the_json_of_discs_has_the_keys_that_scripts_rely_on(case: Case) -> None:
    value = discs_json(case.reading, "SPINEPS 1.2 (licence: Apache-2.0)")

    assert set(value) == {"detector", "series_uid", "levels_known", "reason", "discs"}
    assert value["detector"] == "SPINEPS 1.2 (licence: Apache-2.0)"
    assert set(value["discs"][0]) == {"level", "centre", "centre_mm", "angle_deg", "confidence"}
    assert set(value["discs"][0]["centre"]) == {"sop_instance_uid", "row", "column"}


def test_the_picture_shows_coloured_outlines_on_grey(case: Case) -> None:
    captions = caption(case.reading.findings, case.reading.levels_reason)
    picture = np.asarray(draw_discs(find_shown(case.reading, case.paths), case.reading.discs, captions))

    coloured = (picture[..., 0] > 200) & (picture[..., 2] < 80)
    assert 0.002 < coloured.mean() < 0.05


def test_words_that_do_not_fit_below_each_other_make_the_picture_higher(case: Case) -> None:
    shown = find_shown(case.reading, case.paths)
    discs = case.reading.discs
    lowest = replace(discs[-1], row=case.study.datasets[0].Rows - 2.0)

    usual = draw_discs(shown, discs, caption((), "counted", "No basis for a decision."))
    low = draw_discs(shown, (*discs[:-1], lowest), caption((), "counted", "No basis for a decision. " * 4))

    assert (usual.height, low.width) == (900, usual.width)
    assert low.height > 940
    words = np.asarray(low)[900:, low.width - 300 :]
    assert words.max() > 200


def test_a_study_with_a_gap_abstains_with_the_reason(reader: ImageReader, case: Case) -> None:
    paths = case.paths[:4] + case.paths[5:]

    reading = read_study(reader, paths, CONDITIONS)

    assert reading.series_uid is None
    assert {finding.state for finding in reading.findings} == {State.NOT_IMAGED}
    assert {finding.answer for finding in reading.findings} == {None}
    assert "gap, 8.8 mm" in reading.findings[0].reason


def test_without_classifiers_there_are_discs_and_no_findings(case: Case) -> None:
    reading = read_study(load_image_reader(ImageSettings(), Path(), "spinelabel test"), case.paths, CONDITIONS)

    assert reading.discs == case.reading.discs
    assert reading.findings == ()
    assert "no image classifiers are set" in reading.reason


@pytest.mark.skipif(not REAL_SERIES.exists(), reason="the real series is not beside the project")
def test_a_real_series_without_a_sacrum_gives_its_discs_without_names(reader: ImageReader) -> None:
    reading = read_study(reader, sorted(REAL_SERIES.glob("*.dcm")), CONDITIONS)

    assert not reading.levels_known
    assert {disc.level for disc in reading.discs} == {None}
    assert "sacrum is not in view" in reading.levels_reason
    for row, column in zip(REAL_ROWS, REAL_COLUMNS, strict=True):
        assert min(np.hypot(disc.row - row, disc.column - column) for disc in reading.discs) < 6
    assert {f.probability for f in reading.findings if f.level} == {None}
