"""The labeller that settings ask for."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from config.report_settings import ReportSettings, ServerSettings
from pipeline.calibration import AnsweredBy
from pipeline.errors import UnusableCalibration
from pipeline.reports.labelling import Labeller
from pipeline.reports.prompts import load_prompt
from pipeline.reports.site_labeller import load_site_labeller
from tests.peers.chat_server import MODEL, Script, listed, running_chat_server
from tests.pipeline.reports.conftest import MakeModel
from tests.pipeline.reports.fixed_engines import ReadingEngine
from tests.pipeline.reports.site_files import write_site_calibration


def test_a_model_by_path_answers_without_a_prompt_being_named(make_model: MakeModel, tmp_path: Path) -> None:
    labeller = load_site_labeller(ReportSettings(model=str(make_model())), tmp_path, "test")

    assert labeller.prompt.id == "direct/1"


@pytest.mark.parametrize(("prompt", "asked"), [(None, "direct/1"), ("summary", "summary/1")])
def test_a_server_answers_directly_or_as_it_is_told(tmp_path: Path, prompt: str | None, asked: str) -> None:
    with running_chat_server(Script(lambda _: listed(("yes", -0.1), ("no", -2.5)))) as url:
        server = ServerSettings(url=url, model=MODEL)
        settings = ReportSettings.model_validate({"server": server, "prompt": prompt})

        assert load_site_labeller(settings, tmp_path, "test").prompt.id == asked


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Labeller:
    """Give what is loaded in place of a model, with a calibration that came with it."""
    loaded = Labeller(ReadingEngine(lambda _report, _question: 0.0), load_prompt("direct"), "test")
    loaded = replace(loaded, calibration=write_site_calibration(tmp_path / "shipped", loaded.answered_by))
    monkeypatch.setattr("pipeline.reports.site_labeller.load_labeller", lambda *_: loaded)
    return loaded


def test_a_site_s_own_calibration_takes_the_place_of_the_one_that_came_with_the_model(
    stand_in: Labeller, tmp_path: Path
) -> None:
    own = write_site_calibration(tmp_path / "own", stand_in.answered_by, name="own")

    labeller = load_site_labeller(ReportSettings(calibration=tmp_path / "own"), tmp_path, "test")

    assert labeller == replace(stand_in, calibration=own)


def test_without_one_of_its_own_a_site_keeps_the_calibration_that_came_with_the_model(
    stand_in: Labeller, tmp_path: Path
) -> None:
    assert load_site_labeller(ReportSettings(), tmp_path, "test") == stand_in


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            lambda by: replace(by, model="llama@sha256:1"),
            r"another model \(llama@sha256:1, here reading@sha256:0\)",
            id="a model",
        ),
        pytest.param(
            lambda by: replace(by, adapter="ours@sha256:2"),
            r"another adapter \(ours@sha256:2, here none\)",
            id="an adapter",
        ),
        pytest.param(
            lambda by: replace(by, data_type="bfloat16"),
            r"another data type \(bfloat16, here float32\)",
            id="a data type",
        ),
        pytest.param(
            lambda by: replace(by, prompt="shared/1", adapter="a@sha256:3"),
            r"another adapter \(a@sha256:3, here none\) and another prompt \(shared/1, here direct/1\)",
            id="an adapter and a prompt",
        ),
    ],
)
def test_a_calibration_of_something_else_is_refused_with_what_it_is_for(
    stand_in: Labeller, tmp_path: Path, change: Callable[[AnsweredBy], AnsweredBy], said: str
) -> None:
    write_site_calibration(tmp_path / "own", change(stand_in.answered_by))

    with pytest.raises(UnusableCalibration, match=rf"own was fitted for {said}\. Run `spinelabel calibrate`"):
        load_site_labeller(ReportSettings(calibration=tmp_path / "own"), tmp_path, "test")


def test_a_calibration_is_read_before_the_model_so_that_a_missing_file_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("pipeline.reports.site_labeller.load_labeller", lambda *_: pytest.fail("it was loaded first"))

    with pytest.raises(UnusableCalibration, match="own: No such file or directory"):
        load_site_labeller(ReportSettings(calibration=tmp_path / "own"), tmp_path, "test")
