"""The exact messages that a model is sent."""

from typing import Literal

import pytest

from config.conditions import load_conditions
from config.report_settings import ReportSettings, ServerSettings
from pipeline.reports.prompts import PromptName, choose_prompt, load_prompt

CAUDA_EQUINA = next(condition for condition in load_conditions() if condition.name == "cauda equina compression")
STENOSIS = next(condition for condition in load_conditions() if condition.name == "stenosis")
STENOSIS_TASK = (
    "You are a radiologist. Your job is to diagnose stenosis using a medical report. "
    "Tell the truth and answer as precisely as possible.\nReport: Disc {bulge} at L4-5."
)
STENOSIS_DEFINITION = (
    "Stenosis is any narrowing or compression of the spinal canal or nerves, including disc protrusions, impingement "
    "of nerve roots, or compromise of recesses."
)
SERVER = ServerSettings(url="http://127.0.0.1:8000/v1", model="llama")


@pytest.mark.parametrize(
    ("settings", "chosen"),
    [
        pytest.param(ReportSettings(), "shared", id="the embedded model"),
        pytest.param(ReportSettings(model="llama"), "direct", id="a model by path"),
        pytest.param(ReportSettings(server=SERVER), "direct", id="a server"),
        pytest.param(ReportSettings(prompt="direct"), "direct", id="the embedded model, otherwise"),
        pytest.param(ReportSettings(model="llama", prompt="shared"), "shared", id="a model by path, otherwise"),
        pytest.param(ReportSettings(server=SERVER, prompt="summary"), "summary", id="a server, otherwise"),
    ],
)
def test_a_prompt_that_is_named_wins_and_else_what_is_asked_decides(
    settings: ReportSettings, chosen: PromptName
) -> None:
    assert choose_prompt(settings) == chosen


def test_direct_query_is_worded_as_validated() -> None:
    prompt = load_prompt("direct")

    asked = prompt.answer_prompt(STENOSIS, None, "Disc {bulge} at L4-5.")

    assert prompt.id == "direct/1"
    assert asked.chat == (
        ("system", STENOSIS_TASK),
        (
            "user",
            f"{STENOSIS_DEFINITION} Based on the report, does the patient have stenosis? "
            "Answer 'yes' for yes, 'no' for no. Only output one token after 'ANSWER: '",
        ),
    )
    assert asked.opening == "ANSWER: "


def test_summary_query_is_worded_as_validated() -> None:
    prompt = load_prompt("summary")

    asked = prompt.answer_prompt(STENOSIS, "L4-L5", "Disc {bulge} at L4-5.", summary="A bulge.")

    assert prompt.id == "summary/1"
    assert asked.chat == (
        ("system", STENOSIS_TASK),
        ("user", "Can you write a summary for the report with the goal of diagnosing stenosis?"),
        ("assistant", "A bulge."),
        (
            "user",
            f"{STENOSIS_DEFINITION} Based on the summary, does the patient have stenosis at L4-L5? "
            "Answer 'yes' for yes, 'no' for no. Only output one token after 'ANSWER: '",
        ),
    )
    assert asked.opening == "ANSWER: "


def test_the_level_stands_in_the_question_only_so_that_one_summary_serves_all_levels() -> None:
    prompt = load_prompt("summary")

    whole, level = (prompt.answer_prompt(STENOSIS, level, "Text.", "Summary.") for level in (None, "L3-L4"))

    assert whole.chat[:3] == level.chat[:3] == (*prompt.summary_chat(STENOSIS, "Text."), ("assistant", "Summary."))


def test_a_condition_is_asked_by_its_prompt_name() -> None:
    asked = load_prompt("direct").answer_prompt(CAUDA_EQUINA, None, "Text.")

    assert "diagnose cauda equina using" in asked.chat[0].content
    assert "have cauda equina?" in asked.chat[1].content


@pytest.mark.parametrize("name", ["direct", "summary"])
def test_the_natural_mode_changes_the_opening_and_the_id_and_no_word(name: Literal["direct", "summary"]) -> None:
    published, natural = load_prompt(name), load_prompt("direct-natural" if name == "direct" else "summary-natural")

    ours, theirs = (prompt.answer_prompt(STENOSIS, None, "Text.") for prompt in (natural, published))

    assert (natural.id, ours.opening, ours.mode) == (f"{name}-natural/1", "ANSWER:", "natural")
    assert (published.id, theirs.opening, theirs.mode) == (f"{name}/1", "ANSWER: ", "published")
    assert ours.chat == theirs.chat


def test_direct_query_has_no_summary_to_ask_for() -> None:
    with pytest.raises(ValueError, match="direct/1"):
        load_prompt("direct").summary_chat(STENOSIS, "Text.")
