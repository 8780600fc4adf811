"""Adapters laid over a tiny model: what they change, and what is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from config.conditions import Condition
from pipeline.reports.adapter_folder import AdapterUse, adapter_digest, adapter_files
from pipeline.reports.engines.chat_tokens import ChatTokenizer
from pipeline.reports.engines.choice import load_engines
from pipeline.reports.engines.hugging_face import HuggingFaceEngine
from pipeline.reports.engines.protocol import AnswerPrompt, Message
from pipeline.reports.engines.shared_engine import SharedPrefixEngine
from pipeline.reports.errors import UnusableAdapter
from pipeline.reports.labelling import Labeller, Report, label_reports, load_labeller
from pipeline.reports.models import model_files
from pipeline.reports.prompts import load_prompt
from pipeline.values import ReportLabels
from tests.pipeline.reports.conftest import MakeModel

MakeAdapter = Callable[..., Path]
ASKED = AnswerPrompt((Message("system", "Slip of L4."), Message("user", "Well?")), "ANSWER: ")
SLIP = Condition(name="slip", definition="A slip.")
REPORT = Report("a", "FINDINGS: Slip of L4.")


@pytest.fixture
def make_adapter(tmp_path: Path) -> MakeAdapter:
    """Write an adapter with random weights for the model in a folder, as peft does, without a card."""

    def make(folder: Path, name: str = "adapter") -> Path:
        torch.manual_seed(2)
        config = LoraConfig(r=4, target_modules=["q_proj", "down_proj", "lm_head"], init_lora_weights=False)
        adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(folder), config)
        adapted.save_pretrained(str(tmp_path / name), save_embedding_layers=False)
        return tmp_path / name

    return make


def add_card(adapter: Path, base: str) -> None:
    card = {"sha256": adapter_digest(adapter), "base_model": base}
    (adapter / "model-card.json").write_text(json.dumps(card))


@pytest.mark.parametrize("tied", [False, True], ids=["an output matrix of its own", "one shared with the input"])
def test_answers_with_an_adapter_are_those_that_peft_gives(
    make_model: MakeModel, make_adapter: MakeAdapter, tied: bool
) -> None:
    files = model_files(make_model(tied=tied))
    adapter = adapter_files(make_adapter(files.folder), files.name)
    theirs = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(files.folder), str(adapter.folder)).eval()
    tokens = ChatTokenizer(files.folder)

    engine = HuggingFaceEngine(files.folder, files.name, adapter)
    [answer] = engine.answer([ASKED])

    with torch.inference_mode():
        logits = theirs(torch.tensor([tokens.encode(ASKED.chat, ASKED.opening)])).logits[0, -1]
    assert answer == pytest.approx((float(logits[tokens.yes]), float(logits[tokens.no])), abs=1e-3)
    assert answer != pytest.approx(HuggingFaceEngine(files.folder, files.name).answer([ASKED])[0], abs=1e-1)
    assert engine.adapter == adapter.name


def test_an_adapters_name_tells_its_weights_and_settings_and_not_who_wrote_it(
    make_model: MakeModel, make_adapter: MakeAdapter
) -> None:
    folder = make_adapter(make_model())
    before = adapter_files(folder, "m@sha256:0").name
    config = folder / "adapter_config.json"
    settings = json.loads(config.read_text())

    config.write_text(json.dumps(settings | {"peft_version": "0", "target_modules": settings["target_modules"][::-1]}))
    same = adapter_files(folder, "m@sha256:0").name
    config.write_text(json.dumps(settings | {"lora_alpha": 99}))

    assert before.startswith("adapter@sha256:")
    assert same == before
    assert adapter_files(folder, "m@sha256:0").name != before


def test_an_adapter_goes_with_its_model_under_another_folders_name(
    make_model: MakeModel, make_adapter: MakeAdapter
) -> None:
    folder = make_adapter(make_model())
    add_card(folder, "before@sha256:1")

    assert adapter_files(folder, "after@sha256:1").folder == folder
    with pytest.raises(UnusableAdapter, match="was trained on before@sha256:1"):
        adapter_files(folder, "after@sha256:2")


def test_an_adapter_that_is_not_what_its_card_says_is_refused(make_model: MakeModel, make_adapter: MakeAdapter) -> None:
    folder = make_adapter(make_model())
    add_card(folder, "m@sha256:1")
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")

    with pytest.raises(UnusableAdapter, match="not what its card says"):
        adapter_files(folder, "m@sha256:1")


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        pytest.param(lambda folder: shutil.rmtree(folder), "holds no whole adapter", id="no folder"),
        pytest.param(
            lambda folder: (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin"),
            "holds no whole adapter",
            id="weights that are no safetensors",
        ),
        pytest.param(
            lambda folder: (folder / "adapter_model.safetensors").write_bytes(b"short"), "no whole", id="a cut file"
        ),
        pytest.param(
            lambda folder: (folder / "adapter_config.json").write_text('{"peft_type": "IA3"}'),
            "kind IA3",
            id="another kind of adapter",
        ),
        pytest.param(
            lambda folder: (folder / "model-card.json").write_text("{}"),
            "model-card.json is damaged",
            id="an empty card",
        ),
    ],
)
def test_a_folder_that_holds_no_adapter_is_refused(
    make_model: MakeModel, make_adapter: MakeAdapter, spoil: Callable[[Path], object], problem: str
) -> None:
    folder = make_adapter(make_model())
    spoil(folder)

    with pytest.raises(UnusableAdapter, match=problem):
        adapter_files(folder, "m@sha256:0")


def test_an_adapter_of_a_model_of_another_shape_is_refused(make_model: MakeModel, make_adapter: MakeAdapter) -> None:
    adapter = adapter_files(make_adapter(make_model(hidden=64)), "m@sha256:0")
    files = model_files(make_model())

    with pytest.raises(UnusableAdapter, match="does not fit"):
        HuggingFaceEngine(files.folder, files.name, adapter)


def test_an_adapter_with_weights_that_have_no_counterpart_is_refused(
    make_model: MakeModel, make_adapter: MakeAdapter
) -> None:
    files = model_files(make_model())
    folder = make_adapter(files.folder)
    settings = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(settings | {"target_modules": ["q_proj", "lm_head"]}))

    with pytest.raises(UnusableAdapter, match="have no counterpart"):
        HuggingFaceEngine(files.folder, files.name, adapter_files(folder, files.name))


@pytest.mark.parametrize(
    ("summary_model", "answer_model", "adapted"),
    [
        ("adapted", "adapted", (True, None)),
        ("adapted", "base", (False, True)),
        ("base", "adapted", (True, False)),
    ],
)
def test_which_model_writes_summaries_and_which_answers_is_chosen_apart(
    make_model: MakeModel,
    make_adapter: MakeAdapter,
    summary_model: str,
    answer_model: str,
    adapted: tuple[bool, bool | None],
) -> None:
    files = model_files(make_model())
    use = AdapterUse(make_adapter(files.folder), summary_model, answer_model)  # type: ignore[arg-type]

    engines = load_engines(files, use, summarises=True)

    summaries = None if engines.summaries is None else engines.summaries.adapter is not None
    assert (engines.answers.adapter is not None, summaries) == adapted


@pytest.mark.parametrize(("summary_model", "prompt"), [("base", "summary"), ("adapted", "direct")])
def test_an_adapter_that_nothing_would_use_is_refused(
    make_model: MakeModel, make_adapter: MakeAdapter, tmp_path: Path, summary_model: str, prompt: str
) -> None:
    folder = make_model()
    use = AdapterUse(make_adapter(folder), summary_model, "base")  # type: ignore[arg-type]

    with pytest.raises(UnusableAdapter, match="Nothing would use"):
        load_labeller(folder, prompt, tmp_path, "test", use)  # type: ignore[arg-type]


def test_the_summary_engine_writes_the_summaries_and_the_provenance_says_so(
    make_model: MakeModel, make_adapter: MakeAdapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.reports.engines.hugging_face.SUMMARY_TOKENS", 20)  # nonsense has no end
    folder = make_model()
    adapter = make_adapter(folder)
    labeller = load_labeller(folder, "summary", tmp_path, "test", AdapterUse(adapter, "adapted", "base"))
    plain = load_labeller(folder, "summary", tmp_path, "test")
    chat = load_prompt("summary").summary_chat(SLIP, REPORT.text)
    assert labeller.summary_engine is not None
    assert not isinstance(plain.engine, SharedPrefixEngine)
    [summary] = labeller.summary_engine.summarise([chat])
    expected = plain.engine.answer([load_prompt("summary").answer_prompt(SLIP, None, REPORT.text, str(summary))])

    [outcome] = label_reports(labeller, [REPORT], [SLIP])

    assert isinstance(outcome, ReportLabels)
    [finding] = outcome.findings
    assert finding.logits == pytest.approx(expected[0], abs=1e-4)
    assert finding.provenance.adapter == f"{adapter_files(adapter, plain.engine.name).name} for the summary only"


def test_an_adapter_that_serves_both_is_named_once(make_model: MakeModel, make_adapter: MakeAdapter) -> None:
    files = model_files(make_model())
    adapter = adapter_files(make_adapter(files.folder), files.name)
    engine = HuggingFaceEngine(files.folder, files.name, adapter)

    assert Labeller(engine, load_prompt("summary"), "test").adapter == adapter.name
    both = Labeller(engine, load_prompt("summary"), "test", summary_engine=HuggingFaceEngine(files.folder, files.name))
    assert both.adapter == f"{adapter.name} for the answer only"
