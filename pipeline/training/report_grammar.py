"""Invented spinal MRI reports whose truth is given, to train and to validate what reads reports.

A report's labels are what it was drawn to say: nothing is read back from its text.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.training.drawn_findings import Kind, Statement, Truth, Writer, level_sentences
from pipeline.training.report_layouts import draw_layout, laid_out
from pipeline.training.report_levels import LEVELS_OF
from pipeline.training.report_phrases import FindingPhrases, Phrases, written_out

_REGIONS = {"lumbar": 74, "whole": 12, "cervical": 8, "thoracic": 6}
_KINDS: tuple[Kind, ...] = ("present", "absent", "lookalike", "past", "hedged")
_SILENT = 0.25
"""How often a report says nothing of a condition that it does not show."""
_ONCE = ("cancer", "spondylolisthesis", "cauda equina compression")
_SHARES = {  # of present, absent, lookalike, past, hedged
    "cancer": (28, 30, 26, 6, 4),
    "spondylolisthesis": (30, 38, 18, 5, 3),
    "cauda equina compression": (24, 40, 16, 6, 0),
}
_OTHER_SHARES = (46, 18, 22, 14, 0)
_HELD_OUT_SHARES = (50, 17, 17, 16, 0)


@dataclass(frozen=True)
class InventedReport:
    """An invented report: its text, the same without its history, and the truth of what may be asked about it.

    `labels` maps a finding and a disc level, or None for the whole report, to whether it is there. What is left out is
    unclear and not to be asked. `evidence` is the sentence that first states each present finding.
    """

    text: str
    without_history: str
    labels: Mapping[tuple[str, str | None], bool]
    evidence: Mapping[str, str]


def draw_report(seed: int, phrases: Phrases) -> InventedReport:
    """Draw a report; the same seed and phrases give the same report."""
    draw = random.Random(seed)  # noqa: S311  wording, not security
    writer = Writer(draw, phrases)
    region = draw.choices(list(_REGIONS), list(_REGIONS.values()))[0]
    levels = _levels(region)
    states = _states(draw, levels)
    truth = _truth(states)
    shown, correction = _miscounted(draw, writer, states) if region == "lumbar" else (states, "")
    statements = level_sentences(writer, shown)
    for name in _ONCE:
        if not (name == "cauda equina compression" and region in {"cervical", "thoracic"}):
            _add_condition(writer, phrases.findings[name], states, (truth, statements), correction=bool(correction))
    _add_negations(writer, phrases, (truth, statements))
    for finding in _other_findings(draw, phrases, region):
        kind = draw.choices(_KINDS, _HELD_OUT_SHARES if phrases.held_out else _OTHER_SHARES)[0]
        _say(writer, finding, kind, draw.choice(levels), (truth, statements))
    for _ in range(draw.choices([0, 1, 2], [55, 35, 10])[0]):
        statements.insert(draw.randint(0, len(statements)), Statement(writer.word("indifferent")))
    conclusion = _conclusion(writer, phrases, statements, states if not correction else {})
    return _laid_out(writer, phrases, region, (statements, conclusion, correction), truth)


def _levels(region: str) -> list[str]:
    return list(LEVELS_OF["lumbar" if region == "whole" else region])


def _states(draw: random.Random, levels: Sequence[str]) -> dict[str, str]:
    """Choose what each level shows; the last three lumbar levels, which are asked about, more often than others."""
    count = draw.choices([0, 1, 2, 3, 4], [38, 28, 18, 11, 5])[0]
    weights = [{"L3-L4": 22, "L4-L5": 30, "L5-S1": 28}.get(level, 9) for level in levels]
    affected: set[str] = set()
    while len(affected) < count:
        affected.add(draw.choices(levels, weights)[0])
    return {
        level: draw.choices(["stenosis", "herniation"], [72, 28])[0] if level in affected else "quiet"
        for level in levels
    }


def _truth(states: Mapping[str, str]) -> Truth:
    truth = Truth()
    for level, state in states.items():
        if state != "quiet":
            truth.present |= {("stenosis", level), ("stenosis", None)}
        if state == "herniation":
            truth.present |= {("herniation", level), ("herniation", None)}
    return truth


def _miscounted(draw: random.Random, writer: Writer, states: Mapping[str, str]) -> tuple[Mapping[str, str], str]:
    """Now and then, write the report with two levels exchanged and correct that in an addendum."""
    bad = [level for level, state in states.items() if state != "quiet"]
    quiet = [level for level, state in states.items() if state == "quiet"]
    if not bad or not quiet or draw.random() > 0.05:
        return states, ""
    right, wrong = draw.choice(bad), draw.choice(quiet)
    shown = {**states, right: states[wrong], wrong: states[right]}
    slots = {"right": writer.level(right), "wrong": writer.level(wrong)}
    return shown, written_out(draw.choice(writer.words["corrections"]), draw, slots, writer.words)


Report = tuple[Truth, list[Statement]]


def _add_condition(
    writer: Writer, finding: FindingPhrases, states: Mapping[str, str], report: Report, *, correction: bool
) -> None:
    draw = writer.draw
    kind = draw.choices(_KINDS, _SHARES[finding.name])[0]
    affected = [level for level, state in states.items() if state != "quiet"]
    if finding.name == "cauda equina compression" and kind == "present" and (not affected or correction):
        kind = "absent"
    if correction and finding.name == "spondylolisthesis":
        return
    if kind != "present" and draw.random() < _SILENT:
        return
    level = (
        draw.choice(affected) if finding.name == "cauda equina compression" and affected else draw.choice(list(states))
    )
    _say(writer, finding, kind, level, report)
    if finding.name == "cancer" and kind in {"present", "lookalike"} and draw.random() < 0.3:
        _say(writer, finding, kind, draw.choice(list(states)), report)


def _add_negations(writer: Writer, phrases: Phrases, report: Report) -> None:
    """Say that nothing is narrowed or herniated where nothing is."""
    truth, statements = report
    for name in ("stenosis", "herniation"):
        if (name, None) not in truth.present and writer.draw.random() < 0.6:
            kind: Kind = writer.draw.choices(("absent", "past"), (80, 20))[0]
            _say(writer, phrases.findings[name], kind, "L4-L5", (truth, statements))


def _other_findings(draw: random.Random, phrases: Phrases, region: str) -> list[FindingPhrases]:
    names = [name for name in phrases.findings if name not in phrases.core]
    where = {"lumbar", "thoracic"} if region == "whole" else {region}
    fitting = [phrases.findings[name] for name in names if where & set(phrases.findings[name].regions)]
    wanted = draw.choices([0, 1, 2, 3, 4], [22, 32, 24, 14, 8])[0] if not phrases.held_out else 2
    return draw.sample(fitting, min(wanted, len(fitting)))


def _say(writer: Writer, finding: FindingPhrases, kind: Kind, level: str, report: Report) -> None:
    """State a finding, and note what that makes true and what it leaves open."""
    truth, statements = report
    text, names_level = writer.said(finding, kind, level)
    place = writer.draw.choice([0, len(statements), writer.draw.randint(0, len(statements))])
    statements.insert(place, Statement(text, (finding.name,) if kind == "present" else ()))
    truth.stated.add(finding.name)
    truth.open |= {(name, None) for name in finding.leaves_open if kind != "absent"}
    if kind == "hedged":
        truth.open.add((finding.name, None))
    elif kind == "present":
        truth.present |= {(finding.name, None), *((name, None) for name in finding.implies)}
        if finding.place == "disc" and names_level:
            truth.present.add((finding.name, level))


def _conclusion(
    writer: Writer, phrases: Phrases, statements: Sequence[Statement], states: Mapping[str, str]
) -> list[Statement]:
    """Repeat some of what is there in other words, or say that nothing is."""
    draw = writer.draw
    said: list[Statement] = []
    for level, state in states.items():
        if state != "quiet" and draw.random() < 0.55:
            said.append(Statement(writer.at_levels(state, [level]), (state,)))
    levelled = {"quiet", "stenosis", "herniation", "cauda equina compression", "spondylolisthesis"}
    for statement in statements:
        for name in set(statement.findings) - levelled:
            finding = phrases.findings[name]
            if finding.place != "disc" and draw.random() < 0.4:
                said.append(
                    Statement(writer.said(finding, "present", draw.choice(list(states or ["L4-L5"])))[0], (name,))
                )
    if draw.random() < 0.3:
        draw.shuffle(said)
    return said or [Statement(draw.choice(writer.words["conclusions_only"]))]


def _laid_out(
    writer: Writer, phrases: Phrases, region: str, body: tuple[list[Statement], list[Statement], str], truth: Truth
) -> InventedReport:
    draw, (statements, conclusion, correction) = writer.draw, body
    sections: list[tuple[str, list[str]]] = []
    if draw.random() < 0.25:
        sections.append(("technique", [writer.word("techniques")]))
    if draw.random() < 0.15:
        sections.append(("comparison", [writer.word("comparisons")]))
    sections.append(("findings", [statement.text for statement in statements]))
    if draw.random() < 0.72:
        ours = ("conclusion", [statement.text for statement in conclusion])
        sections.insert(len(sections) - (draw.random() < 0.05), ours)
    if correction:
        sections.insert(draw.choice([0, len(sections)]), ("addendum", [correction]))
    title = (
        draw.choice(writer.words["titles"][region])
        if draw.random() < (0.5 if region in {"lumbar", "whole"} else 0.95)
        else ""
    )
    layout = draw_layout(draw)
    state = draw.getstate()
    without = laid_out(title, sections, layout, draw, writer.words)
    history = _history(writer, phrases) if draw.random() < 0.7 else []
    draw.setstate(state)
    text = laid_out(title, [("history", history), *sections], layout, draw, writer.words) if history else without
    evidence = {
        name: statement.text for statement in reversed(statements) for name in statement.findings if name != "quiet"
    }
    return InventedReport(text, without, _labels(phrases, region, truth, text), evidence)


def _history(writer: Writer, phrases: Phrases) -> list[str]:
    draw = writer.draw
    told = [writer.word("complaints")] if draw.random() < 0.6 else []
    names = draw.sample(list(phrases.findings), draw.choices([0, 1, 2], [25, 55, 20])[0])
    if draw.random() < 0.5:
        names.append(draw.choice(phrases.core))
    asked = [phrases.findings[name].history for name in names if phrases.findings[name].history]
    told += [writer.written(draw.choice(history), draw.choice(["L3-L4", "L4-L5", "L5-S1"])) for history in asked]
    return told or [writer.word("complaints")]


def _labels(phrases: Phrases, region: str, truth: Truth, text: str) -> dict[tuple[str, str | None], bool]:
    labels: dict[tuple[str, str | None], bool] = {}
    small = text.lower()
    multilevel = "multilevel" in small or "multi level" in small
    for name, finding in phrases.findings.items():
        there = (name, None) in truth.present
        if not there and (
            (name, None) in truth.open or (name not in phrases.core and _may_speak_of(phrases, finding, truth, small))
        ):
            continue
        labels[name, None] = there
        if name in {"stenosis", "herniation"}:
            for level in _levels(region):
                at_level = (name, level) in truth.present
                if at_level or not (multilevel or (name, None) in truth.open):
                    labels[name, level] = at_level
        elif finding.place == "disc" and name != "cauda equina compression":
            labels.update({(name, level): True for _, level in _at(name, truth)})
            if not there:
                labels.update({(name, level): False for level in _levels(region)})
    return labels


def _at(name: str, truth: Truth) -> list[tuple[str, str]]:
    return [(other, level) for other, level in truth.present if other == name and level is not None]


def _may_speak_of(phrases: Phrases, finding: FindingPhrases, truth: Truth, text: str) -> bool:
    """Tell whether a sentence of another finding may have stated this one, which nobody drew."""
    if finding.name in truth.stated:
        return False
    stems = phrases.words["gives_away"].get(finding.name) or [
        word[:6] for name in (finding.name, *finding.also) for word in re.findall(r"[a-z]{5,}", name.lower())
    ]
    return any(stem in text for stem in stems)
