"""Fine-tuning on summaries, with a tiny model of random weights."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from config.conditions import Condition
from pipeline.reports.adapter_folder import adapter_files
from pipeline.reports.engines.hugging_face import HuggingFaceEngine
from pipeline.reports.errors import UnusableModel
from pipeline.reports.models import ModelFiles, model_files
from pipeline.reports.prompts import load_prompt
from pipeline.training import summaries as training_module
from pipeline.training.adapter_release import STATE, release_adapter
from pipeline.training.errors import NothingFits, OtherTraining
from pipeline.training.summaries import FittedAdapter, SummaryTraining, fit_summaries
from pipeline.training.summary_examples import SummaryExamples, find_examples
from tests.pipeline.reports.conftest import MakeModel

CONDITION = Condition(name="slip", definition="A slip.")
SHORT = SummaryTraining(steps=4, rate=1e-2, warm_up=1)


class Interrupted(Exception):
    pass


def quiet(step: int, loss: float) -> None:
    assert loss > 0


@pytest.fixture(scope="module")
def base(make_model: MakeModel) -> ModelFiles:
    return model_files(make_model(tied=True))


@pytest.fixture(scope="module")
def examples() -> SummaryExamples:
    texts = [
        f"HISTORY: Pain for {number} weeks in the lower back, getting worse.\nFINDINGS: L4 stands before L5.\n"
        "CONCLUSION: Slip at L4-5, no more."
        for number in range(12)
    ]
    return find_examples(texts, [CONDITION], load_prompt("summary"))


def trained_weights(fitted: FittedAdapter) -> dict[str, torch.Tensor]:
    return {name: weight for name, weight in fitted.model.named_parameters() if weight.requires_grad}


def test_an_interrupted_training_goes_on_to_the_same_figures(
    base: ModelFiles, examples: SummaryExamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_module, "_SAVE_EVERY", 1)
    straight = fit_summaries(base, examples, SHORT, tmp_path / "straight.safetensors", quiet)

    def interrupt(step: int, loss: float) -> None:
        if step == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        fit_summaries(base, examples, SHORT, tmp_path / "broken.safetensors", interrupt)
    steps: list[int] = []
    resumed = fit_summaries(
        base, examples, SHORT, tmp_path / "broken.safetensors", lambda step, _loss: steps.append(step)
    )

    assert steps == [3, 4]
    assert (resumed.before, resumed.after) == (straight.before, straight.after)
    for name, weight in trained_weights(straight).items():
        assert torch.equal(weight, trained_weights(resumed)[name]), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["single precision", "bfloat16"])
def test_training_makes_summaries_of_other_reports_likelier(
    base: ModelFiles,
    examples: SummaryExamples,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dtype: torch.dtype,
) -> None:
    monkeypatch.setattr(training_module, "device_and_dtype", lambda _folder: (torch.device("cpu"), dtype))

    fitted = fit_summaries(base, examples, replace(SHORT, steps=30), tmp_path / "state.safetensors", quiet)

    assert fitted.after.summary < fitted.before.summary - 1
    assert (fitted.fitted, fitted.held_out) == (11, 1)


@pytest.mark.parametrize("counted", ["summary", "report"])
def test_only_what_is_to_be_learnt_counts(
    base: ModelFiles, examples: SummaryExamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: str
) -> None:
    monkeypatch.setattr(
        training_module, "device_and_dtype", lambda _folder: (torch.device("cpu"), torch.float32)
    )  # in which the held-out losses are measured
    alone = replace(examples, fitted=examples.held_out)
    training = SummaryTraining(steps=1, dropout=0.0, loss="summary" if counted == "summary" else "report")
    losses: list[float] = []

    fitted = fit_summaries(base, alone, training, tmp_path / "state.safetensors", lambda _, loss: losses.append(loss))

    assert losses == [pytest.approx(getattr(fitted.before, counted), rel=1e-5)]
    assert fitted.before.summary != pytest.approx(fitted.before.report, rel=1e-2)


@pytest.mark.parametrize("change", ["seed", "loss", "reports"])
def test_a_training_of_something_else_is_not_gone_on_with(
    base: ModelFiles, examples: SummaryExamples, tmp_path: Path, change: str
) -> None:
    state = tmp_path / "state.safetensors"
    fit_summaries(base, examples, replace(SHORT, steps=1), state, quiet)
    one = replace(SHORT, steps=1)
    training = {"seed": replace(one, seed=2), "loss": replace(one, loss="report")}.get(change, one)
    others = replace(examples, sha256="0" * 64) if change == "reports" else examples

    with pytest.raises(OtherTraining, match="delete that folder"):
        fit_summaries(base, others, training, state, quiet)


def test_reports_longer_than_the_model_reads_are_left_out(
    base: ModelFiles, examples: SummaryExamples, tmp_path: Path
) -> None:
    long = replace(examples.fitted[0], summary="Slip. " * 400)

    fitted = fit_summaries(
        base, replace(examples, fitted=(long, *examples.fitted)), replace(SHORT, steps=1), tmp_path / "s", quiet
    )
    assert fitted.fitted == 11
    with pytest.raises(NothingFits, match="1500 tokens"):
        fit_summaries(base, replace(examples, fitted=(long,)), SHORT, tmp_path / "t", quiet)


def test_a_model_without_a_part_to_adapt_is_refused(
    base: ModelFiles, examples: SummaryExamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_module, "ADAPTED", ("q_proj", "fused_proj"))

    with pytest.raises(UnusableModel, match="has no fused_proj"):
        fit_summaries(base, examples, SHORT, tmp_path / "state.safetensors", quiet)


def test_the_adapter_comes_with_a_card_that_tells_what_made_it(
    base: ModelFiles, examples: SummaryExamples, tmp_path: Path
) -> None:
    training = replace(SHORT, steps=30)

    card = release_adapter(base, examples, training, (tmp_path, tmp_path / "unfinished"), quiet)

    assert json.loads((tmp_path / "model-card.json").read_text()) == card
    assert card["base_model"] == base.name
    assert card["data"] == {
        "reports": 12,
        "wrong_length": 0,
        "without_summary": 0,
        "repeated": 0,
        "fitted": 11,
        "held_out": 1,
        "sha256": examples.sha256,
    }
    assert card["command"].endswith("--loss summary --steps 30 --seed 1")
    assert card["held_out_loss"]["after"]["summary"] < card["held_out_loss"]["before"]["summary"]
    assert not (tmp_path / "unfinished" / STATE).exists()


def test_the_adapter_holds_no_weights_of_the_base_model_and_no_path(
    base: ModelFiles, examples: SummaryExamples, tmp_path: Path
) -> None:
    release_adapter(base, examples, replace(SHORT, steps=1), (tmp_path, tmp_path / "unfinished"), quiet)

    assert all("lora_" in name for name in load_file(tmp_path / "adapter_model.safetensors"))
    for name in ("adapter_config.json", "model-card.json"):
        assert str(base.folder.parent) not in (tmp_path / name).read_text()


def test_the_same_seed_gives_the_same_adapter(base: ModelFiles, examples: SummaryExamples, tmp_path: Path) -> None:
    for name in ("one", "other"):
        release_adapter(base, examples, SHORT, (tmp_path / name, tmp_path / name / "unfinished"), quiet)

    one, other = (adapter_files(tmp_path / name, base.name).name.partition("@")[2] for name in ("one", "other"))
    assert one == other


def test_a_trained_adapter_writes_the_summaries_that_it_learnt(
    base: ModelFiles, examples: SummaryExamples, tmp_path: Path
) -> None:
    release_adapter(base, examples, replace(SHORT, steps=150, rate=2e-2), (tmp_path, tmp_path / "unfinished"), quiet)
    adapted = HuggingFaceEngine(base.folder, base.name, adapter_files(tmp_path, base.name))
    plain = HuggingFaceEngine(base.folder, base.name)

    [held_out] = examples.held_out

    assert str(adapted.summarise([held_out.chat])[0]).startswith("Sl")
    assert not str(plain.summarise([held_out.chat])[0]).startswith("Sl")
