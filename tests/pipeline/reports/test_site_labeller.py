"""The labeller that settings ask for."""

from pathlib import Path

import pytest

from config.settings import ReportSettings, ServerSettings
from pipeline.reports.site_labeller import load_site_labeller
from tests.peers.chat_server import MODEL, Script, listed, running_chat_server
from tests.pipeline.reports.conftest import MakeModel


def test_a_model_by_path_answers_without_a_prompt_being_named(make_model: MakeModel, tmp_path: Path) -> None:
    labeller = load_site_labeller(ReportSettings(model=str(make_model())), tmp_path, "test")

    assert labeller.prompt.id == "direct/1"


@pytest.mark.parametrize(("prompt", "asked"), [(None, "direct/1"), ("summary", "summary/1")])
def test_a_server_answers_directly_or_as_it_is_told(tmp_path: Path, prompt: str | None, asked: str) -> None:
    with running_chat_server(Script(lambda _: listed(("yes", -0.1), ("no", -2.5)))) as url:
        server = ServerSettings(url=url, model=MODEL)
        settings = ReportSettings.model_validate({"server": server, "prompt": prompt})

        assert load_site_labeller(settings, tmp_path, "test").prompt.id == asked
