"""A chat model behind an OpenAI-compatible server, such as vLLM, llama.cpp's server or GPT-4."""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from config.report_settings import ServerSettings
from pipeline.reports.engines.chat_server import ChatServer, Patience, Token
from pipeline.reports.engines.protocol import AnswerPrompt, Logits, Message
from pipeline.reports.errors import NeitherYesNorNo, TooLongForServer, Unanswered, UnusableModel

TOP_LOGPROBS = 20
"""The most that OpenAI and vLLM list."""
SUMMARY_TOKENS = 1024
NOISE = 0.25
"""Log-odds by which an answer may move with what else the server has at hand, as for bfloat16 in this process."""
UNLISTED = -9999.0
"""What OpenAI and vLLM give for a token that is too unlikely to be listed; it is no log-probability."""
PROBE = AnswerPrompt(
    (Message("system", "You answer questions."), Message("user", "Is water wet? Answer 'yes' or 'no'.")), "ANSWER: "
)

_Asked = TypeVar("_Asked")
_Given = TypeVar("_Given")


class OpenAiEngine:
    """Answers and summarises by a server. Source: Park et al. 2024, section 2.1, where GPT-4 was asked like this.

    The server lays out the chat by its own template and shows only its likeliest tokens: labels differ from those of
    the same model in this process, and are calibrated apart. Summaries have no repetition penalty, which OpenAI lacks.
    """

    def __init__(self, settings: ServerSettings, patience: Patience = Patience()) -> None:  # noqa: B008  it is frozen
        """Reach the server, and have it answer one question.

        Raises:
            UnusableModel: the server refuses the key, lacks the model, or gives no log-probabilities of yes and no.
            ServerAway: it does not answer.
        """
        self._server = ChatServer(settings, patience)
        self._concurrency = settings.concurrency
        self._goes_on = settings.goes_on_with_turns
        self.name = f"{settings.model}@{self._server.url.split('://')[1]}"
        self.adapter: str | None = None
        self.data_type = "the server's"
        self.summaries_fit_to_show = True  # who runs a server runs a model of some size
        self.noise = NOISE
        self.context_length = self._server.context_length()
        self._check_answers()

    def answer(self, prompts: Sequence[AnswerPrompt]) -> list[Logits | Unanswered]:
        """Give the log-probabilities of "yes" and "no" as the next token of each prompt; see `answer_logits`.

        Raises:
            UnusableModel, ServerAway: the server refuses, or does not answer; then none of the prompts is answered.
        """
        return self._each(self._answer_one, prompts)

    def summarise(self, chats: Sequence[tuple[Message, ...]]) -> list[str | Unanswered]:
        """Write the next turn of each chat: greedy, at most 1,024 tokens.

        Raises:
            UnusableModel, ServerAway: the server refuses, or does not answer; then none of the chats is summarised.
        """
        return self._each(self._summarise_one, chats)

    def _answer_one(self, prompt: AnswerPrompt) -> Logits | Unanswered:
        try:
            tokens = self._first_tokens(prompt)
        except TooLongForServer as error:
            return error
        if not tokens:
            raise self._lacks_logprobs()
        return answer_logits(tokens) or NeitherYesNorNo(self._server.url)

    def _first_tokens(self, prompt: AnswerPrompt) -> Sequence[Token]:
        body: dict[str, object] = {"messages": [message._asdict() for message in prompt.chat]}
        if self._goes_on:
            opened = [*prompt.chat, Message("assistant", prompt.opening)]
            body = {
                "messages": [message._asdict() for message in opened],
                # vLLM wants to be told; llama.cpp goes on with the model's own turn anyhow.
                "add_generation_prompt": False,
                "continue_final_message": True,
            }
        asked = {**body, "temperature": 0, "max_tokens": 1, "logprobs": True, "top_logprobs": TOP_LOGPROBS}
        return self._server.complete(asked).first_tokens

    def _summarise_one(self, chat: tuple[Message, ...]) -> str | Unanswered:
        body = {"messages": [message._asdict() for message in chat], "temperature": 0}
        try:
            return self._server.complete({**body, "max_tokens": SUMMARY_TOKENS}).text.strip()
        except TooLongForServer:
            # vLLM counts `max_tokens` as part of the prompt. Without, it writes into what room is left, which is less.
            pass
        try:
            return self._server.complete(body).text.strip()
        except TooLongForServer as error:
            return error

    def _each(self, ask: Callable[[_Asked], _Given], all_asked: Sequence[_Asked]) -> list[_Given]:
        """Ask several at a time and keep the order; the first fault ends all."""
        with ThreadPoolExecutor(self._concurrency) as threads:
            given = [threads.submit(ask, asked) for asked in all_asked]
            try:
                return [each.result() for each in given]
            except BaseException:
                threads.shutdown(cancel_futures=True)
                raise

    def _check_answers(self) -> None:
        if isinstance(self._answer_one(PROBE), Unanswered):
            raise UnusableModel(
                f"{self.name} answers a simple question with neither yes nor no. Use an instruction-tuned model, or "
                "turn `reports.server.goes_on_with_turns` round: the server must write its answer behind `ANSWER: `."
            )

    def _lacks_logprobs(self) -> UnusableModel:
        return UnusableModel(
            f"{self._server.url} gives no log-probabilities, which the labels are made of. Switch them on at the "
            "server, or use another, such as vLLM or llama.cpp's."
        )


def answer_logits(tokens: Sequence[Token]) -> Logits | None:
    """Give the log-probabilities of yes and no, each summed over the tokens that spell it; None if neither is listed.

    A token counts that equals the word once spaces around it and capitals are gone. A word that is not listed is at
    most as likely as the least likely token that is, and gets its log-probability: the log-odds then are nearer to 0
    than the model's own, by an amount that nobody sees.
    """
    listed = [token for token in tokens if token.logprob > UNLISTED]
    least = min((token.logprob for token in listed), default=UNLISTED)
    yes, no = ([token.logprob for token in listed if token.token.strip().lower() == word] for word in ("yes", "no"))
    if not yes and not no:
        return None
    return Logits(_log_of_sum(yes) if yes else least, _log_of_sum(no) if no else least)


def _log_of_sum(logs: Sequence[float]) -> float:
    greatest = max(logs)
    return greatest + math.log(math.fsum(math.exp(log - greatest) for log in logs))
