"""What a language engine must do: answer prompts with two logits, and write summaries."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from pipeline.reports.errors import Unanswered


class Message(NamedTuple):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


AnswerMode = Literal["published", "natural"]
"""How yes and no stand behind the opening: as bare words where it ends in a space (the published way, which splits a
word from its space as no text does), or as words with the space before them, as models learned them."""


class AnswerPrompt(NamedTuple):
    """A chat whose next turn is the answer, which `opening` begins."""

    chat: tuple[Message, ...]
    opening: str
    mode: AnswerMode = "published"


class Logits(NamedTuple):
    """The model's next-token logits of "yes" and "no", in double precision.

    Published thresholds go down to 5.6e-9, where a probability in single precision has saturated.
    """

    yes: float
    no: float

    @property
    def log_odds(self) -> float:
        """The log-odds of yes, when yes and no are the only answers."""
        return self.yes - self.no


class Engine(Protocol):
    """A language model that reads reports.

    Results keep the order of the prompts, and none depends on what else is in the batch by more than `noise`. A prompt
    that gets no answer, as when it does not fit the context, gives Unanswered in its place and costs the others
    nothing.
    """

    @property
    def name(self) -> str:
        """The model, as `name@sha256:…`, or `name@host` where a server runs it and its weights cannot be seen."""

    @property
    def adapter(self) -> str | None:
        """The adapter laid over the model, as `name@sha256:…`."""

    @property
    def data_type(self) -> str:
        """What its weights are computed in, such as bfloat16; log-odds move with it."""

    @property
    def summaries_fit_to_show(self) -> bool:
        """Whether its summaries may be shown to a reader; a small model's are not."""

    @property
    def context_length(self) -> int | None:
        """The most tokens that a prompt and what is written after it may take; None where a server does not tell."""

    @property
    def noise(self) -> float:
        """The most by which log-odds change with the batch that a prompt is answered in."""

    def answer(self, prompts: Sequence[AnswerPrompt]) -> Sequence[Logits | Unanswered]:
        """Give the logits of "yes" and "no" as the next token of each prompt."""

    def summarise(self, chats: Sequence[tuple[Message, ...]]) -> Sequence[str | Unanswered]:
        """Write the next turn of each chat."""
