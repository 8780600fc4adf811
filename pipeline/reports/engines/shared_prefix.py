"""The shared-prefix layout: a report is read once, and every question about it stands behind that one reading.

A question sees its report and its own condition's definition, and no other question. A definition sees nothing but
itself, so its keys and values serve every report.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import AutoModelForCausalLM, DynamicCache

DEFINITION_ROOM = 96
"""Positions between the end of a report and its questions, where the definition of each stands."""

CHUNK = 1024
"""Tokens of a report that are read at once: attention's memory grows with this, not with the report's length."""


class AskedReport(NamedTuple):
    """A report's token ids, and its questions: each the index of its definition and its own token ids."""

    report: Sequence[int]
    questions: Sequence[tuple[int, Sequence[int]]]

    @property
    def tokens(self) -> int:
        """How many tokens are read for it."""
        return len(self.report) + sum(len(ids) for _, ids in self.questions)


@dataclass(frozen=True)
class ReadDefinitions:
    """Keys and values of definitions one behind the other, per layer (1, heads, tokens, width).

    `owner` is the definition of each token, (tokens,).
    """

    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    owner: torch.Tensor


def load_for_shared_prefix(folder: Path, dtype: torch.dtype) -> Any:
    """Load a model with plain attention: the fused kernels for processors are slow with masks, most so backwards."""
    model: Any = AutoModelForCausalLM
    return model.from_pretrained(
        folder, dtype=dtype, local_files_only=True, use_safetensors=True, attn_implementation="eager"
    )


def read_definitions(body: Any, definitions: Sequence[Sequence[int]], ends_at: int) -> ReadDefinitions:
    """Read definitions so that questions at position `ends_at` and later find each directly before them."""
    device = body.embed_tokens.weight.device
    width = max(len(ids) for ids in definitions)
    lengths = torch.tensor([len(ids) for ids in definitions], device=device)
    padded = torch.tensor([[*ids, *[0] * (width - len(ids))] for ids in definitions], device=device)
    places = torch.arange(width, device=device)
    cache: Any = DynamicCache(config=body.config)
    body(
        input_ids=padded,
        position_ids=ends_at - lengths[:, None] + places,
        cache=cache,
        use_cache=True,
    )
    real = places[None] < lengths[:, None]
    layers = tuple((_in_a_row(layer.keys, real), _in_a_row(layer.values, real)) for layer in cache.layers)
    return ReadDefinitions(layers, torch.arange(len(definitions), device=device).repeat_interleave(lengths))


def _in_a_row(kept: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Turn (definitions, heads, tokens, width) into (1, heads, all tokens, width), without padding."""
    return kept.transpose(1, 2)[real].transpose(0, 1)[None]


def answer_states(body: Any, rows: Sequence[AskedReport], read: ReadDefinitions, questions_at: int) -> torch.Tensor:
    """Give the last hidden state of every question, (questions, width), in the order of rows and their questions.

    The reports are read first, padding behind them, where causal attention never looks; then the questions of each in
    one row, which `_sight` keeps apart.
    """
    device = read.owner.device
    lengths = torch.tensor([len(row.report) for row in rows])
    reports = torch.zeros(len(rows), int(lengths.max()), dtype=torch.long)
    for index, row in enumerate(rows):
        reports[index, : len(row.report)] = torch.tensor(row.report)
    places = torch.arange(reports.shape[1])
    first = questions_at - DEFINITION_ROOM - lengths[:, None]
    cache: Any = DynamicCache(config=body.config)
    for start in range(0, reports.shape[1], CHUNK):
        part = slice(start, start + CHUNK)
        body(
            input_ids=reports[:, part].to(device),
            position_ids=(first + places[part]).to(device),
            cache=cache,
            use_cache=True,
        )
    for layer, (keys, values) in zip(cache.layers, read.layers, strict=True):
        layer.keys = torch.cat([keys.expand(len(rows), -1, -1, -1), layer.keys], dim=2)
        layer.values = torch.cat([values.expand(len(rows), -1, -1, -1), layer.values], dim=2)
    asked = _questions(rows)
    seen = torch.cat(
        [
            asked.definition.to(device)[:, :, None] == read.owner,
            (places < lengths[:, None]).to(device)[:, None].expand(-1, asked.ids.shape[1], -1),
            _own(asked.number).to(device),
        ],
        dim=-1,
    )
    states_type = body.embed_tokens.weight.dtype
    states: torch.Tensor = body(
        input_ids=asked.ids.to(device),
        attention_mask=_added(seen, states_type),
        position_ids=(questions_at + asked.place).to(device),
        cache=cache,
        use_cache=True,
    ).last_hidden_state
    return states[asked.ends.to(device)]


class _Questions(NamedTuple):
    """Questions of each report in a row: token ids, place in the question, its number and definition; -1 is padding."""

    ids: torch.Tensor
    place: torch.Tensor
    number: torch.Tensor
    definition: torch.Tensor
    ends: torch.Tensor


def _questions(rows: Sequence[AskedReport]) -> _Questions:
    width = max(row.tokens - len(row.report) for row in rows)
    asked = _Questions(
        torch.zeros(len(rows), width, dtype=torch.long),
        torch.zeros(len(rows), width, dtype=torch.long),
        torch.full((len(rows), width), -1),
        torch.full((len(rows), width), -1),
        torch.zeros(len(rows), width, dtype=torch.bool),
    )
    for index, row in enumerate(rows):
        begin = 0
        for number, (definition, question) in enumerate(row.questions):
            end = begin + len(question)
            asked.ids[index, begin:end] = torch.tensor(question)
            asked.place[index, begin:end] = torch.arange(len(question))
            asked.number[index, begin:end] = number
            asked.definition[index, begin:end] = definition
            asked.ends[index, end - 1] = True
            begin = end
    return asked


def _added(seen: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Turn what is seen into what is added to attention scores, (rows, 1, tokens, keys)."""
    hidden = torch.finfo(dtype).min
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill(~seen, hidden)[:, None]


def _own(number: torch.Tensor) -> torch.Tensor:
    """Say what a question's tokens see of the questions, (rows, tokens, tokens): its own up to there."""
    places = torch.arange(number.shape[1])
    return (places[:, None] >= places) & (number[:, :, None] == number[:, None, :])
