"""Answers that go on from what was read before, compared with reading each prompt from its beginning."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from config.conditions import Condition
from pipeline.reports.engines import hugging_face
from pipeline.reports.engines.hugging_face import HuggingFaceEngine
from pipeline.reports.engines.protocol import AnswerPrompt, Message
from pipeline.reports.engines.reading import states_of_groups
from pipeline.reports.labelling import Labeller, Report, label_reports
from pipeline.reports.prompts import ChatPromptName, load_prompt
from pipeline.values import ReportLabels
from tests.pipeline.reports.conftest import MakeModel

SLIP = Condition(name="slip", definition="A vertebra stands before the one below.")
CANAL = Condition(name="canal", definition="The canal is narrow.", levels=("L4-L5", "L5-S1"))
REPORTS = [
    Report("short", "L4 stands before L5."),
    Report("long", "At L4-L5 the canal is narrow. " * 5 + "Nothing else is seen."),
]


@pytest.fixture
def folder(make_model: MakeModel) -> Path:
    return make_model()


@pytest.fixture
def engine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> HuggingFaceEngine:
    monkeypatch.setattr(hugging_face, "SUMMARY_TOKENS", 30)
    return HuggingFaceEngine(folder, "tiny")


def passes(engine: HuggingFaceEngine) -> list[tuple[int, int]]:
    """Give a list that every pass through the model's body adds its rows and tokens to, padding counted."""
    counted: list[tuple[int, int]] = []
    engine._model.base_model.register_forward_pre_hook(
        lambda _, __, given: counted.append(tuple(given["input_ids"].shape)), with_kwargs=True
    )
    return counted


def written(engine: HuggingFaceEngine, chat: tuple[Message, ...]) -> str:
    [summary] = engine.summarise([chat])
    assert isinstance(summary, str)
    return summary


def asked(engine: HuggingFaceEngine, name: ChatPromptName) -> list[AnswerPrompt]:
    """Give the prompts in the order of the labels, with the summaries that the engine writes."""
    prompt = load_prompt(name)
    prompts = []
    for report in REPORTS:
        for condition in (SLIP, CANAL):
            summary = written(engine, prompt.summary_chat(condition, report.text)) if prompt.summary_request else None
            levels = (None, *condition.levels)
            prompts += [prompt.answer_prompt(condition, level, report.text, summary) for level in levels]
    return prompts


@torch.inference_mode()
def read_whole(folder: Path, engine: HuggingFaceEngine, prompts: Sequence[AnswerPrompt]) -> list[list[float]]:
    """Give the logits of each prompt's answers by the model in a folder, read from the beginning."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    encoded = [engine._tokens.encode(prompt.chat, prompt.opening) for prompt in prompts]
    answers = list(engine._tokens.answer_ids("published"))
    return [model(input_ids=torch.tensor([ids])).logits[0, -1, answers].tolist() for ids in encoded]


def labelled(engine: HuggingFaceEngine, name: ChatPromptName) -> list[tuple[float, float]]:
    outcomes = label_reports(Labeller(engine, load_prompt(name), "test"), REPORTS, [SLIP, CANAL])
    found = []
    for outcome in outcomes:
        assert isinstance(outcome, ReportLabels)
        found += [finding.logits for finding in outcome.findings if finding.logits is not None]
    return found


@pytest.mark.parametrize("name", ["direct", "summary"])
def test_answers_are_those_of_reading_each_chat_whole(
    folder: Path, engine: HuggingFaceEngine, name: ChatPromptName
) -> None:
    answers = labelled(engine, name)

    for answer, whole in zip(answers, read_whole(folder, engine, asked(engine, name)), strict=True):
        assert answer == pytest.approx(whole, abs=1e-3)
    assert len(set(answers)) == len(answers)


def test_the_levels_of_a_condition_are_read_once_up_to_where_they_part(engine: HuggingFaceEngine) -> None:
    _, *prompts = asked(engine, "direct")[:4]
    encoded = [engine._tokens.encode(prompt.chat, prompt.opening) for prompt in prompts]
    parted = " at L4-L5? Answer 'yes' for yes, 'no' for no. Only output one token after 'ANSWER: '<e><a>ANSWER: "
    counted = passes(engine)

    engine.answer(prompts)

    assert [rows for rows, _ in counted] == [1, 3]
    assert sum(tokens for _, tokens in counted) == max(len(ids) for ids in encoded)
    assert counted[1][1] < len(parted)


@torch.inference_mode()
def test_groups_of_any_size_and_length_get_the_states_of_reading_each_prompt_whole(make_model: MakeModel) -> None:
    model = AutoModelForCausalLM.from_pretrained(make_model())
    groups = [[[1, 2, 3, 4, 5, 6]], [[7, 8, 9, 10], [7, 8, 11], [7, 8]], [[12], [13, 14]], [[15] * 9, [15] * 9]]

    states = states_of_groups(model.base_model, groups)

    prompts = [ids for group in groups for ids in group]
    for state, ids in zip(states, prompts, strict=True):
        whole = model.base_model(input_ids=torch.tensor([ids])).last_hidden_state[0, -1]
        assert torch.allclose(state, whole, atol=1e-4)
