"""Reports, definitions and questions to token ids, in the shared-prefix layout."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer

from pipeline.reports.errors import UnusableModel
from pipeline.reports.prompts.shared import load_shared_prompt

QUESTION_ROOM = 128
"""Positions kept for a question behind the report and its definition."""


class SharedTokens:
    """A model's tokenizer in this layout; `questions_at` is the position at which every question begins."""

    def __init__(self, folder: Path) -> None:
        """Load the tokenizer.

        Raises:
            UnusableModel: it splits an answer into several tokens.
        """
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._prompt = load_shared_prompt()
        self._controls = [token.content for token in self._tokenizer.added_tokens_decoder.values() if token.special]
        self._begin = [] if self._tokenizer.bos_token_id is None else [self._tokenizer.bos_token_id]
        self.yes = self._answer(self._prompt.affirmative, folder)
        self.no = self._answer(self._prompt.negative, folder)
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        self.context_length: int = config.max_position_embeddings
        self.questions_at = self.context_length - QUESTION_ROOM
        self.question = lru_cache(maxsize=4096)(self._question)

    def report(self, text: str) -> list[int]:
        """Give a report's ids. Control tokens that it happens to spell are broken by a space."""
        for token in self._controls:
            text = text.replace(token, f"{token[:1]} {token[1:]}")
        return self._begin + self._encode(self._prompt.report.format(report=text))

    def definition(self, text: str) -> list[int]:
        """Give a definition's ids."""
        return self._begin + self._encode(self._prompt.definition.format(definition=text))

    def _question(self, condition: str, level: str | None) -> tuple[int, ...]:
        return tuple(self._encode(self._prompt.ask(condition, level)))

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids

    def _answer(self, word: str, folder: Path) -> int:
        ids = self._encode(word)
        if len(ids) != 1:
            raise UnusableModel(
                f'The tokenizer in {folder} splits the answer "{word.strip()}" into {len(ids)} tokens. '
                "Use another model."
            )
        return ids[0]
