"""The shared-prefix layout's wording, from its versioned file."""

from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

_FILE = "shared-1.yaml"


class SharedPrompt(BaseModel):
    """Placeholders are {report}; {definition}; {condition} and {at_level}.

    `affirmative` and `negative` are the answers, one token each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    report: str
    definition: str
    question: str
    affirmative: str
    negative: str

    @property
    def summary_request(self) -> None:
        """No summary is asked for."""
        return

    def ask(self, condition: str, level: str | None) -> str:
        """Write the question about the whole report, or about one disc level."""
        return self.question.format(condition=condition, at_level=f" at {level}" if level else "")


@cache
def load_shared_prompt() -> SharedPrompt:
    """Read the wording that is in use."""
    return SharedPrompt.model_validate(yaml.safe_load(Path(__file__).with_name(_FILE).read_text(encoding="utf-8")))
