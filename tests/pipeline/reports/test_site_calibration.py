"""A site's calibration, held against its settings without loading a model."""

import json
from pathlib import Path

import pytest

from config.report_settings import ReportSettings, ServerSettings
from pipeline.calibration import AnsweredBy
from pipeline.errors import UnusableCalibration
from pipeline.reports.adapter_folder import CARD, EMBEDDED_ADAPTER
from pipeline.reports.errors import UnusableAdapter
from pipeline.reports.model_folder import CONVERTED_CARD, converted_folder
from pipeline.reports.site_calibration import check_site_calibration
from tests.pipeline.reports.site_files import write_site_calibration

SHIPPED = f"{EMBEDDED_ADAPTER.name}@sha256:{json.loads((EMBEDDED_ADAPTER / CARD).read_text())['sha256']}"
EMBEDDED = AnsweredBy("smollm2-135m-instruct@sha256:0", SHIPPED, "bfloat16", "shared/1")
DIRECTLY = AnsweredBy("llama@sha256:1", None, "bfloat16", "direct/1")
SERVER = ServerSettings(url="http://127.0.0.1:8000/v1", model="llama")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Give a data folder in which the embedded model is converted."""
    folder = converted_folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / CONVERTED_CARD).write_text(json.dumps({"name": EMBEDDED.model}))
    return tmp_path


@pytest.mark.parametrize(
    ("settings", "answered_by"),
    [
        pytest.param(ReportSettings(), EMBEDDED, id="the embedded model"),
        pytest.param(ReportSettings(model="llama"), DIRECTLY, id="a model by path"),
        pytest.param(ReportSettings(server=SERVER), DIRECTLY, id="a server"),
        pytest.param(
            ReportSettings(server=SERVER, adapter=EMBEDDED_ADAPTER), DIRECTLY, id="a server, which takes no adapter"
        ),
        pytest.param(
            ReportSettings(model="llama", prompt="summary", adapter=EMBEDDED_ADAPTER, answer_model="base"),
            AnsweredBy("llama@sha256:1", f"{SHIPPED} for the summary only", "bfloat16", "summary/1"),
            id="an adapter that serves the summary",
        ),
    ],
)
def test_a_calibration_of_what_the_settings_ask_for_is_well(
    data: Path, settings: ReportSettings, answered_by: AnsweredBy
) -> None:
    written = write_site_calibration(data / "own", answered_by)

    assert check_site_calibration(data / "own", settings, data) == written


@pytest.mark.parametrize(
    ("settings", "answered_by", "said"),
    [
        pytest.param(
            ReportSettings(prompt="direct"),
            EMBEDDED,
            f"another adapter ({SHIPPED}, here none) and another prompt (shared/1, here direct/1)",
            id="another prompt, which has no adapter",
        ),
        pytest.param(ReportSettings(server=SERVER), EMBEDDED, "another adapter", id="a server in its place"),
        pytest.param(
            ReportSettings(model="llama", adapter=EMBEDDED_ADAPTER),
            DIRECTLY,
            f"another adapter (none, here {SHIPPED})",
            id="an adapter that came later",
        ),
        pytest.param(
            ReportSettings(),
            AnsweredBy("smollm2-135m-instruct@sha256:9", SHIPPED, "bfloat16", "shared/1"),
            "another model (smollm2-135m-instruct@sha256:9, here smollm2-135m-instruct@sha256:0)",
            id="another version of the embedded model",
        ),
    ],
)
def test_a_calibration_of_something_else_is_refused_without_loading_a_model(
    data: Path, settings: ReportSettings, answered_by: AnsweredBy, said: str
) -> None:
    write_site_calibration(data / "own", answered_by)

    with pytest.raises(UnusableCalibration) as refusal:
        check_site_calibration(data / "own", settings, data)

    assert f"own was fitted for {said}" in str(refusal.value)


def test_before_the_embedded_model_is_converted_its_version_is_not_held_against_it(tmp_path: Path) -> None:
    written = write_site_calibration(tmp_path / "own", EMBEDDED)

    assert check_site_calibration(tmp_path / "own", ReportSettings(), tmp_path) == written


def test_an_adapter_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_site_calibration(tmp_path / "own", DIRECTLY)

    with pytest.raises(UnusableAdapter, match="none holds no whole adapter"):
        check_site_calibration(tmp_path / "own", ReportSettings(model="llama", adapter=tmp_path / "none"), tmp_path)
