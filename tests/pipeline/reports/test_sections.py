"""Reports split into sections; the layouts of `shared/samples/report-layouts.md` are tried where it is there."""

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.reports.sections import Sections, cut_section, split_sections, without_sections

LAYOUTS = Path(__file__).resolve().parents[4] / "shared" / "samples" / "report-layouts.md"
OF_ANOTHER_LANGUAGE = "17"


def layouts() -> list[object]:
    if not LAYOUTS.exists():
        return [pytest.param("", {}, marks=pytest.mark.skip(reason="needs the shared folder of report layouts"))]
    found = re.findall(
        r"(?s)### (\d+) ([^\n]*)\n.*?```text\n(.*?)\n```\n```json\n(.*?)\n```", LAYOUTS.read_text(encoding="utf-8")
    )
    return [
        pytest.param(text, json.loads(expected), id=f"{number} {name}")
        for number, name, text, expected in found
        if number != OF_ANOTHER_LANGUAGE
    ]


def words(text: str) -> list[str]:
    return text.split()


@pytest.mark.parametrize(("text", "expected"), layouts())
def test_a_layout_is_split_as_expected(text: str, expected: dict[str, str]) -> None:
    found = {section: body for section, body in asdict(split_sections(text)).items() if body}

    freedom = expected.pop("also", "")
    if "sign-off" in freedom:
        found["conclusion"] = found["conclusion"].removesuffix(
            "\nDictated by the registrar, checked by the consultant."
        )
    if "second title line" in freedom:
        found["title"] = found["title"].removesuffix("\nMRI LUMBAR SPINE")
    assert {key: words(body) for key, body in found.items()} == {key: words(body) for key, body in expected.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "MRI lumbar spine. Bulge at L3-4. Conclusion: no slip.",
            Sections(title="MRI lumbar spine.", findings="Bulge at L3-4.", conclusion="no slip."),
            id="findings without a heading before a conclusion",
        ),
        pytest.param(
            "EXAM: MR LUMBAR SPINE\nHISTORY: sciatica\nL4-5: small bulge.\nIMPRESSION: small bulge.",
            Sections("MR LUMBAR SPINE", history="sciatica", findings="L4-5: small bulge.", conclusion="small bulge."),
            id="findings without a heading after a line of history",
        ),
        pytest.param(
            "Reason: chronic pain. L4-5: dry disc. Summary: dry disc.",
            Sections(history="chronic pain.", findings="L4-5: dry disc.", conclusion="dry disc."),
            id="findings without a heading after a sentence of history",
        ),
        pytest.param(
            "FINDINGS The cord is free.\nOPINION Nothing to treat.",
            Sections(findings="The cord is free.", conclusion="Nothing to treat."),
            id="capitals without a colon",
        ),
        pytest.param(
            "FINDINGS. Slip of L4. Imp. slip.",
            Sections(findings="Slip of L4.", conclusion="slip."),
            id="a full stop for a colon",
        ),
        pytest.param(
            "HISTORY OF SURGERY AT L5.\nNO RECURRENCE.",
            Sections(findings="HISTORY OF SURGERY AT L5.\nNO RECURRENCE."),
            id="a report in capitals without headings",
        ),
        pytest.param(
            "MR Spine (Sag T1/STIR). Hx: renal cancer. Mass in L1. Imp: deposit.",
            Sections("MR Spine (Sag T1/STIR).", history="renal cancer.", findings="Mass in L1.", conclusion="deposit."),
            id="a title with the sequences in brackets",
        ),
        pytest.param("ADDENDUM 2: seen again.", Sections(addendum="seen again."), id="a numbered addendum"),
        pytest.param("  \n", Sections(), id="nothing"),
        pytest.param("MRI LUMBAR SPINE", Sections(title="MRI LUMBAR SPINE"), id="a title alone"),
    ],
)
def test_an_awkward_report_is_split(text: str, expected: Sections) -> None:
    assert split_sections(text) == expected


def test_leaving_out_the_history_leaves_everything_else_as_it_was() -> None:
    report = "MRI LUMBAR SPINE\nHISTORY: lung primary.\nFINDINGS:\nMarrow  even.\nIMPRESSION: normal."

    assert without_sections(report, ["history"]) == ("MRI LUMBAR SPINE\nFINDINGS:\nMarrow  even.\nIMPRESSION: normal.")


def test_leaving_out_the_history_leaves_out_what_is_told_before_the_first_heading() -> None:
    report = "Known prostate carcinoma. MRI lumbar spine.\nFindings: marrow even."

    assert without_sections(report, ["history"]) == "Findings: marrow even."


def test_leaving_out_nothing_gives_the_report() -> None:
    assert without_sections("HISTORY: pain. FINDINGS: none.", []) == "HISTORY: pain. FINDINGS: none."


PIECES = st.sampled_from(
    ["FINDINGS:", "\n", " ", "Imp. ", "History - ", "MRI LUMBAR SPINE", "L4-5: bulge.", "//", ",", "**"]
)


@settings(deadline=None)
@given(st.lists(PIECES | st.text(max_size=5), max_size=20).map("".join))
def test_no_word_of_a_report_is_lost_or_doubled_by_splitting(text: str) -> None:
    assert without_sections(text, []) == text.strip()


def test_a_headed_section_is_cut_out_and_the_rest_stays() -> None:
    text = "MRI LUMBAR SPINE\nFINDINGS: Narrow canal.\nIMPRESSION: Stenosis.\nADDENDUM: Seen again."

    assert cut_section(text, ("conclusion", "findings")) == (
        "Stenosis.",
        "MRI LUMBAR SPINE\nFINDINGS: Narrow canal.\nADDENDUM: Seen again.",
    )


def test_the_next_section_is_cut_out_where_the_first_is_not_there() -> None:
    assert cut_section("HISTORY: Pain.\nFINDINGS: Slip.", ("conclusion", "findings")) == ("Slip.", "HISTORY: Pain.")


def test_what_has_no_heading_is_no_section_to_cut_out() -> None:
    assert cut_section("MRI LUMBAR SPINE\nNarrow canal at L4-5.", ("conclusion", "findings")) is None
