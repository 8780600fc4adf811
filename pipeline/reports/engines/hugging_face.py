"""A chat model from a folder in Hugging Face layout, run in this process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, logging

from pipeline.reports.engines.batching import batches_by_length
from pipeline.reports.engines.chat_tokens import ChatTokenizer
from pipeline.reports.engines.greedy import Limits, write_greedily
from pipeline.reports.engines.protocol import AnswerPrompt, Logits, Message
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

    def __init__(self, folder: Path, name: str) -> None:
        """Load the model.

        Raises:
            UnusableModel: the folder holds no chat model with safetensors weights, or one whose answers cannot be
                read as a pair of logits.
        """
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            device, dtype = _device_and_dtype(folder)
            self._model = _load(folder, device, dtype)
            self._tokens = ChatTokenizer(folder)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise UnusableModel(
                f"{folder} is no chat model in Hugging Face layout with safetensors weights ({error})."
            ) from error
        self.name = name
        self.adapter: str | None = None
        self.summaries_fit_to_show = self._model.num_parameters() >= SHOWABLE_PARAMETERS
        self.context_length = _context_length(self._model, folder)
        self.noise = NOISE[dtype]
        self._answer_rows = _answer_rows(self._model, self._tokens)
        self._check_answers(folder)

    def answer(self, prompts: Sequence[AnswerPrompt]) -> list[Logits | PromptTooLong]:
        """Give the logits of "yes" and "no" as the next token of each prompt.

        Only the last position's state meets the output matrix, and only two rows of that, in single precision. Padding
        stands behind the prompt, where causal attention never looks, so that batches need no mask.
        """
        encoded = [self._tokens.encode(prompt.chat, prompt.opening) for prompt in prompts]
        results: list[Logits | PromptTooLong] = [PromptTooLong(len(ids), self.context_length) for ids in encoded]
        fitting = [i for i, ids in enumerate(encoded) if len(ids) <= self.context_length]
        for batch in batches_by_length([encoded[i] for i in fitting], TOKENS_PER_BATCH, ROWS_PER_BATCH):
            rows = [fitting[i] for i in batch]
            for row, logits in zip(rows, self._answer_logits([encoded[i] for i in rows]), strict=True):
                results[row] = logits
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
    def _answer_logits(self, prompts: Sequence[Sequence[int]]) -> list[Logits]:
        width = max(len(ids) for ids in prompts)
        padded = torch.tensor([[*ids, *[0] * (width - len(ids))] for ids in prompts], device=self._model.device)
        states = self._model.base_model(input_ids=padded, use_cache=False).last_hidden_state
        last = torch.tensor([len(ids) - 1 for ids in prompts], device=self._model.device)
        weights, bias = self._answer_rows
        logits = states[torch.arange(len(prompts), device=last.device), last].float() @ weights.T + bias
        return [Logits(yes, no) for yes, no in logits.double().tolist()]

    def _end_tokens(self) -> frozenset[int]:
        ends = self._model.generation_config.eos_token_id
        return self._tokens.end_tokens | frozenset([ends] if isinstance(ends, int) else ends or [])

    @torch.inference_mode()
    def _check_answers(self, folder: Path) -> None:
        """Refuse a model that does more to its logits than multiply by the output matrix, such as capping them."""
        ids = self._tokens.encode((Message("system", "Answer."), Message("user", "Is water wet?")), "ANSWER: ")
        [ours] = self._answer_logits([ids])
        whole = self._model(input_ids=torch.tensor([ids], device=self._model.device), logits_to_keep=1).logits[0, -1]
        theirs = whole[[self._tokens.yes, self._tokens.no]].double().cpu()
        if not torch.allclose(theirs, torch.tensor(ours, dtype=torch.double), rtol=0.02, atol=0.1):
            raise UnusableModel(
                f"The model in {folder} rescales its logits, which is not supported. Use another model."
            )


def _load(folder: Path, device: torch.device, dtype: torch.dtype) -> Any:
    model: Any = AutoModelForCausalLM
    return model.from_pretrained(folder, dtype=dtype, local_files_only=True, use_safetensors=True).to(device).eval()


def _answer_rows(model: Any, tokens: ChatTokenizer) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the output matrix's rows of "yes" and "no", (2, hidden), and their biases, in single precision."""
    head = model.get_output_embeddings()
    answers = [tokens.yes, tokens.no]
    weights = head.weight[answers].detach().float()
    bias = getattr(head, "bias", None)
    return weights, weights.new_zeros(2) if bias is None else bias[answers].detach().float()


def _context_length(model: Any, folder: Path) -> int:
    length = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if not isinstance(length, int):
        raise UnusableModel(f"{folder}/config.json states no max_position_embeddings. Add the model's context length.")
    return length


def _device_and_dtype(folder: Path) -> tuple[torch.device, torch.dtype]:
    """Choose a GPU if there is one, and bfloat16 for 16-bit weights where the hardware multiplies it itself."""
    if torch.cuda.is_available():
        device, quick = torch.device("cuda"), torch.cuda.is_bf16_supported()
    else:
        abilities = torch.cpu.get_capabilities()
        device, quick = torch.device("cpu"), bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))
    stored = AutoConfig.from_pretrained(folder, local_files_only=True).dtype
    return device, torch.bfloat16 if quick and stored in {torch.bfloat16, torch.float16} else torch.float32
