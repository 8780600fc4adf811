"""Greedy writing for a batch of prompts with a repetition penalty that never counts padding."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import torch
from transformers import DynamicCache, PreTrainedModel

from pipeline.reports.engines.reading import padded_left


class Limits(NamedTuple):
    """When writing stops, and how strongly a token that already stands in the row is held back."""

    end_tokens: Collection[int]
    most_new_tokens: int
    context_length: int
    repetition_penalty: float


@torch.inference_mode()
def write_greedily(model: PreTrainedModel, prompts: Sequence[Sequence[int]], limits: Limits) -> list[list[int]]:
    """Continue each prompt by its likeliest next tokens, up to and without an end token.

    The penalty follows transformers' rule: logits of tokens that stand in the row's prompt or text are divided by it
    where positive and multiplied where negative. Rows leave the batch as they finish.
    """
    ids, mask = padded_left(prompts, model.device)
    seen = _tokens_seen(ids, mask, model.config.get_text_config().vocab_size)
    written: list[list[int]] = [[] for _ in prompts]
    room = [min(limits.most_new_tokens, limits.context_length - len(prompt)) for prompt in prompts]
    rows = list(range(len(prompts)))
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    cache = DynamicCache(config=model.config)
    while rows:
        output = model(
            input_ids=ids, attention_mask=mask, position_ids=positions, cache=cache, use_cache=True, logits_to_keep=1
        )
        following = _penalised(output.logits[:, -1].float(), seen, limits.repetition_penalty).argmax(-1)
        going_on = []
        for place, (row, token) in enumerate(zip(rows, following.tolist(), strict=True)):
            if token in limits.end_tokens:
                continue
            written[row].append(token)
            if len(written[row]) < room[row]:
                going_on.append(place)
        if len(going_on) < len(rows):
            keep = torch.tensor(going_on, dtype=torch.long, device=model.device)
            cache.batch_select_indices(keep)
            following, mask, seen, positions = following[keep], mask[keep], seen[keep], positions[keep]
            rows = [rows[place] for place in going_on]
        ids = following[:, None]
        seen.scatter_(1, ids, value=True)
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
        positions = positions[:, -1:] + 1
    return written


def _tokens_seen(ids: torch.Tensor, mask: torch.Tensor, vocabulary: int) -> torch.Tensor:
    seen = torch.zeros(len(ids), vocabulary, dtype=torch.bool, device=ids.device)
    rows, columns = mask.nonzero(as_tuple=True)
    seen[rows, ids[rows, columns]] = True
    return seen


def _penalised(logits: torch.Tensor, seen: torch.Tensor, penalty: float) -> torch.Tensor:
    return torch.where(seen, torch.where(logits < 0, logits * penalty, logits / penalty), logits)
