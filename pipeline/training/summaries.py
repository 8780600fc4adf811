"""Supervised fine-tuning of a language model on the summaries of unlabelled reports, by a LoRA adapter."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from peft import LoraConfig
from torch.nn import functional

from pipeline.reports.adapter_folder import digest_in
from pipeline.reports.engines.adapted import lay_adapter
from pipeline.reports.engines.chat_tokens import ChatTokenizer
from pipeline.reports.engines.loading import ADAPTED_DTYPE, context_length, device_and_dtype, load_model
from pipeline.reports.errors import UnusableModel
from pipeline.reports.models import ModelFiles
from pipeline.training.errors import NothingFits, OtherTraining
from pipeline.training.summary_examples import SummaryExample, SummaryExamples
from pipeline.training.training_state import load_state, read_about, save_state

ADAPTED = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head")
EPOCHS = 3
_SAVE_EVERY = 50


@dataclass(frozen=True)
class SummaryTraining:
    """What a training does: `steps` reports one by one, in an order and with an adapter drawn by `seed`.

    `loss` counts the tokens of the summary, as the paper says, or those of the whole chat, as its published script
    does, whose collator overwrites the mask. Source: Park et al. 2024, section 2.2, and its published settings.
    """

    steps: int
    loss: Literal["summary", "report"] = "summary"
    seed: int = 1
    rate: float = 1e-5
    warm_up: int = 20
    rank: int = 16
    alpha: int = 8
    dropout: float = 0.05


class Losses(NamedTuple):
    """Mean loss of a token on held-out reports, over their summaries and over their whole chats."""

    summary: float
    report: float


@dataclass(frozen=True)
class FittedAdapter:
    """A model with its trained adapter, the held-out losses without and with it, and how many examples were used."""

    model: Any
    before: Losses
    after: Losses
    fitted: int
    held_out: int


class _Encoded(NamedTuple):
    """Ids of a chat and the summary behind it, (tokens,), and how many of them are the summary's."""

    ids: torch.Tensor
    summary: int


def fit_summaries(
    base: ModelFiles,
    examples: SummaryExamples,
    training: SummaryTraining,
    state_file: Path,
    progress: Callable[[int, float], None],
) -> FittedAdapter:
    """Train an adapter, or go on from `state_file` where an earlier run of the same training stopped.

    Args:
        base: the chat model, whose own weights stay as they are.
        examples: what to train and to measure on; those too long for the model are left out.
        training: what to do.
        state_file: safetensors; written every 50 steps and at the end, aside and then renamed.
        progress: called after each step with its number and loss.

    Raises:
        UnusableModel: the model lacks a part that the adapter is laid over.
        OtherTraining: `state_file` is of other reports, another model or other settings.
        NothingFits: the examples are too long for the model.
    """
    device, dtype = device_and_dtype(base.folder)
    model = load_model(base.folder, device, dtype)
    most, tokens = context_length(model, base.folder), ChatTokenizer(base.folder)
    fitted, held_out = (_encode(tokens, part, most) for part in (examples.fitted, examples.held_out))
    if not fitted or not held_out:
        raise NothingFits(most)
    identity = _identity(base, examples, training)
    if read_about(state_file).get("training", identity) != identity:
        raise OtherTraining(state_file.parent)
    adapted = _lay_adapter(model, base, training)
    weights = {name: weight for name, weight in adapted.named_parameters() if weight.requires_grad}
    optimiser = torch.optim.AdamW(weights.values(), lr=training.rate, weight_decay=0.0)
    about = load_state(state_file, weights, optimiser)
    if not about:  # a fresh adapter changes nothing
        about = {"training": identity, "step": "0", "before": json.dumps(measure_losses(adapted, held_out))}
    for step in range(int(about["step"]), training.steps):
        for group in optimiser.param_groups:
            group["lr"] = _rate_at(training, step)
        loss = _step(adapted, optimiser, fitted[_place(training, step, len(fitted))], training, step)
        progress(step + 1, loss)
        if (step + 1) % _SAVE_EVERY == 0 or step + 1 == training.steps:
            save_state(state_file, weights, optimiser, about | {"step": str(step + 1)})
    before, after = Losses(*json.loads(about["before"])), measure_losses(adapted, held_out)
    return FittedAdapter(adapted, before, after, len(fitted), len(held_out))


