"""A trained adapter with its card, as a site keeps it and passes it on."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.reports.models import ModelFiles
from pipeline.training.adapter_writing import model_argument, place_adapter
from pipeline.training.summaries import FittedAdapter, SummaryTraining, fit_summaries
from pipeline.training.summary_examples import SummaryExamples

STATE = "summaries-training.safetensors"


def release_adapter(
    base: ModelFiles,
    examples: SummaryExamples,
    training: SummaryTraining,
    folders: tuple[Path, Path],
    progress: Callable[[int, float], None],
) -> dict[str, Any]:
    """Train an adapter on the summaries of reports, and write it with its card.

    Args:
        base: the chat model.
        examples: what to train and to measure on.
        training: what to do.
        folders: where adapter and card go, and where the state of an interrupted training is kept.
        progress: called after each step with its number and loss.

    Returns:
        The card.

    Raises:
        UnusableModel, OtherTraining, NothingFits: as `fit_summaries` does.
    """
    target, kept = folders
    kept.mkdir(parents=True, exist_ok=True)
    fitted = fit_summaries(base, examples, training, kept / STATE, progress)
    made = kept / "adapter"
    # Without the embedding layers, which peft would add since lm_head is one: they are the base model's.
    fitted.model.save_pretrained(made, save_embedding_layers=False)
    card = place_adapter(made, target, make_card(base, examples, training, fitted))
    (kept / STATE).unlink()
    return card


def make_card(
    base: ModelFiles, examples: SummaryExamples, training: SummaryTraining, fitted: FittedAdapter
) -> dict[str, Any]:
    """Say what an adapter was trained on, how, and what it reached; nothing of a report is in it."""
    return {
        "name": "spinelabel-summaries",
        "base_model": base.name,
        "licence": "That of the base model. It was trained on reports and may give back parts of them: keep it as they "
        "are kept.",
        "data": examples.counts | {"fitted": fitted.fitted, "held_out": fitted.held_out, "sha256": examples.sha256},
        "command": f"spinelabel train summaries SOURCE --model {model_argument(base)} --loss {training.loss} "
        f"--steps {training.steps} --seed {training.seed}",
        "training": asdict(training),
        "held_out_loss": {"before": fitted.before._asdict(), "after": fitted.after._asdict()},
    }
