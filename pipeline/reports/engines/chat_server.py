"""A server of chat models over HTTP: the key, when a request is sent again, and its faults as errors of ours.

No error and no log line here holds anything of a request or of an answer, since both speak of a patient.
"""

import difflib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
from pydantic import BaseModel, Field, ValidationError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from config.report_settings import ServerSettings
from pipeline.reports.errors import ServerAway, TooLongForServer, UnusableModel

MAY_PASS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Statuses of a server that is busy, starting or broken, which may answer the same request later."""
TOO_LONG = ("context_length", "context length", "context size", "context_size")
"""How OpenAI, vLLM and llama.cpp say that a prompt does not fit."""


@dataclass(frozen=True)
class Patience:
    """How often a request is sent, how long between, and how long one may take."""

    attempts: int = 6
    first_pause_seconds: float = 1
    longest_pause_seconds: float = 30
    answer_seconds: float = 300


class Token(BaseModel):
    """A token that the model could have written, and how likely it was."""

    token: str
    logprob: float


class _Position(BaseModel):
    top_logprobs: list[Token] = []


class _Logprobs(BaseModel):
    content: list[_Position] | None = None


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    logprobs: _Logprobs | None = None


class Completion(BaseModel):
    """A server's answer to a chat, as far as it is read. Source: OpenAI's reference of chat completions."""

    choices: list[_Choice] = Field(min_length=1)

    @property
    def text(self) -> str:
        """The turn that the model wrote."""
        return self.choices[0].message.content or ""

    @property
    def first_tokens(self) -> list[Token]:
        """The likeliest tokens at the turn's first place; none where the server gives no log-probabilities."""
        logprobs = self.choices[0].logprobs
        return logprobs.content[0].top_logprobs if logprobs and logprobs.content else []


class _LlamaCpp(BaseModel):
    n_ctx: int | None = None


class _Model(BaseModel):
    id: str
    max_model_len: int | None = None  # vLLM
    meta: _LlamaCpp | None = None


class _Models(BaseModel):
    data: list[_Model]


_Answer = TypeVar("_Answer", bound=BaseModel)


class _MayPassError(Exception):
    """A request that may go well later: what happened, and how many seconds the server asks to wait."""

    def __init__(self, what: str, seconds: float = 0) -> None:
        super().__init__(what)
        self.seconds = seconds


