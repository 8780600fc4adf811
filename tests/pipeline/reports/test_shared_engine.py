"""Answers from one reading of a report, with tiny models of random weights."""

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model

from config.conditions import Condition, questions
from pipeline.reports.adapter_folder import adapter_files
from pipeline.reports.engines import shared_prefix
from pipeline.reports.engines.protocol import Logits
from pipeline.reports.engines.shared_engine import AskedText, SharedPrefixEngine
from pipeline.reports.engines.shared_prefix import (
    DEFINITION_ROOM,
    AskedReport,
    answer_states,
    load_for_shared_prefix,
    read_definitions,
)
from pipeline.reports.engines.shared_tokens import SharedTokens
from pipeline.reports.errors import PromptTooLong, UnusableModel
from pipeline.reports.labelling import Labeller, Report, label_reports
from pipeline.reports.models import ModelFiles, model_files
from pipeline.reports.prompts.shared import load_shared_prompt
from pipeline.values import ReportLabels
from tests.pipeline.reports.conftest import MakeModel

SLIP = Condition(name="slip", definition="A vertebra stands before the one below.")
CANAL = Condition(name="canal", definition="The canal is narrow.", levels=("L4-L5", "L5-S1"))
SHORT, LONG = "L4 stands before L5.", "The canal is wide at L5-S1. At L4-L5 it is narrow. Nothing else is seen."
ANSWERS = ("Ġyes", "Ġno")


@pytest.fixture(scope="module")
def files(make_model: MakeModel) -> ModelFiles:
    return model_files(make_model(ANSWERS))


@pytest.fixture(scope="module")
def engine(files: ModelFiles) -> SharedPrefixEngine:
    return SharedPrefixEngine(files)


def asked(text: str, *conditions: Condition) -> AskedText:
    return AskedText(text, tuple(questions(conditions)))


def answers(engine: SharedPrefixEngine, *texts: AskedText) -> list[list[Logits]]:
    given = engine.answer_reports(texts)
    assert not any(isinstance(each, PromptTooLong) for each in given)
    return [each for each in given if not isinstance(each, PromptTooLong)]


def test_an_answer_does_not_depend_on_the_reports_and_questions_beside_it(engine: SharedPrefixEngine) -> None:
    together = answers(engine, asked(SHORT, SLIP, CANAL), asked(LONG, CANAL))
    alone = answers(engine, asked(SHORT, SLIP)) + answers(engine, asked(LONG, CANAL))

    assert together[0][0] == pytest.approx(alone[0][0], abs=1e-4)
    for one, other in zip(together[1], alone[1], strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_every_question_of_a_report_gets_an_answer_of_its_own(engine: SharedPrefixEngine) -> None:
    [given] = answers(engine, asked(LONG, SLIP, CANAL))

    assert len({logits.yes for logits in given}) == 4


def test_an_answer_depends_on_the_definition_of_its_condition(engine: SharedPrefixEngine) -> None:
    reworded = SLIP.model_copy(update={"definition": "A step between two vertebrae, whatever its cause."})

    [[one]], [[other]] = answers(engine, asked(SHORT, SLIP)), answers(engine, asked(SHORT, reworded))

    assert one != pytest.approx(other, abs=1e-4)


@torch.no_grad()
def test_one_reading_gives_what_definition_report_and_question_give_in_one_sequence(files: ModelFiles) -> None:
    model, tokens = load_for_shared_prefix(files.folder, torch.float32), SharedTokens(files.folder)
    definition, report = tokens.definition(SLIP.definition), tokens.report(SHORT)
    question, at = list(tokens.question("slip", None)), tokens.questions_at
    read = read_definitions(model.model, [definition], at)
    [ours] = answer_states(model.model, [AskedReport(report, [(0, question)])], read, at)

    ids = [*definition, *report, *question]
    first = at - DEFINITION_ROOM - len(report)
    places = [*range(at - len(definition), at), *range(first, first + len(report)), *range(at, at + len(question))]
    sees = torch.tril(torch.ones(len(ids), len(ids), dtype=torch.bool))
    sees[len(definition) : len(definition) + len(report), : len(definition)] = False
    mask = torch.zeros(len(ids), len(ids)).masked_fill(~sees, torch.finfo(torch.float32).min)[None, None]
    whole = model.model(
        input_ids=torch.tensor([ids]), attention_mask=mask, position_ids=torch.tensor([places]), use_cache=False
    )

    assert torch.allclose(ours, whole.last_hidden_state[0, -1], atol=1e-4)


def test_a_report_read_in_pieces_gives_the_same_answers(
    engine: SharedPrefixEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = answers(engine, asked(LONG, SLIP), asked(SHORT, SLIP))
    monkeypatch.setattr(shared_prefix, "CHUNK", 7)
    in_pieces = answers(engine, asked(LONG, SLIP), asked(SHORT, SLIP))

    for one, other in zip(at_once, in_pieces, strict=True):
        assert one[0] == pytest.approx(other[0], abs=1e-4)


def test_a_report_too_long_for_the_model_costs_the_others_nothing(engine: SharedPrefixEngine) -> None:
    long, short = engine.answer_reports([asked("x " * 2000, SLIP), asked(SHORT, SLIP)])

    assert isinstance(long, PromptTooLong)
    assert not isinstance(short, PromptTooLong)


def test_a_report_cannot_end_its_own_part_by_spelling_a_control_token(files: ModelFiles) -> None:
    tokens = SharedTokens(files.folder)

    assert tokens.report("a <|end|> b")[1:].count(tokens.report("")[0]) == 0
    assert "<|end|>" not in tokens._tokenizer.decode(tokens.report("a <|end|> b"))


def test_a_tokenizer_that_splits_an_answer_is_refused(make_model: MakeModel) -> None:
    files = model_files(make_model(("yes", "no")))

    with pytest.raises(UnusableModel, match='splits the answer "yes"'):
        SharedPrefixEngine(files)


def test_an_adapter_changes_the_answers_and_is_named_in_them(files: ModelFiles, tmp_path: Path) -> None:
    torch.manual_seed(3)
    config = LoraConfig(r=2, target_modules=["q_proj", "up_proj"], init_lora_weights=False)
    get_peft_model(load_for_shared_prefix(files.folder, torch.float32), config).save_pretrained(str(tmp_path))
    adapter = adapter_files(tmp_path, files.name)
    adapted, plain = SharedPrefixEngine(files, adapter), SharedPrefixEngine(files)

    assert adapted.adapter == adapter.name
    assert answers(adapted, asked(SHORT, SLIP))[0][0] != answers(plain, asked(SHORT, SLIP))[0][0]


def test_a_section_that_a_condition_leaves_out_cannot_move_its_answer(engine: SharedPrefixEngine) -> None:
    cancer = Condition(name="cancer", definition="A malignant lesion.", leave_out=("history",))
    labeller = Labeller(engine, load_shared_prompt(), "test")
    reports = [Report(str(i), f"HISTORY: {text}\nFINDINGS: Normal.") for i, text in enumerate(["myeloma", "a fall"])]

    first, second = label_reports(labeller, reports, [cancer, SLIP])

    assert isinstance(first, ReportLabels)
    assert isinstance(second, ReportLabels)
    assert first.findings[0].log_odds == pytest.approx(second.findings[0].log_odds, abs=1e-4)
    assert first.findings[1].log_odds != pytest.approx(second.findings[1].log_odds, abs=1e-4)
