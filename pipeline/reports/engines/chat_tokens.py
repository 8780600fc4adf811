"""Chats to token ids, by the chat template of the model's own tokenizer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from transformers import AutoTokenizer

from pipeline.reports.engines.protocol import AnswerMode, Message
from pipeline.reports.errors import UnusableModel


class ChatTokenizer:
    """A model's tokenizer, with the ids of the answer words and of the tokens that end a turn."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._control_tokens = [
            token.content for token in self._tokenizer.added_tokens_decoder.values() if token.special
        ]
        self._folder = folder
        self.yes, self.no = self.answer_ids("published")
        self.end_tokens: frozenset[int] = frozenset({self._tokenizer.eos_token_id} - {None})
        try:
            self.encode((Message("system", "Task."), Message("user", "Question?")), "ANSWER: ")
        except (ValueError, TemplateError) as error:
            raise UnusableModel(
                f"{folder} has no chat template that takes a system message ({error}). Use an instruction-tuned model."
            ) from error

    def encode(self, chat: Sequence[Message], opening: str = "") -> list[int]:
        """Give the ids of a chat up to the model's next turn, whose beginning is `opening`.

        A beginning-of-text token stands there once if the tokenizer sets one, whether or not the template does too.
        Control tokens that a report happens to spell are broken by a space: a report cannot end its own turn.
        """
        turns = [{"role": message.role, "content": self._inert(message.content)} for message in chat]
        text = self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        ids: list[int] = self._tokenizer.encode(text + opening, add_special_tokens=False)
        begin = self._tokenizer.bos_token_id
        if begin is not None and begin in self._tokenizer.encode("") and ids[:1] != [begin]:
            return [begin, *ids]
        return ids

    def encode_reply(self, reply: str) -> list[int]:
        """Give the ids of the model's own turn, as it would have written it, with the token that ends the turn.

        Raises:
            ValueError: the tokenizer names no end token.
        """
        if self._tokenizer.eos_token_id is None:
            raise ValueError("the tokenizer names no token that ends a turn")
        ids: list[int] = self._tokenizer.encode(self._inert(reply), add_special_tokens=False)
        return [*ids, self._tokenizer.eos_token_id]

    def decode(self, ids: Sequence[int]) -> str:
        """Give the text of ids, without control tokens."""
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True)
        return text.strip()

    def answer_ids(self, mode: AnswerMode) -> tuple[int, int]:
        """Give the ids of yes and no as they stand behind the opening of that answer mode.

        Raises:
            UnusableModel: the tokenizer has no token of its own for one of the words.
        """
        return self._answer_word("yes", mode), self._answer_word("no", mode)

    def _answer_word(self, word: str, mode: AnswerMode) -> int:
        # Behind a new line, since a tokenizer of the SentencePiece kind puts a space before a text's first word.
        before, text = ("\n", word) if mode == "published" else ("\nANSWER:", f" {word}")
        start: list[int] = self._tokenizer.encode(before, add_special_tokens=False)
        ids: list[int] = self._tokenizer.encode(before + text, add_special_tokens=False)
        if ids[:-1] != start:
            raise UnusableModel(
                f'The tokenizer in {self._folder} splits the answer "{text}" into {len(ids) - len(start)} tokens. '
                "Use another model."
            )
        return ids[-1]

    def _inert(self, content: str) -> str:
        for token in self._control_tokens:
            content = content.replace(token, f"{token[:1]} {token[1:]}")
        return content
