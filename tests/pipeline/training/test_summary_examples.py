"""Reports to examples of summaries."""

import pytest

from config.conditions import Condition
from pipeline.reports.engines.protocol import Message
from pipeline.reports.prompts import load_prompt
from pipeline.training.errors import TooFewSummaries
from pipeline.training.summary_examples import SummaryExample, SummaryExamples, find_examples

SLIP = Condition(name="slip", definition="A slip.")
CANCER = Condition(name="cancer", definition="Cancer.", leave_out=("history",))
TASK = (
    "You are a radiologist. Your job is to diagnose slip using a medical report. Tell the truth and answer as "
    "precisely as possible.\nReport: "
)


def report(number: int = 0) -> str:
    return (
        f"MRI LUMBAR SPINE\nHISTORY: Pain for {number} weeks, getting worse, no fever, no trauma.\n"
        "FINDINGS: L4 stands before L5.\nCONCLUSION: Slip at L4-5."
    )


def examples_of(*texts: str, condition: Condition = SLIP) -> SummaryExamples:
    return find_examples(texts, [condition], load_prompt("summary"))


def all_of(examples: SummaryExamples) -> set[SummaryExample]:
    return {*examples.fitted, *examples.held_out}


def test_the_model_is_asked_for_the_summary_that_was_cut_out_of_the_report() -> None:
    [example] = examples_of(report(0), report(1)).fitted[:1]

    assert example.summary == "Slip at L4-5."
    assert example.chat[1:] == (
        Message("user", "Can you write a summary for the report with the goal of diagnosing slip?"),
    )
    assert example.chat[0].content.startswith(TASK + "MRI LUMBAR SPINE\nHISTORY: Pain")
    assert example.chat[0].content.endswith("FINDINGS: L4 stands before L5.")


def test_findings_serve_where_there_is_no_conclusion() -> None:
    examples = examples_of(*(report(number).partition("CONCLUSION")[0] for number in range(2)))

    assert {example.summary for example in all_of(examples)} == {"L4 stands before L5."}


def test_a_condition_that_leaves_the_history_out_is_taught_without_it() -> None:
    examples = examples_of(report(0), report(1), condition=CANCER)

    assert all("Pain" not in example.chat[0].content for example in all_of(examples))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param("CONCLUSION: Slip.\nFINDINGS: Slip.", "wrong_length", id="short"),
        pytest.param(report() + "x" * 5000, "wrong_length", id="long"),
        pytest.param("Spine without a heading. " * 5, "without_summary", id="no heading"),
        pytest.param("CONCLUSION: " + "All is well. " * 10, "without_summary", id="nothing beside the summary"),
        pytest.param(report(1).upper() + "\n", "repeated", id="the same in capitals"),
    ],
)
def test_a_report_that_cannot_teach_is_counted_and_costs_the_others_nothing(text: str, count: str) -> None:
    examples = examples_of(report(1), text, report(2))

    assert examples.counts == {"reports": 3, "wrong_length": 0, "without_summary": 0, "repeated": 0} | {count: 1}
    assert len(all_of(examples)) == 2


def test_a_tenth_is_held_out_whatever_the_order() -> None:
    texts = [report(number) for number in range(40)]

    forwards, backwards = examples_of(*texts), examples_of(*reversed(texts))

    assert (len(forwards.fitted), len(forwards.held_out)) == (36, 4)
    assert set(forwards.fitted).isdisjoint(forwards.held_out)
    assert forwards == backwards


def test_other_texts_have_another_digest() -> None:
    assert examples_of(report(1), report(2)).sha256 != examples_of(report(1), report(3)).sha256


def test_one_summary_is_too_few() -> None:
    with pytest.raises(TooFewSummaries, match="Give more reports"):
        examples_of(report())
