"""What rules find in a report's words: conditions, levels, hedges, the region."""

import pytest

from config.conditions import Condition, load_conditions
from pipeline.reports.mentions import ReportText, levels_named

CONDITIONS = {condition.name: condition for condition in load_conditions()}
HAEMANGIOMA = Condition(name="haemangioma", definition="A haemangioma is a benign vascular tumour of a vertebra.")


@pytest.mark.parametrize(
    ("sentence", "levels"),
    [
        ("Bulge at L4-5.", {"L4-L5"}),
        ("Bulges at L4/L5 &L5/S1 levels", {"L4-L5", "L5-S1"}),
        ("noted atL4/L5 level", {"L4-L5"}),
        ("Slip of L4 on L5", {"L4-L5"}),
        ("L5/1 is dry", {"L5-S1"}),
        ("L3/4/5 bulges", {"L3-L4", "L4-L5"}),
        ("L3 to S1 are narrow", {"L3-L4", "L4-L5", "L5-S1"}),
        ("D12/L1 is normal", {"T12-L1"}),
        ("C7-T1, T1-2: normal", {"C7-T1", "T1-T2"}),
        ("The canal is wide at all levels", {"L1-L2", "L2-L3", "L3-L4", "L4-L5", "L5-S1"}),
        ("A lesion in L4 of 12 mm", set()),
        ("L5-L4", set()),
        ("L9-L10 and T2 weighted", set()),
    ],
)
def test_levels_are_read_as_people_write_them(sentence: str, levels: set[str]) -> None:
    assert levels_named(sentence) == levels


@pytest.mark.parametrize(
    ("condition", "report", "sentence"),
    [
        ("stenosis", "Disc dry. Canal narrowed at L4-5.", "Canal narrowed at L4-5."),
        ("stenosis", "No nerve root compression.", "No nerve root compression."),
        ("spondylolisthesis", "Grade 1 anterolisthesis of L4.", "Grade 1 anterolisthesis of L4."),
        ("herniation", "A sequestrated fragment lies behind L5.", "A sequestrated fragment lies behind L5."),
        ("cauda equina compression", "The cauda equina is normal.", "The cauda equina is normal."),
        ("cancer", "Nothing to suggest tumour.", "Nothing to suggest tumour."),
    ],
)
def test_a_condition_is_found_in_words_of_its_meaning(condition: str, report: str, sentence: str) -> None:
    assert ReportText(report).mention(CONDITIONS[condition]).sentence == sentence


@pytest.mark.parametrize(
    ("condition", "report"),
    [
        ("cancer", "L4-5: disc bulge. Cord and conus normal."),
        ("cauda equina compression", "The left L5 nerve root is compressed."),
        ("herniation", "The vertebrae are normal."),
        ("stenosis", "HISTORY: known stenosis.\nFINDINGS: marrow even."),
    ],
)
def test_a_condition_of_which_the_findings_are_silent_is_not_mentioned(condition: str, report: str) -> None:
    assert ReportText(report).mention(CONDITIONS[condition]).sentence is None


def test_a_condition_that_is_only_a_name_and_a_definition_is_found() -> None:
    assert ReportText("Small haemangiomas of L2.").mention(HAEMANGIOMA).sentence == "Small haemangiomas of L2."
    assert ReportText("Marrow is even.").mention(HAEMANGIOMA).sentence is None


def test_a_level_is_mentioned_only_where_it_is_named() -> None:
    report = ReportText("L4-5: canal narrowed.\nL5-S1: normal.")
    stenosis = CONDITIONS["stenosis"]

    found = {level: report.mention(stenosis, level).sentence for level in stenosis.levels}

    assert found == {"L3-L4": None, "L4-L5": "L4-5: canal narrowed.", "L5-S1": "L5-S1: normal."}


def test_a_label_line_stays_with_the_line_that_it_labels() -> None:
    report = ReportText("L3-L4, L4-L5:\nDisc bulges compressing the sac.")

    assert report.mention(CONDITIONS["stenosis"], "L3-L4").sentence == "L3-L4, L4-L5: Disc bulges compressing the sac."


def test_the_conclusion_decides_before_the_findings() -> None:
    report = ReportText("FINDINGS: canal narrowed at L4-5.\nIMPRESSION: severe stenosis.")

    assert report.mention(CONDITIONS["stenosis"]).sentence == "severe stenosis."


@pytest.mark.parametrize(
    ("report", "hedge"),
    [
        ("Possible slip of L4.", "Possible"),
        ("? slip", "?"),
        ("Slip cannot be excluded.", "cannot be excluded"),
        ("Possible slip of L4. A slip of 4 mm is measured.", None),
        ("No slip.", None),
        ("HISTORY: ?slip.\nFINDINGS: no slip.", None),
    ],
)
def test_wording_that_leaves_a_condition_open_is_named(report: str, hedge: str | None) -> None:
    assert ReportText(report).mention(CONDITIONS["spondylolisthesis"]).hedge == hedge


def test_the_sentence_that_settles_a_condition_is_given_before_one_that_leaves_it_open() -> None:
    report = ReportText("Possible slip of L4. A slip of 4 mm is measured.")

    assert report.mention(CONDITIONS["spondylolisthesis"]).sentence == "A slip of 4 mm is measured."


@pytest.mark.parametrize(
    ("report", "shown"),
    [
        ("MRI CERVICAL SPINE\nC5-6: narrow.", False),
        ("MRI CERVICAL SPINE\nC5-6: narrow. L4-5 on the localizer: bulge.", True),
        ("MRI whole spine. Normal.", True),
        ("MRI C/T/L spine. Normal.", True),
        ("LSS MRI :\nNormal.", True),
        ("C5-6: narrow.", True),
    ],
)
def test_a_level_outside_the_titles_region_is_not_shown(report: str, shown: bool) -> None:
    assert ReportText(report).shows("L4-L5") is shown
