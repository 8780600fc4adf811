"""Stand-in language engines, whose answers a test decides."""

from collections.abc import Callable, Sequence

from pipeline.reports.engines.protocol import AnswerPrompt, Logits, Message
from pipeline.reports.errors import PromptTooLong


class ReadingEngine:
    """Answers with the log-odds that a function reads off the report and the question."""

    name, adapter, data_type, summaries_fit_to_show = "reading@sha256:0", None, "float32", False
    context_length, noise = 100, 0.1

    def __init__(self, log_odds: Callable[[str, str], float]) -> None:
        self._log_odds = log_odds

    def answer(self, prompts: Sequence[AnswerPrompt]) -> list[Logits | PromptTooLong]:
        return [Logits(self._log_odds(prompt.chat[0].content, prompt.chat[-1].content), 0.0) for prompt in prompts]

    def summarise(self, chats: Sequence[tuple[Message, ...]]) -> list[str | PromptTooLong]:
        return ["A summary."] * len(chats)
