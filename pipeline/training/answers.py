"""Fine-tuning of a language model on yes/no answers about invented reports, in the shared-prefix layout."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from torch.nn import functional
from transformers import logging

from pipeline.reports.adapter_folder import digest_in
from pipeline.reports.engines.adapted import lay_adapter
from pipeline.reports.engines.loading import device_and_dtype
from pipeline.reports.engines.shared_prefix import (
    AskedReport,
    answer_states,
    load_for_shared_prefix,
    read_definitions,
)
from pipeline.reports.engines.shared_tokens import SharedTokens
from pipeline.reports.models import ModelFiles
from pipeline.training.answer_examples import ExampleBatch, example_batches
from pipeline.training.errors import OtherTraining
from pipeline.training.report_phrases import Phrases
from pipeline.training.training_state import load_state, read_about, save_state

ADAPTED = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

_SAVE_EVERY = 50
_WARM_UP = 15
_LAST = 300
"""Steps of a second descent of the rate, from half its height, which ends a training of more than twice as many."""


@dataclass(frozen=True)
class AnswerTraining:
    """What a training does: `steps` batches of `batch` reports, drawn by `seed`.

    `rate` rises for 15 steps and then falls in a straight line to a twentieth, in a long training from its half once
    more; `rank` and `alpha` are the adapter's.
    """

    steps: int = 1300
    batch: int = 4
    seed: int = 1
    rate: float = 8e-4
    rank: int = 16
    alpha: int = 32


def train_answers(
    base: ModelFiles,
    training: AnswerTraining,
    phrases: Phrases,
    state_file: Path,
    progress: Callable[[int, float], None],
) -> Any:
    """Fine-tune a model by low-rank adapters on all its linear layers, or go on where a run stopped.

    The loss is the cross entropy of the two answers alone. Weights of the adapter are kept in single precision beside
    the bfloat16 copies that compute, since small steps would vanish in those.

    Args:
        base: the model, whose own weights stay as they are.
        training: what to do.
        phrases: what the reports are made of.
        state_file: safetensors; written every 50 steps and at the end, aside and then renamed.
        progress: called after each step with its number and loss.

    Returns:
        The model with its adapter.

    Raises:
        OtherTraining: `state_file` is of another model, other settings or other findings.
    """
    identity = json.dumps([digest_in(base.name), asdict(training), sorted(phrases.findings)])
    if read_about(state_file).get("training", identity) != identity:
        raise OtherTraining(state_file.parent)
    torch.manual_seed(training.seed)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    tokens = SharedTokens(base.folder)
    model = _with_adapter(base, training)
    answers = torch.tensor([tokens.no, tokens.yes], device=model.device)
    rows = model.get_output_embeddings().weight[answers].detach().float()
    body = model.base_model.model.base_model
    computing = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    exact = {name: torch.nn.Parameter(weight.detach().float().clone()) for name, weight in computing.items()}
    optimiser = torch.optim.AdamW(exact.values(), lr=training.rate, betas=(0.9, 0.98), weight_decay=0.01)
    done = int(load_state(state_file, exact, optimiser).get("step", 0))
    _copy(exact, computing)
    batches = example_batches(training.seed, phrases, training.batch, first=done)
    for step in range(done, training.steps):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(training, step)
        logits, truth = _logits(body, rows, tokens, next(batches))
        loss = functional.cross_entropy(logits, truth)
        loss.backward()  # type: ignore[no-untyped-call]
        for name, copy in computing.items():
            exact[name].grad = None if copy.grad is None else copy.grad.float()
            copy.grad = None
        torch.nn.utils.clip_grad_norm_(exact.values(), 1.0)
        optimiser.step()
        _copy(exact, computing)
        progress(step + 1, float(loss.detach()))
        if (step + 1) % _SAVE_EVERY == 0 or step + 1 == training.steps:
            save_state(state_file, exact, optimiser, {"training": identity, "step": str(step + 1)})
    return model.eval()


def rate_at(training: AnswerTraining, step: int) -> float:
    """Give the learning rate of a step, counted from 0."""
    first = training.steps - _LAST if training.steps > 2 * _LAST else training.steps
    if step >= first:
        return training.rate / 2 * max(0.05, 1 - (step - first) / _LAST)
    return training.rate * min(1.0, (step + 1) / _WARM_UP) * max(0.05, 1 - step / first)


def _with_adapter(base: ModelFiles, training: AnswerTraining) -> Any:
    device, _ = device_and_dtype(base.folder)
    model = load_for_shared_prefix(base.folder, torch.bfloat16).to(device)
    config = LoraConfig(
        r=training.rank,
        lora_alpha=training.alpha,
        target_modules=list(ADAPTED),
        bias="none",
        task_type="CAUSAL_LM",
    )
    adapted = lay_adapter(model, config)
    for weight in adapted.parameters():
        if weight.requires_grad:
            weight.data = weight.data.to(torch.bfloat16)
    config.base_model_name_or_path = base.name  # peft writes the model's folder there
    return adapted


def _logits(
    body: Any, rows: torch.Tensor, tokens: SharedTokens, batch: ExampleBatch
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the two logits of each question, (questions, 2), and the right column of each."""
    read = read_definitions(body, [tokens.definition(text) for text in batch.definitions], tokens.questions_at)
    asked = [
        AskedReport(
            tokens.report(example.text),
            [
                (question.definition, tokens.question(question.condition, question.level))
                for question in example.questions
            ],
        )
        for example in batch.examples
    ]
    truth = torch.tensor([question.answer for example in batch.examples for question in example.questions])
    states = answer_states(body, asked, read, tokens.questions_at)
    return states.float() @ rows.T, truth.long().to(rows.device)


@torch.no_grad()
def _copy(exact: Mapping[str, torch.Tensor], computing: Mapping[str, torch.Tensor]) -> None:
    for name, copy in computing.items():
        copy.copy_(exact[name])