@torch.no_grad()  # in inference mode the weights that it converts could not be trained on again
def measure_losses(model: Any, examples: Sequence[_Encoded]) -> Losses:
    """Give the mean loss of a token over all summaries, and over all chats, in the precision that labelling uses."""
    model.eval()
    trained_in = next(weight.dtype for weight in model.parameters() if not weight.requires_grad)
    _hold_base_in(model, ADAPTED_DTYPE)
    sums = torch.zeros(2, dtype=torch.double)
    counts = torch.zeros(2, dtype=torch.double)
    for example in examples:
        losses = _token_losses(model, example, len(example.ids) - 1).double().cpu()
        of_summary = losses[-example.summary :]
        sums += torch.stack([of_summary.sum(), losses.sum()])
        counts += torch.tensor([len(of_summary), len(losses)])
    _hold_base_in(model, trained_in)
    return Losses(*(sums / counts).tolist())


def _hold_base_in(model: Any, dtype: torch.dtype) -> None:
    for weight in model.parameters():
        if not weight.requires_grad:
            weight.data = weight.data.to(dtype)


def _encode(tokens: ChatTokenizer, examples: Sequence[SummaryExample], most: int) -> list[_Encoded]:
    encoded = []
    for example in examples:
        summary = tokens.encode_reply(example.summary)
        ids = [*tokens.encode(example.chat), *summary]
        if len(ids) <= most:
            encoded.append(_Encoded(torch.tensor(ids, dtype=torch.int32), len(summary)))
    return encoded


def _lay_adapter(model: Any, base: ModelFiles, training: SummaryTraining) -> Any:
    parts = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    if lacking := [name for name in ADAPTED if name not in parts]:
        raise UnusableModel(f"The model in {base.folder} has no {lacking[0]} to adapt. Use a model of Llama's layout.")
    torch.manual_seed(training.seed)
    config = LoraConfig(
        r=training.rank,
        lora_alpha=training.alpha,
        lora_dropout=training.dropout,
        target_modules=list(ADAPTED),
        bias="none",
        task_type="CAUSAL_LM",
    )
    adapted = lay_adapter(model, config)
    config.base_model_name_or_path = base.name  # peft writes the model's folder there
    return adapted


def _identity(base: ModelFiles, examples: SummaryExamples, training: SummaryTraining) -> str:
    deciding = [digest_in(base.name), examples.sha256, asdict(training)]
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


def _rate_at(training: SummaryTraining, step: int) -> float:
    """Rise over the warm-up, then fall to nothing in a straight line, as the published script's trainer does."""
    if step < training.warm_up:
        return training.rate * step / training.warm_up
    return training.rate * (training.steps - step) / max(1, training.steps - training.warm_up)


def _place(training: SummaryTraining, step: int, count: int) -> int:
    """Choose the example of a step: each epoch goes through all of them in an order of its own."""
    epoch, place = divmod(step, count)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(training.seed * 1_000_003 + epoch))
    return int(order[place])


def _step(
    model: Any, optimiser: torch.optim.Optimizer, example: _Encoded, training: SummaryTraining, step: int
) -> float:
    model.train()
    torch.manual_seed(training.seed * 1_000_003 + step)  # dropout of a step is the same after a break
    counted = example.summary if training.loss == "summary" else len(example.ids) - 1
    loss = _token_losses(model, example, counted).mean()
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_([weight for group in optimiser.param_groups for weight in group["params"]], 1.0)
    optimiser.step()
    return float(loss.detach())


def _token_losses(model: Any, example: _Encoded, counted: int) -> torch.Tensor:
    """Give the loss of each of the last `counted` tokens, (counted,), in single precision."""
    ids = example.ids.long().to(model.device)
    logits = model(input_ids=ids[None], use_cache=False, logits_to_keep=counted + 1).logits[0, :-1]
    return functional.cross_entropy(logits.float(), ids[-counted:], reduction="none")
