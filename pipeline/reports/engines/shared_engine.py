"""Answers in the shared-prefix layout: one reading of a report for all questions about it."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from transformers import logging

from config.conditions import Condition
from pipeline.reports.adapter_folder import AdapterFiles
from pipeline.reports.engines.adapted import merge_adapter
from pipeline.reports.engines.batching import batches_by_length
from pipeline.reports.engines.loading import ADAPTED_DTYPE, device_and_dtype
from pipeline.reports.engines.protocol import Logits
from pipeline.reports.engines.shared_prefix import (
    DEFINITION_ROOM,
    AskedReport,
    ReadDefinitions,
    answer_states,
    load_for_shared_prefix,
    read_definitions,
)
from pipeline.reports.engines.shared_tokens import SharedTokens
from pipeline.reports.errors import PromptTooLong, UnusableModel
from pipeline.reports.models import ModelFiles

TOKENS_PER_BATCH = 2048
REPORTS_PER_BATCH = 16
NOISE = {torch.float32: 0.001, torch.bfloat16: 0.25}
"""Log-odds by which an answer may move with its batch."""

Question = tuple[Condition, str | None]


class AskedText(NamedTuple):
    """A report's text, and what is asked about it: conditions, each as a whole or at a disc level."""

    text: str
    questions: tuple[Question, ...]


class SharedPrefixEngine:
    """A language model that reads each report once and answers all questions about it from that reading."""

    def __init__(self, model: ModelFiles, adapter: AdapterFiles | None = None) -> None:
        """Load the model, with the adapter merged into its weights.

        Raises:
            UnusableModel: the folder holds no model that can answer; UnusableAdapter, one of its kind, where the
                adapter does not fit it.
        """
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        device, dtype = device_and_dtype(model.folder)
        try:
            self._tokens = SharedTokens(model.folder)
            loaded = load_for_shared_prefix(model.folder, dtype if adapter is None else ADAPTED_DTYPE)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise UnusableModel(f"The model in {model.folder} cannot answer in this layout ({error}).") from error
        if adapter is not None:
            loaded = merge_adapter(loaded, adapter).to(dtype)  # added up exactly, then rounded once
        self._body = loaded.to(device).eval().base_model
        answers = torch.tensor([self._tokens.yes, self._tokens.no], device=device)
        self._rows = loaded.get_output_embeddings().weight[answers].detach().float()
        self.name = model.name
        self.adapter = adapter.name if adapter else None
        self.context_length = self._tokens.context_length
        self.noise = NOISE[dtype]
        self.data_type = str(dtype).removeprefix("torch.")
        self._read: dict[tuple[str, ...], ReadDefinitions] = {}

    @torch.inference_mode()
    def answer_reports(self, texts: Sequence[AskedText]) -> list[list[Logits] | PromptTooLong]:
        """Answer all questions of each text, in their order; a text that does not fit gives PromptTooLong."""
        definitions = tuple(dict.fromkeys(condition.definition for text in texts for condition, _ in text.questions))
        read = self._definitions(definitions)
        longest = self._tokens.questions_at - DEFINITION_ROOM
        asked = [self._asked(text, definitions) for text in texts]
        results: list[list[Logits] | PromptTooLong] = [PromptTooLong(len(row.report), longest) for row in asked]
        fitting = [index for index, row in enumerate(asked) if len(row.report) <= longest]
        order = batches_by_length([asked[index].report for index in fitting], TOKENS_PER_BATCH, REPORTS_PER_BATCH)
        for batch in order:
            rows = [fitting[index] for index in batch]
            states = answer_states(self._body, [asked[index] for index in rows], read, self._tokens.questions_at)
            logits = iter((states.float() @ self._rows.T).double().tolist())
            for index in rows:
                results[index] = [Logits(*next(logits)) for _ in texts[index].questions]
        return results

    def _asked(self, text: AskedText, definitions: Sequence[str]) -> AskedReport:
        questions = [
            (definitions.index(condition.definition), self._tokens.question(condition.asked_as, level))
            for condition, level in text.questions
        ]
        return AskedReport(self._tokens.report(text.text), questions)

    def _definitions(self, definitions: tuple[str, ...]) -> ReadDefinitions:
        """Read definitions once; the conditions of a site rarely change, so the last few sets are kept."""
        if definitions not in self._read:
            while len(self._read) > 3:
                self._read.pop(next(iter(self._read)))
            ids = [self._tokens.definition(text) for text in definitions]
            self._read[definitions] = read_definitions(self._body, ids, self._tokens.questions_at)
        return self._read[definitions]