class ChatServer:
    """One server; several threads may ask it at one time. Proxies named by the environment are never used."""

    def __init__(self, settings: ServerSettings, patience: Patience) -> None:
        """Read the key and the authorities.

        Raises:
            UnusableModel: the file of the key or of the authorities cannot be read.
        """
        self.url = settings.url.rstrip("/")
        self._model = settings.model
        self._patience = patience
        key = read_key(settings.api_key_file) if settings.api_key_file else None
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(patience.answer_seconds, connect=min(10, patience.answer_seconds), pool=None),
            limits=httpx.Limits(max_connections=settings.concurrency),
            verify=trusted(settings.authorities),
            trust_env=False,
        )

    def context_length(self) -> int | None:
        """Look the model up among those that the server has, and give its context in tokens where that is told.

        Raises:
            UnusableModel: the server has no model of that name, refuses the key, or is no such server.
            ServerAway: it did not answer.
        """
        models = self._parsed(_Models, self._ask("GET", "/models")).data
        for model in models:
            if model.id == self._model:
                return model.meta.n_ctx if model.meta else model.max_model_len
        known = [model.id for model in models]
        nearest = difflib.get_close_matches(self._model, known, n=3, cutoff=0)
        raise UnusableModel(
            f"{self.url} has no model {self._model}. Set `reports.server.model` to one that it has"
            + (f", such as {', '.join(nearest)}." if nearest else "; it lists none.")
        )

    def complete(self, body: Mapping[str, object]) -> Completion:
        """Have a chat completed.

        Raises:
            TooLongForServer: the chat does not fit the model's context.
            UnusableModel: the server refuses the key, the model or the request.
            ServerAway: it did not answer.
        """
        return self._parsed(Completion, self._ask("POST", "/chat/completions", {**body, "model": self._model}))

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> httpx.Response:
        again = Retrying(
            stop=stop_after_attempt(self._patience.attempts),
            wait=self._pause,
            retry=retry_if_exception_type(_MayPassError),
            reraise=True,
        )
        try:
            return again(self._ask_once, method, path, body)
        except _MayPassError as error:
            fault = str(error)
        raise ServerAway(
            f"{self.url} does not answer ({fault}; asked {self._patience.attempts} times). "
            "Start it, or correct `reports.server.url`."
        )

    def _ask_once(self, method: str, path: str, body: Mapping[str, object] | None) -> httpx.Response:
        try:
            response = self._client.request(method, self.url + path, json=body)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            fault = type(error).__name__
        else:
            if response.is_success:
                return response
            self._refuse(response, path)
            fault = f"HTTP {response.status_code}"
            raise _MayPassError(fault, _seconds_asked(response))
        # Outside of `except`, since httpx's error carries the request, and with it the report.
        raise _MayPassError(fault)

    def _refuse(self, response: httpx.Response, path: str) -> None:
        """Raise what no repetition mends."""
        status = response.status_code
        if status in {400, 413, 422, 500} and any(words in response.text.lower() for words in TOO_LONG):
            raise TooLongForServer(self.url)
        if status in MAY_PASS:
            return
        if status in {401, 403}:
            raise UnusableModel(
                f"{self.url} refuses our key (HTTP {status}). Put a valid one into the file that "
                "`reports.server.api_key_file` names."
            )
        if status < 400 or status == 404:
            raise UnusableModel(
                f"{self.url} does not know {path} or the model {self._model} (HTTP {status}). "
                "Correct `reports.server.url`, which ends in /v1, or `reports.server.model`."
            )
        raise UnusableModel(
            f"{self.url} refuses our request (HTTP {status}). It must take a system message, give log-probabilities of "
            "20 tokens, and go on with a turn that we open, or have `reports.server.goes_on_with_turns: false`."
        )

    def _pause(self, state: RetryCallState) -> float:
        patience = self._patience
        own = wait_random_exponential(patience.first_pause_seconds, patience.longest_pause_seconds)(state)
        error = state.outcome.exception() if state.outcome else None
        asked = error.seconds if isinstance(error, _MayPassError) else 0
        return max(own, min(asked, patience.longest_pause_seconds))

    def _parsed(self, kind: type[_Answer], response: httpx.Response) -> _Answer:
        try:
            return kind.model_validate_json(response.content)
        except ValidationError:
            pass  # its text quotes the answer
        raise UnusableModel(f"{self.url} does not answer as an OpenAI-compatible server. Correct `reports.server.url`.")


def trusted(authorities: Path | None) -> ssl.SSLContext:
    """Give what a server is called with by https, TLS 1.2 at least (BCP 195).

    Raises:
        UnusableModel: the file of the authorities cannot be read, or holds none.
    """
    try:
        # Without a file, those of the operating system, among them the site's own.
        context = ssl.create_default_context(cafile=authorities)
    except OSError as error:
        why = "it holds no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise UnusableModel(
            f"{authorities} cannot be used: {why}. Set `reports.server.authorities` to the PEM file of the authorities."
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def read_key(path: Path) -> str:
    """Read the key of a server from the only line of a file.

    Raises:
        UnusableModel: the file cannot be read or holds no such line.
    """
    try:
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        key = ""
    if not key or not key.isprintable() or " " in key:
        raise UnusableModel(
            f"{path} holds no readable key. Put the server's key on its only line, readable for the service's user."
        )
    return key


def _seconds_asked(response: httpx.Response) -> float:
    asked: str = response.headers.get("Retry-After", "")
    return float(asked) if asked.isdigit() else 0
