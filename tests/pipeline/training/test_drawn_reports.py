"""Invented reports say what they are told to, and nothing else."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from config.conditions import load_conditions
from pipeline.reports.mentions import ReportText
from pipeline.reports.sections import split_sections
from pipeline.training import drawn_reports
from pipeline.training.drawn_reports import LUMBAR_LEVELS, drawn_report

PHRASES = yaml.safe_load(Path(drawn_reports.__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
SOME_LEVELS = st.lists(st.sampled_from(LUMBAR_LEVELS), min_size=1, max_size=3, unique=True).map(tuple)
TRUTHS = st.dictionaries(st.sampled_from(sorted(PHRASES)), SOME_LEVELS)


def states(text: str, condition: str, level: str | None) -> bool:
    """Tell whether one of the phrases of a present condition stands in the text."""
    named = {"level": level, "upper": level.split("-")[0], "lower": level.split("-")[1]} if level else {}
    phrases = [phrase for phrase in PHRASES[condition]["present"] if level or "{" not in phrase]
    return any(phrase.format(**named).lower() in text.lower() for phrase in phrases)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), TRUTHS)
def test_a_report_states_each_true_label_and_no_false_one(seed: int, truth: dict[str, tuple[str, ...]]) -> None:
    report = drawn_report(seed, truth)

    for (condition, level), label in report.labels.items():
        if level is not None or condition == "cancer":
            assert states(report.text, condition, level) is label


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), TRUTHS)
def test_every_condition_is_spoken_of_in_the_findings_or_the_conclusion(
    seed: int, truth: dict[str, tuple[str, ...]]
) -> None:
    text = ReportText(drawn_report(seed, truth).text)

    assert all(text.mention(condition).sentence for condition in load_conditions())


def test_the_truth_is_the_callers_with_what_it_implies() -> None:
    labels = drawn_report(3, {"herniation": ("L4-L5",), "cancer": ()}).labels

    true = {key for key, label in labels.items() if label}
    assert true == {
        ("herniation", None),
        ("herniation", "L4-L5"),
        ("stenosis", None),
        ("stenosis", "L4-L5"),
        ("cancer", None),
    }
    assert labels["spondylolisthesis", None] is False
    assert labels["stenosis", "L3-L4"] is False


def test_the_same_seed_draws_the_same_report_and_another_seed_another() -> None:
    assert drawn_report(1, {"cancer": ()}) == drawn_report(1, {"cancer": ()})
    assert len({drawn_report(seed, {"cancer": ()}).text for seed in range(20)}) == 20


def test_several_layouts_are_drawn() -> None:
    sections = [split_sections(drawn_report(seed, {}).text) for seed in range(40)]

    assert any(not found.conclusion for found in sections)
    assert any(found.comparison for found in sections)
    assert any(found.history and found.technique for found in sections)
    assert all(found.findings for found in sections)


def test_a_condition_without_phrases_is_stated_by_its_name() -> None:
    report = drawn_report(1, {"scoliosis": ()})

    assert "scoliosis is present" in report.text.lower()
    assert report.labels["scoliosis", None] is True


@pytest.mark.parametrize("levels", [(), ("T1-T2",)], ids=["no level", "a level elsewhere"])
def test_a_truth_that_cannot_be_drawn_is_refused(levels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"L4-L5|give one"):
        drawn_report(1, {"stenosis": levels})
