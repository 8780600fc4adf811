"""A chat model from a folder in Hugging Face layout, run in this process."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import logging

from pipeline.reports.adapter_folder import AdapterFiles
from pipeline.reports.engines.adapted import merge_adapter
from pipeline.reports.engines.batching import batches_by_length, batches_of_groups
from pipeline.reports.engines.chat_tokens import ChatTokenizer
from pipeline.reports.engines.greedy import Limits, write_greedily
from pipeline.reports.engines.loading import ADAPTED_DTYPE, context_length, device_and_dtype, load_model
from pipeline.reports.engines.protocol import AnswerMode, AnswerPrompt, Logits, Message
from pipeline.reports.engines.reading import states_of_groups
from pipeline.reports.errors import PromptTooLong, UnusableModel

TOKENS_PER_BATCH = 4096
ROWS_PER_BATCH = 32
SUMMARY_TOKENS = 1024
REPETITION_PENALTY = 1.15
SHOWABLE_PARAMETERS = 3_000_000_000
"""Below this size, summaries of reports are often wrong; they serve the answer and are not shown."""
NOISE = {torch.float32: 0.001, torch.bfloat16: 0.25}
"""Log-odds by which an answer may move with its batch: three times the 0.08 that the embedded model showed."""


class HuggingFaceEngine:
    """Answers and summarises by transformers, on a GPU if there is one. Source: Park et al. 2024, section 2.1."""

    def __init__(self, folder: Path, name: str, adapter: AdapterFiles | None = None) -> None:
        """Load the model, and merge an adapter into its weights.

        Raises:
            UnusableModel: the folder holds no chat model with safetensors weights, or one whose answers cannot be
                read as a pair of logits; UnusableAdapter, one of its kind, where the adapter does not fit it.
        """
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            device, dtype = device_and_dtype(folder)
            if adapter is not None:
                dtype = ADAPTED_DTYPE
            self._model = load_model(folder, device, dtype)
            self._tokens = ChatTokenizer(folder)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise UnusableModel(
                f"{folder} is no chat model in Hugging Face layout with safetensors weights ({error})."
            ) from error
        if adapter is not None:
            self._model = merge_adapter(self._model, adapter)
        self.name = name
        self.data_type = str(dtype).removeprefix("torch.")
        self.adapter = None if adapter is None else adapter.name
        self.summaries_fit_to_show = self._model.num_parameters() >= SHOWABLE_PARAMETERS
        self.context_length = context_length(self._model, folder)
        self.noise = NOISE[dtype]
        self._answer_rows: dict[AnswerMode, tuple[torch.Tensor, torch.Tensor]] = {
            "published": _answer_rows(self._model, (self._tokens.yes, self._tokens.no))
        }
        self._check_answers(folder)

    def answer(self, prompts: Sequence[AnswerPrompt]) -> list[Logits | PromptTooLong]:
        """Give the logits of "yes" and "no" as the next token of each prompt.

        Only the last position's state meets the output matrix, and only two rows of that, in single precision. Prompts
        that differ in their last turn only, as those of a condition's levels do, are read once up to where they part.

        Raises:
            UnusableModel: the tokenizer has no token of its own for an answer in a prompt's mode.
        """
        for mode in {prompt.mode for prompt in prompts} - self._answer_rows.keys():
            self._answer_rows[mode] = _answer_rows(self._model, self._tokens.answer_ids(mode))
        encoded = [self._tokens.encode(prompt.chat, prompt.opening) for prompt in prompts]
        results: list[Logits | PromptTooLong] = [PromptTooLong(len(ids), self.context_length) for ids in encoded]
        same_until_last_turn: dict[tuple[Message, ...], list[int]] = {}
        for place, (prompt, ids) in enumerate(zip(prompts, encoded, strict=True)):
            if len(ids) <= self.context_length:
                same_until_last_turn.setdefault(prompt.chat[:-1], []).append(place)
        groups = list(same_until_last_turn.values())
        for batch in batches_of_groups(groups, encoded, TOKENS_PER_BATCH, ROWS_PER_BATCH):
            places = list(chain.from_iterable(batch))
            logits_of = self._answer_logits(
                [[encoded[place] for place in group] for group in batch], [prompts[place].mode for place in places]
            )
            for place, logits in zip(places, logits_of, strict=True):
                results[place] = logits
        return results

    def summarise(self, chats: Sequence[tuple[Message, ...]]) -> list[str | PromptTooLong]:
        """Write the next turn of each chat: greedy, at most 1,024 tokens, repetition penalty 1.15."""
        encoded = [self._tokens.encode(chat) for chat in chats]
        results: list[str | PromptTooLong] = [PromptTooLong(len(ids), self.context_length) for ids in encoded]
        fitting = [i for i, ids in enumerate(encoded) if len(ids) < self.context_length]
        limits = Limits(self._end_tokens(), SUMMARY_TOKENS, self.context_length, REPETITION_PENALTY)
        for batch in batches_by_length([encoded[i] for i in fitting], TOKENS_PER_BATCH, ROWS_PER_BATCH):
            rows = [fitting[i] for i in batch]
            for row, ids in zip(rows, write_greedily(self._model, [encoded[i] for i in rows], limits), strict=True):
                results[row] = self._tokens.decode(ids)
        return results

    @torch.inference_mode()
    def _answer_logits(self, groups: Sequence[Sequence[Sequence[int]]], modes: Sequence[AnswerMode]) -> list[Logits]:
        states = states_of_groups(self._model.base_model, groups)
        weights = torch.stack([self._answer_rows[mode][0] for mode in modes])
        bias = torch.stack([self._answer_rows[mode][1] for mode in modes])
        logits = (weights @ states.float()[:, :, None])[:, :, 0] + bias
        return [Logits(yes, no) for yes, no in logits.double().tolist()]

    def _end_tokens(self) -> frozenset[int]:
        ends = self._model.generation_config.eos_token_id
        return self._tokens.end_tokens | frozenset([ends] if isinstance(ends, int) else ends or [])

    @torch.inference_mode()
    def _check_answers(self, folder: Path) -> None:
        """Refuse a model that does more to its logits than multiply by the output matrix, such as capping them."""
        ids = self._tokens.encode((Message("system", "Answer."), Message("user", "Is water wet?")), "ANSWER: ")
        [ours] = self._answer_logits([[ids]], ["published"])
        whole = self._model(input_ids=torch.tensor([ids], device=self._model.device), logits_to_keep=1).logits[0, -1]
        theirs = whole[[self._tokens.yes, self._tokens.no]].double().cpu()
        if not torch.allclose(theirs, torch.tensor(ours, dtype=torch.double), rtol=0.02, atol=0.1):
            raise UnusableModel(
                f"The model in {folder} rescales its logits, which is not supported. Use another model."
            )


def _answer_rows(model: Any, answers: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the output matrix's rows of "yes" and "no", (2, hidden), and their biases, in single precision."""
    head = model.get_output_embeddings()
    weights = head.weight[list(answers)].detach().float()
    bias = getattr(head, "bias", None)
    return weights, weights.new_zeros(2) if bias is None else bias[list(answers)].detach().float()
