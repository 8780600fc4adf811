"""Prompts that go on from what a model has read: the tokens that several begin with are read once."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import torch
from transformers import DynamicCache


def padded_left(prompts: Sequence[Sequence[int]], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the ids of prompts so that all end together, and a mask that is 0 on padding, both (prompts, tokens)."""
    width = max(len(prompt) for prompt in prompts)
    ids = torch.zeros(len(prompts), width, dtype=torch.long)
    mask = torch.zeros(len(prompts), width, dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    return ids.to(device), mask.to(device)


def states_of_groups(body: Any, groups: Sequence[Sequence[Sequence[int]]]) -> torch.Tensor:
    """Give the last hidden state of every prompt, (prompts, width); what a group's prompts begin with is read once."""
    alike = [len(group[0]) if len(group) == 1 else _alike([ids[:-1] for ids in group]) for group in groups]
    ids, mask = padded_left([group[0][:length] for group, length in zip(groups, alike, strict=True)], body.device)
    cache: Any = DynamicCache(config=body.config)
    places = (mask.cumsum(-1) - 1).clamp(min=0)
    read = body(input_ids=ids, attention_mask=mask, position_ids=places, cache=cache, use_cache=True)
    owners = torch.tensor([number for number, group in enumerate(groups) for _ in group], device=body.device)
    states: torch.Tensor = read.last_hidden_state[owners, -1]
    rests = [ids[length:] for group, length in zip(groups, alike, strict=True) for ids in group]
    unread = torch.tensor([bool(rest) for rest in rests], device=body.device)
    if unread.any():
        cache.batch_select_indices(owners[unread])
        states[unread] = _read_on(body, cache, mask[owners[unread]], [rest for rest in rests if rest])
    return states


def _read_on(body: Any, cache: Any, mask: torch.Tensor, rests: Sequence[Sequence[int]]) -> torch.Tensor:
    """Read a rest behind each row of a cache; padding stands behind the rests, where causal attention never looks."""
    width = max(len(rest) for rest in rests)
    padded = torch.tensor([[*rest, *[0] * (width - len(rest))] for rest in rests], device=body.device)
    states: torch.Tensor = body(
        input_ids=padded,
        attention_mask=torch.cat([mask, torch.ones_like(padded)], dim=1),
        position_ids=mask.sum(-1, keepdim=True) + torch.arange(width, device=body.device),
        cache=cache,
        use_cache=True,
    ).last_hidden_state
    ends = torch.tensor([len(rest) - 1 for rest in rests], device=body.device)
    return states[torch.arange(len(rests), device=body.device), ends]


def _alike(prompts: Sequence[Sequence[int]]) -> int:
    """Count the tokens that all prompts begin with."""
    return sum(1 for _ in takewhile(lambda tokens: len(set(tokens)) == 1, zip(*prompts, strict=False)))
