"""Invented reports whose truth is given."""

import random
import re
from collections import Counter
from dataclasses import replace

import pytest

from config.conditions import load_conditions
from pipeline.reports.levels import find_levels
from pipeline.reports.mentions import ReportText
from pipeline.training.report_grammar import draw_report
from pipeline.training.report_levels import LEVELS_OF, draw_levels, draw_style, levels_name, slots_of
from pipeline.training.report_passages import Passage, passage_slots
from pipeline.training.report_phrases import FindingPhrases, load_phrases, written_out
from pipeline.values import State

TRAINING = load_phrases("training")
VALIDATION = load_phrases("validation")
UNTRAINED = load_phrases("validation", held_out=True)
KINDS = ("present", "clauses", "placed", "absent", "lookalike", "past", "history")
SLOTS = slots_of("L4-L5", "L4/5")
EVERY = list({**load_phrases("training").findings, **UNTRAINED.findings}.values())
REPORTS = [draw_report(seed, TRAINING) for seed in range(300)]


def phrases_of(finding: FindingPhrases) -> set[str]:
    return {phrase for kind in KINDS for phrase in getattr(finding, kind)}


def test_the_same_seed_draws_the_same_report() -> None:
    assert draw_report(5, TRAINING) == draw_report(5, TRAINING)
    assert draw_report(5, TRAINING).text != draw_report(6, TRAINING).text


@pytest.mark.parametrize("finding", EVERY, ids=lambda finding: finding.name)
def test_every_phrase_of_a_finding_can_be_written_out(finding: FindingPhrases) -> None:
    for phrase in phrases_of(finding):
        for seed in range(5):
            text = written_out(phrase, random.Random(seed), SLOTS, TRAINING.words)  # noqa: S311
            assert not re.search(r"[\[\]{}|]", text), phrase
            assert text


@pytest.mark.parametrize("finding", EVERY, ids=lambda finding: finding.name)
def test_a_finding_has_definitions_that_end_in_a_full_stop_and_says_both_presence_and_absence(
    finding: FindingPhrases,
) -> None:
    assert len(finding.definitions) >= 5
    assert all(definition.endswith(".") for definition in finding.definitions)
    assert finding.present or finding.clauses
    assert finding.absent


def test_training_and_validation_share_no_wording() -> None:
    for name, finding in TRAINING.findings.items():
        shared = phrases_of(finding) & phrases_of(VALIDATION.findings[name])
        assert not shared, name


def test_the_findings_never_trained_on_share_no_wording_with_the_others() -> None:
    trained = {phrase for finding in TRAINING.findings.values() for phrase in phrases_of(finding)}
    for name in UNTRAINED.findings.keys() - set(UNTRAINED.core):
        assert not phrases_of(UNTRAINED.findings[name]) & trained
        assert name not in TRAINING.findings


def test_every_condition_is_drawn_both_present_and_absent() -> None:
    for name in TRAINING.core:
        truths = {report.labels[name, None] for report in REPORTS if (name, None) in report.labels}
        assert truths == {True, False}, name


def test_a_level_is_present_only_where_the_condition_is() -> None:
    for report in REPORTS:
        for (name, level), present in report.labels.items():
            if level is not None and present:
                assert report.labels[name, None]


def test_a_herniated_disc_is_also_a_stenosis_at_its_level() -> None:
    herniated = [
        (report, level)
        for report in REPORTS
        for (name, level), present in report.labels.items()
        if name == "herniation" and present and level
    ]
    assert herniated
    assert all(report.labels["stenosis", level] for report, level in herniated)


def test_the_history_decides_no_label_and_can_be_left_out() -> None:
    told = [report for report in REPORTS if report.text != report.without_history]

    assert len(told) > 100
    longer = [report for report in told if len(report.without_history) >= len(report.text)]
    assert len(longer) < len(told) / 50  # misspellings and abbreviations are drawn anew


def test_reports_without_a_lumbar_spine_say_nothing_of_lumbar_levels() -> None:
    elsewhere = [report for report in REPORTS if ("stenosis", "C5-C6") in report.labels]

    assert elsewhere
    assert not any(("stenosis", "L4-L5") in report.labels for report in elsewhere)


def test_a_list_or_range_of_levels_reads_back_as_those_levels() -> None:
    lumbar = LEVELS_OF["lumbar"]
    for seed in range(400):
        draw = random.Random(seed)  # noqa: S311  wording, not security
        levels = sorted(draw.sample(lumbar, draw.randint(1, 4)), key=lumbar.index)
        written = levels_name(levels, draw_style(draw), draw)
        if re.search("[0-9]", written) and not re.search("L[0-9]{2}", written):  # L34 is for models alone
            assert {level for place in find_levels(written) for level in place.levels} == set(levels), written


