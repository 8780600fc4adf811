"""The engine for OpenAI-compatible servers, against a real server on loopback and its faults."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.report_settings import ServerSettings
from pipeline.reports.engines.chat_server import Patience, Token
from pipeline.reports.engines.openai import OpenAiEngine, answer_logits
from pipeline.reports.engines.protocol import AnswerPrompt, Message
from pipeline.reports.errors import NeitherYesNorNo, ServerAway, TooLongForServer, UnusableModel
from pipeline.reports.labelling import Labeller, Report, label_reports, load_labeller
from pipeline.reports.prompts import load_prompt
from pipeline.values import ReportLabels
from tests.peers.chat_server import MODEL, Asked, Said, Script, listed, running_chat_server, written
from tests.pipeline.reports.test_labelling import STENOSIS

QUICK = Patience(attempts=3, first_pause_seconds=0.001, longest_pause_seconds=0.01, answer_seconds=5)
CANARY = "Zebrafish canal narrowed"
KEY = "sk-canary-7f3a"
YES = listed(("yes", -0.1), ("no", -2.5), ("The", -6.0))
NO = listed(("no", -0.2), ("yes", -1.8), ("The", -6.0))
CHAT = (Message("system", CANARY), Message("user", "Well?"))
PROMPT = AnswerPrompt(CHAT, "ANSWER: ")
TOO_LONG = {
    "OpenAI": Said(400, {"error": {"code": "context_length_exceeded", "message": f"Too long: {CANARY}"}}),
    "vLLM": Said(400, {"object": "error", "message": "This model's maximum context length is 4096 tokens."}),
    "llama.cpp": Said(400, {"error": {"type": "exceed_context_size_error", "n_ctx": 2048}}),
}
Connect = Callable[..., OpenAiEngine]


def tokens(*likely: tuple[str, float]) -> list[Token]:
    return [Token(token=token, logprob=logprob) for token, logprob in likely]


@pytest.fixture
def script() -> Script:
    return Script(say=lambda _: YES)


@pytest.fixture
def connect(script: Script) -> Iterator[Connect]:
    with ExitStack() as stack:

        def make(patience: Patience = QUICK, **settings: object) -> OpenAiEngine:
            url = stack.enter_context(running_chat_server(script))
            return OpenAiEngine(ServerSettings.model_validate({"url": url, "model": MODEL, **settings}), patience)

        yield make


def test_an_answer_is_the_pair_of_log_probabilities(connect: Connect) -> None:
    assert connect().answer([PROMPT]) == [(-0.1, -2.5)]


def test_a_question_is_sent_as_the_chat_with_its_turn_opened(connect: Connect, script: Script) -> None:
    connect().answer([PROMPT])

    assert script.asked[-1] == {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": CANARY},
            {"role": "user", "content": "Well?"},
            {"role": "assistant", "content": "ANSWER: "},
        ],
        "add_generation_prompt": False,
        "continue_final_message": True,
        "temperature": 0,
        "max_tokens": 1,
        "logprobs": True,
        "top_logprobs": 20,
    }


def test_a_server_that_opens_its_own_turns_is_sent_only_what_openai_knows(connect: Connect, script: Script) -> None:
    connect(goes_on_with_turns=False).answer([PROMPT])

    assert [message["role"] for message in script.asked[-1]["messages"]] == ["system", "user"]
    assert set(script.asked[-1]) == {"model", "messages", "temperature", "max_tokens", "logprobs", "top_logprobs"}


def test_a_summary_is_a_plain_completion(connect: Connect, script: Script) -> None:
    engine = connect()
    script.next = [written(" A narrow canal.\n")]

    assert engine.summarise([CHAT]) == ["A narrow canal."]
    assert script.asked[-1] == {
        "model": MODEL,
        "messages": [{"role": "system", "content": CANARY}, {"role": "user", "content": "Well?"}],
        "temperature": 0,
        "max_tokens": 1024,
    }


def test_a_summary_with_less_room_than_its_limit_is_written_into_what_room_is_left(
    connect: Connect, script: Script
) -> None:
    engine = connect()
    script.next = [TOO_LONG["vLLM"], written("Short.")]

    assert engine.summarise([CHAT]) == ["Short."]
    assert "max_tokens" not in script.asked[-1]


@given(st.lists(st.floats(-30, 0), min_size=1, max_size=4), st.lists(st.floats(-30, 0), min_size=1, max_size=4))
def test_spellings_of_a_word_are_summed(yes: list[float], no: list[float]) -> None:
    spelt = [*zip(("yes", " yes", "Yes", "YES\n"), yes, strict=False)]
    spelt += zip(("no", " No", "NO", "\tno"), no, strict=False)

    logits = answer_logits(tokens(*spelt, ("not", -0.5), ("yes.", -0.5)))

    assert logits is not None
    assert math.exp(logits.yes) == pytest.approx(sum(map(math.exp, yes)))
    assert math.exp(logits.no) == pytest.approx(sum(map(math.exp, no)))


@pytest.mark.parametrize("word", ["yes", "no"])
def test_a_word_that_is_not_listed_is_as_unlikely_as_the_least_likely_that_is(word: str) -> None:
    logits = answer_logits(tokens((word, -0.1), ("The", -9.0), ("A", -9999.0)))

    assert logits is not None
    assert sorted(logits) == [-9.0, -0.1]
    assert (logits.log_odds > 0) == (word == "yes")


def test_a_prompt_with_neither_word_costs_the_others_nothing(connect: Connect, script: Script) -> None:
    engine = connect(concurrency=1)
    script.next = [listed(("The", -0.1)), NO]

    first, second = engine.answer([PROMPT, PROMPT])

    assert isinstance(first, NeitherYesNorNo)
    assert second == (-1.8, -0.2)


@pytest.mark.parametrize("said", TOO_LONG.values(), ids=TOO_LONG)
def test_a_prompt_that_does_not_fit_costs_the_others_nothing(connect: Connect, script: Script, said: Said) -> None:
    engine = connect(concurrency=1)
    script.next = [said, NO]

    first, second = engine.answer([PROMPT, PROMPT])

    assert isinstance(first, TooLongForServer)
    assert second == (-1.8, -0.2)


def test_answers_keep_the_order_of_the_prompts_and_no_more_are_asked_at_one_time_than_allowed(
    connect: Connect, script: Script
) -> None:
    engine = connect(concurrency=3)
    third = threading.Barrier(3)

    def say(asked: Asked) -> Said:
        third.wait(5)  # breaks unless three are under way together
        number = float(asked["messages"][0]["content"])
        return listed(("yes", -number), ("no", -50.0))

    script.say = say
    prompts = [AnswerPrompt((Message("system", str(n)), Message("user", "Well?")), "ANSWER: ") for n in range(1, 13)]

    assert [answer[0] for answer in engine.answer(prompts) if isinstance(answer, tuple)] == [-n for n in range(1, 13)]
    assert script.most_at_once == 3


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Said(429, {}), id="429"),
        pytest.param(Said(500, {}), id="500"),
        pytest.param(Said(503, {}), id="503"),
        pytest.param(Said(cut=True), id="a cut connection"),
    ],
)
def test_a_fault_that_may_pass_is_asked_again(connect: Connect, script: Script, fault: Said) -> None:
    engine = connect()
    script.next = [fault, fault, NO]

    assert engine.answer([PROMPT]) == [(-1.8, -0.2)]
    assert len(script.asked) == 1 + 3


def test_the_pause_that_a_busy_server_asks_for_is_kept(connect: Connect, script: Script) -> None:
    engine = connect(replace(QUICK, longest_pause_seconds=2))
    script.next = [Said(429, {}, {"Retry-After": "1"}), NO]
    begun = time.monotonic()

    engine.answer([PROMPT])

    assert time.monotonic() - begun >= 1


def test_a_server_that_stays_broken_is_named_as_away(connect: Connect, script: Script) -> None:
    engine = connect()
    script.say = lambda _: Said(500, {"error": CANARY})

    with pytest.raises(ServerAway, match="HTTP 500; asked 3 times"):
        engine.answer([PROMPT] * 20)
    assert len(script.asked) < 1 + 3 * 20  # what was still to be asked is not


def test_a_server_that_never_answers_is_named_as_away(connect: Connect, script: Script) -> None:
    engine = connect(replace(QUICK, answer_seconds=0.05))
    told = threading.Event()
    script.say = lambda _: YES if told.wait(0.3) else NO

    with pytest.raises(ServerAway, match="ReadTimeout"):
        engine.answer([PROMPT])


def test_an_address_where_nothing_listens_is_named_as_away() -> None:
    with running_chat_server(Script(say=lambda _: YES)) as url:
        settings = ServerSettings(url=url, model=MODEL)

    with pytest.raises(ServerAway, match="ConnectError") as fault:
        OpenAiEngine(settings, QUICK)
    assert url in str(fault.value)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        pytest.param(written("yes"), "gives no log-probabilities", id="no log-probabilities"),
        pytest.param(listed(("The", -0.1)), "neither yes nor no", id="neither word"),
        pytest.param(Said(401, {}), "refuses our key", id="a refused key"),
        pytest.param(Said(404, {}), "reports.server.model", id="an unknown model"),
        pytest.param(Said(400, {"error": "top_logprobs"}), "goes_on_with_turns: false", id="a refused request"),
        pytest.param(Said(200, {"hello": CANARY}), "not answer as an OpenAI-compatible", id="another kind of server"),
    ],
)
def test_a_server_that_cannot_answer_is_refused_at_load(
    connect: Connect, script: Script, said: Said, problem: str
) -> None:
    script.say = lambda _: said

    with pytest.raises(UnusableModel, match=problem):
        connect()


def test_a_model_that_the_server_lacks_is_refused_with_those_that_it_has(connect: Connect) -> None:
    with pytest.raises(UnusableModel, match=r"has no model tyni.*such as tiny"):
        connect(model="tyni")


def test_the_context_is_as_the_server_tells_it(connect: Connect, script: Script) -> None:
    told = connect().context_length
    script.models = Said(body={"data": [{"id": MODEL, "meta": {"n_ctx": 2048}}]})
    by_llama_cpp = connect().context_length
    script.models = Said(body={"data": [{"id": MODEL}]})

    assert (told, by_llama_cpp, connect().context_length) == (4096, 2048, None)


def test_the_key_is_sent_and_never_shown(
    connect: Connect, script: Script, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "key").write_text(f"{KEY}\n")
    engine = connect(api_key_file=tmp_path / "key")
    script.say = lambda _: Said(401, {"error": f"Incorrect key {KEY}"})

    with pytest.raises(UnusableModel) as fault:
        engine.answer([PROMPT])

    assert script.keys == {f"Bearer {KEY}"}
    assert KEY not in f"{caplog.text}{fault.value}{fault.value!r}{vars(engine)}"


@pytest.mark.parametrize("content", [None, "", "two words", "schlüssel"], ids=["none", "empty", "words", "no ASCII"])
def test_a_file_without_a_key_is_named(connect: Connect, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_text(content)

    with pytest.raises(UnusableModel, match=str(path)):
        connect(api_key_file=path)


@pytest.mark.parametrize(
    "said",
    [
        *TOO_LONG.values(),
        Said(400, {"error": CANARY}),
        Said(500, {"error": CANARY}),
        Said(200, {"choices": CANARY}),
        Said(cut=True),
        written(CANARY),
        listed((CANARY, -0.1)),
    ],
)
def test_no_error_and_no_log_line_holds_the_report(
    connect: Connect, script: Script, said: Said, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    engine = connect()
    script.say = lambda _: said

    try:
        shown = str(engine.answer([PROMPT]))
    except (UnusableModel, ServerAway) as error:
        shown = _with_causes(error)

    assert "Zebrafish" not in shown + caplog.text


def _with_causes(error: BaseException | None) -> str:
    return f"{error!r} {vars(error)} {_with_causes(error.__cause__ or error.__context__)}" if error else ""


def test_reports_are_labelled_by_a_server_with_its_name(script: Script, tmp_path: Path) -> None:
    with running_chat_server(script) as url:
        server = ServerSettings(url=url, model=MODEL)
        labeller = load_labeller("embedded", "summary", tmp_path, "test", server=server)

        [outcome] = label_reports(labeller, [Report("a", "FINDINGS: L4-5 canal narrowed.")], [STENOSIS])

    assert isinstance(outcome, ReportLabels)
    assert {finding.provenance.model for finding in outcome.findings} == {f"tiny@{url.removeprefix('http://')}"}
    assert {finding.log_odds for finding in outcome.findings} == {-0.1 + 2.5}
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_a_server_cannot_answer_is_named(connect: Connect, script: Script) -> None:
    engine = connect()
    script.say = lambda _: TOO_LONG["vLLM"]

    [outcome] = label_reports(Labeller(engine, load_prompt("direct"), "test"), [Report("a", "Canal.")], [STENOSIS])

    assert not isinstance(outcome, ReportLabels)
    assert "Start it with a longer context" in outcome.reason
