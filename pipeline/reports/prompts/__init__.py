"""The questions that a language model is asked, from versioned files."""

from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from config.conditions import Condition
from config.report_settings import ReportSettings
from pipeline.reports.engines.protocol import AnswerMode, AnswerPrompt, Message

ChatPromptName = Literal["direct", "summary", "direct-natural", "summary-natural"]
PromptName = Literal["shared", "direct", "summary", "direct-natural", "summary-natural"]

_FILES = {"direct": "direct-1.yaml", "summary": "summary-1.yaml"}
"""The version of each prompt in use; older files stay, so that an old label can be made again."""
_NATURAL = "-natural"


class Prompt(BaseModel):
    """A way of asking. Placeholders are {condition}, {report}, {definition} and {at_level}.

    `summary_request` is None where the report is asked directly. `opening` begins the model's answer, and
    `mode` says how the answer stands behind it; the modes give other probabilities, and are calibrated apart.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    system: str
    question: str
    opening: str
    mode: AnswerMode = "published"
    summary_request: str | None = None

    def summary_chat(self, condition: Condition, report: str) -> tuple[Message, ...]:
        """Ask for a summary of the report; one summary serves all levels of the condition."""
        if self.summary_request is None:
            raise ValueError(f"the prompt {self.id} asks for no summary")
        return (
            self._task(condition, report),
            Message("user", self.summary_request.format(condition=condition.asked_as)),
        )

    def answer_prompt(
        self, condition: Condition, level: str | None, report: str, summary: str | None = None
    ) -> AnswerPrompt:
        """Ask for yes or no about the whole report, or about one level; after the summary where the prompt has one."""
        question = self.question.format(
            definition=condition.definition, condition=condition.asked_as, at_level=f" at {level}" if level else ""
        )
        before: tuple[Message, ...] = (self._task(condition, report),)
        if summary is not None:
            before = (*self.summary_chat(condition, report), Message("assistant", summary))
        return AnswerPrompt((*before, Message("user", question)), self.opening, self.mode)

    def answered_naturally(self) -> "Prompt":
        """Give the same words in the natural mode, under an id of their own: `direct-natural/1` for `direct/1`."""
        name, version = self.id.split("/")
        return self.model_copy(
            update={"id": f"{name}{_NATURAL}/{version}", "opening": self.opening.rstrip(), "mode": "natural"}
        )

    def _task(self, condition: Condition, report: str) -> Message:
        return Message("system", self.system.format(condition=condition.asked_as, report=report))


def choose_prompt(settings: ReportSettings) -> PromptName:
    """Give the prompt that settings name; where they name none, the one that what they ask can answer best.

    That is `shared` for the embedded model, the only one that comes with an adapter for it, and `direct` for a model
    by path and for a server.
    """
    if settings.prompt is not None:
        return settings.prompt
    return "shared" if settings.model == "embedded" and settings.server is None else "direct"


@cache
def load_prompt(name: ChatPromptName) -> Prompt:
    """Read the prompt of that name in the version that is in use."""
    path = Path(__file__).parent / _FILES[name.removesuffix(_NATURAL)]
    prompt = Prompt.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    return prompt.answered_naturally() if name.endswith(_NATURAL) else prompt