def test_an_exchange_of_levels_is_corrected_in_an_addendum() -> None:
    without_passages = replace(TRAINING, passages=())
    reports = [draw_report(seed, without_passages) for seed in range(300)]
    corrected = [report for report in reports if "addendum" in report.text.lower()]

    assert corrected
    assert all(any(present for (name, level), present in report.labels.items() if level) for report in corrected)


PASSAGES = [*TRAINING.passages, *VALIDATION.passages]


def test_training_and_validation_share_no_passage() -> None:
    assert len(TRAINING.passages) > 4 * len(VALIDATION.passages) > 0
    assert not {passage.text for passage in TRAINING.passages} & {passage.text for passage in VALIDATION.passages}


@pytest.mark.parametrize("passage", PASSAGES, ids=lambda passage: passage.text[:40])
def test_every_passage_is_written_out_and_its_truth_does_not_contradict_itself(passage: Passage) -> None:
    levels = draw_levels(random.Random(1), LEVELS_OF["lumbar"], len(passage.slots))  # noqa: S311
    named = dict(zip(passage.slots, levels, strict=True))
    text = written_out(passage.text, random.Random(1), passage_slots(named, named), TRAINING.words)  # noqa: S311

    assert not re.search(r"[\[\]{}]", text)
    assert set(passage.herniation) <= set(passage.stenosis) <= set(passage.slots)
    assert not set(passage.present) & {*passage.absent, *passage.open}
    assert not passage.stenosis or "stenosis" not in passage.absent
    assert not passage.herniation or "herniation" not in passage.absent
    assert "cauda equina compression" not in passage.present or passage.stenosis
    assert passage.speaks_of <= set(TRAINING.core)


def test_a_passage_decides_the_labels_of_the_levels_that_it_names() -> None:
    passage = Passage("At {A} the sac is free, unlike at {B}.", stenosis=("B",))
    only = replace(TRAINING.with_others([]), passages=(passage,))
    found = 0
    for seed in range(300):
        report = draw_report(seed, only)
        match = re.search(r"at (\S+) the sac is free, unlike at (\S+)\.", report.text, re.IGNORECASE)
        if match and (mentions := [*find_levels(match[1]), *find_levels(match[2])])[1:]:
            (quiet,), (narrowed,) = (mention.levels for mention in mentions)
            found += 1
            assert report.labels["stenosis", narrowed]
            assert not report.labels.get(("stenosis", quiet))
    assert found > 10


@pytest.mark.parametrize("finding", EVERY, ids=lambda finding: finding.name)
def test_what_a_finding_implies_or_leaves_open_is_a_finding(finding: FindingPhrases) -> None:
    names = {known.name for known in EVERY}

    assert {*finding.implies, *finding.leaves_open} <= names


def test_a_sentence_on_another_finding_leaves_open_what_it_may_mean_as_well() -> None:
    crushed = "the cauda equina is crushed by extruded disc material"
    cauda = replace(TRAINING.findings["cauda equina compression"], present=(crushed,))
    only = replace(TRAINING, findings={**TRAINING.with_others([]).findings, cauda.name: cauda}, passages=())
    reports = [draw_report(seed, only) for seed in range(400)]
    said = [report for report in reports if "extruded disc material" in report.text]

    assert said
    assert all(report.labels.get(("herniation", None)) is not False for report in said)


def test_the_states_that_a_report_is_drawn_with_are_found_again_by_words() -> None:
    conditions = {condition.name: condition for condition in load_conditions()}
    found: Counter[tuple[State, bool]] = Counter()
    for seed in range(400):
        report = draw_report(seed, VALIDATION.with_others([]))
        text = ReportText(report.text)
        for (name, level), state in report.states.items():
            if state is State.NOT_IMAGED and level is not None:
                found[state, not text.shows(level)] += 1
            elif state is State.NOT_MENTIONED:
                found[state, text.mention(conditions[name]).sentence is None] += 1
            elif state is State.UNCERTAIN:
                found[state, text.mention(conditions[name]).hedge is not None] += 1

    shares = {state: found[state, True] / (found[state, True] + found[state, False]) for state, _ in found}
    assert shares[State.NOT_MENTIONED] > 0.95
    assert shares[State.NOT_IMAGED] > 0.5  # one in two such reports has no title to tell its region by
    assert shares[State.UNCERTAIN] > 0.3  # hedges in unusual words are not found


def test_a_state_never_contradicts_a_label() -> None:
    for report in REPORTS:
        for question, state in report.states.items():
            if state in {State.PRESENT, State.ABSENT}:
                assert report.labels[question] == (state is State.PRESENT)
            else:
                assert not report.labels.get(question)
