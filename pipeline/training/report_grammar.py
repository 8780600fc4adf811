"""Invented spinal MRI reports whose truth is given, to train and to validate what reads reports.

A report's labels are what it was drawn to say: nothing is read back from its text.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.training.drawn_findings import Kind, Statement, Truth, Writer, level_sentences
from pipeline.training.report_layouts import draw_layout, laid_out
from pipeline.training.report_levels import LEVELS_OF, draw_levels
from pipeline.training.report_passages import Passage, passage_slots
from pipeline.training.report_phrases import FindingPhrases, Phrases, written_out
from pipeline.values import State

_REGIONS = {"lumbar": 74, "whole": 12, "cervical": 8, "thoracic": 6}
_KINDS: tuple[Kind, ...] = ("present", "absent", "lookalike", "past", "hedged")
_SILENT, _SILENT_WHERE_BRIEF = 0.25, 0.85
"""How often a report says nothing of a condition that it does not show."""
_BRIEF = 0.2
"""How often a report is a note of a few lines."""
_WITH_PASSAGE = 0.35
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
    unclear and not to be asked. `states` is what each core condition and each lumbar level of stenosis is to be called
    where that is known. `evidence` is the sentence that first states each present finding.
    """

    text: str
    without_history: str
    labels: Mapping[tuple[str, str | None], bool]
    states: Mapping[tuple[str, str | None], State]
    evidence: Mapping[str, str]


def draw_report(seed: int, phrases: Phrases) -> InventedReport:
    """Draw a report; the same seed and phrases give the same report."""
    draw = random.Random(seed)  # noqa: S311  wording, not security
    writer = Writer(draw, phrases)
    region = draw.choices(list(_REGIONS), list(_REGIONS.values()))[0]
    brief = draw.random() < _BRIEF
    passages = phrases.passages if region in {"lumbar", "whole"} and draw.random() < _WITH_PASSAGE else ()
    body = _passage_body(writer, passages, _levels(region)) if passages else _body(writer, region)
    for name in _ONCE:
        if name not in body.settled and not (name == "cauda equina compression" and region in {"cervical", "thoracic"}):
            silent = _SILENT_WHERE_BRIEF if brief else _SILENT
            _add_condition(writer, phrases.findings[name], body, silent)
    _add_negations(writer, phrases, body)
    for finding in _other_findings(draw, phrases, region, brief=brief):
        kind = draw.choices(_KINDS, _HELD_OUT_SHARES if phrases.held_out else _OTHER_SHARES)[0]
        _say(writer, finding, kind, draw.choice(_levels_of(finding, region)), body)
    for _ in range(draw.choices([0, 1, 2], [55, 35, 10])[0] or not body.statements):
        body.statements.insert(draw.randint(0, len(body.statements)), Statement(writer.word("indifferent")))
    conclusion = _conclusion(writer, phrases, body)
    return _laid_out(writer, phrases, region, (body, conclusion), brief=brief)


@dataclass(frozen=True)
class _Body:
    """What a report's findings say so far, and what they make true.

    `states` is what each level shows; `settled` are the conditions of which nothing more may be said; `correction` is
    the addendum that exchanges two levels of the text.
    """

    truth: Truth
    statements: list[Statement]
    states: Mapping[str, str]
    settled: frozenset[str] = frozenset()
    correction: str = ""

    @property
    def affected(self) -> list[str]:
        """Give the levels with stenosis or herniation."""
        return [level for level, state in self.states.items() if state != "quiet"]


def _body(writer: Writer, region: str) -> _Body:
    """Write the levels of a report, sometimes with what is not there beside a narrowing."""
    draw = writer.draw
    states = _states(draw, _levels(region))
    shown, correction = _miscounted(draw, writer, states) if region == "lumbar" else (states, "")
    statements = level_sentences(writer, shown)
    if set(states.values()) != {"quiet"} and draw.random() < 0.2:
        statements.insert(draw.randint(0, len(statements)), Statement(writer.word("partly")))
    settled = frozenset({"spondylolisthesis"}) if correction else frozenset()
    return _Body(_truth(states), statements, states, settled, correction)


def _passage_body(writer: Writer, passages: Sequence[Passage], levels: Sequence[str]) -> _Body:
    """Write a passage, and of the levels that it does not name that they are quiet, or nothing."""
    draw = writer.draw
    rarer = [1 if passage.stenosis else 3 for passage in passages]  # authors write few in which nothing is narrowed
    passage = draw.choices(passages, rarer)[0]
    named = dict(zip(passage.slots, draw_levels(draw, levels, len(passage.slots)), strict=True))
    states = dict.fromkeys(levels, "quiet") | passage.states(named)
    slots = passage_slots(named, {slot: writer.level(level) for slot, level in named.items()})
    text = written_out(passage.text, draw, slots, writer.words).rstrip(".")
    truth = _truth(states)
    truth.stated |= passage.speaks_of
    truth.present |= {(name, None) for name in passage.present}
    truth.open |= {(name, None) for name in passage.open}
    truth.open_levels |= set(passage.open)
    truth.hedged |= set(passage.open)
    truth.denied |= set(passage.absent)
    statements = [
        Statement(writer.at_levels("quiet", [level]), ("quiet",), levels.index(level))
        for level in levels
        if level not in named.values() and draw.random() < 0.2
    ]
    statements.insert(draw.randint(0, len(statements)), Statement(text, passage.present))
    return _Body(truth, statements, states, passage.speaks_of)


def _levels(region: str) -> list[str]:
    return list(LEVELS_OF["lumbar" if region == "whole" else region])


def _levels_of(finding: FindingPhrases, region: str) -> list[str]:
    """Give the levels that a finding may stand at; of the whole spine, those of a region that it occurs in."""
    if region == "whole" and "lumbar" not in finding.regions:
        return list(LEVELS_OF[finding.regions[0]])
    return _levels(region)


def _states(draw: random.Random, levels: Sequence[str]) -> dict[str, str]:
    """Choose what each level shows."""
    count = draw.choices([0, 1, 2, 3, 4], [54, 21, 13, 8, 4])[0]
    affected = draw_levels(draw, levels, count)
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


def _add_condition(writer: Writer, finding: FindingPhrases, body: _Body, silent: float) -> None:
    draw = writer.draw
    kind = draw.choices(_KINDS, _SHARES[finding.name])[0]
    is_cauda = finding.name == "cauda equina compression"
    if is_cauda and kind == "present" and (not body.affected or body.correction):
        kind = "absent"
    if kind != "present" and draw.random() < silent:
        return
    level = draw.choice(body.affected if is_cauda and body.affected else list(body.states))
    _say(writer, finding, kind, level, body)
    if finding.name == "cancer" and kind in {"present", "lookalike"} and draw.random() < 0.3:
        _say(writer, finding, kind, draw.choice(list(body.states)), body)


def _add_negations(writer: Writer, phrases: Phrases, body: _Body) -> None:
    """Say that nothing is narrowed or herniated where nothing is."""
    for name in ("stenosis", "herniation"):
        unsaid = (name, None) not in body.truth.present | body.truth.open
        if unsaid and writer.draw.random() < 0.6:
            kind: Kind = writer.draw.choices(("absent", "past"), (80, 20))[0]
            _say(writer, phrases.findings[name], kind, "L4-L5", body)


def _other_findings(draw: random.Random, phrases: Phrases, region: str, *, brief: bool) -> list[FindingPhrases]:
    names = [name for name in phrases.findings if name not in phrases.core]
    where = {"lumbar", "thoracic"} if region == "whole" else {region}
    fitting = [phrases.findings[name] for name in names if where & set(phrases.findings[name].regions)]
    shares = [70, 25, 5, 0, 0] if brief else [22, 32, 24, 14, 8]
    wanted = draw.choices([0, 1, 2, 3, 4], shares)[0] if not phrases.held_out else 2
    return draw.sample(fitting, min(wanted, len(fitting)))


def _say(writer: Writer, finding: FindingPhrases, kind: Kind, level: str, body: _Body) -> None:
    """State a finding, and note what that makes true and what it leaves open."""
    truth, statements = body.truth, body.statements
    text, names_level = writer.said(finding, kind, level)
    place = writer.draw.choice([0, len(statements), writer.draw.randint(0, len(statements))])
    statements.insert(place, Statement(text, (finding.name,) if kind == "present" else ()))
    truth.stated.add(finding.name)
    if kind not in {"absent", "past"}:
        truth.open |= {(name, None) for name in finding.leaves_open}
        truth.open_levels |= set(finding.leaves_open)
        also = _also_meant(writer, finding.name, text)
        truth.open |= {(name, at) for name in also for at in ((None, level) if names_level else (None,))}
    if kind == "hedged":
        truth.open.add((finding.name, None))
        truth.open_levels.add(finding.name)
        truth.hedged.add(finding.name)
    elif kind != "present":
        truth.denied.add(finding.name)
    else:
        truth.present |= {(finding.name, None), *((name, None) for name in finding.implies)}
        if finding.place == "disc" and names_level:
            truth.present.add((finding.name, level))


def _also_meant(writer: Writer, name: str, text: str) -> set[str]:
    """Give the core conditions that a sentence on another finding may state as well."""
    small = text.lower()
    stems = writer.words["also_means"].items()
    return {other for other, own in stems if other != name and any(stem in small for stem in own)}


def _conclusion(writer: Writer, phrases: Phrases, body: _Body) -> list[Statement]:
    """Repeat some of what is there in other words, or say that nothing is."""
    draw = writer.draw
    states = {} if body.correction else body.states
    said: list[Statement] = []
    for level, state in states.items():
        if state != "quiet" and draw.random() < 0.55:
            said.append(Statement(writer.at_levels(state, [level]), (state,)))
    levelled = {"quiet", "stenosis", "herniation", "cauda equina compression", "spondylolisthesis"}
    for statement in body.statements:
        for name in sorted(set(statement.findings) - levelled):
            finding = phrases.findings[name]
            if finding.place != "disc" and draw.random() < 0.4:
                text, _ = writer.said(finding, "present", draw.choice(list(states or ["L4-L5"])))
                body.truth.open |= {(other, None) for other in _also_meant(writer, name, text)}
                said.append(Statement(text, (name,)))
    if draw.random() < 0.3:
        draw.shuffle(said)
    return said or [Statement(draw.choice(writer.words["conclusions_only"]))]


def _laid_out(
    writer: Writer, phrases: Phrases, region: str, said: tuple[_Body, list[Statement]], *, brief: bool
) -> InventedReport:
    draw, (body, conclusion) = writer.draw, said
    sections: list[tuple[str, list[str]]] = []
    if draw.random() < (0.03 if brief else 0.25):
        sections.append(("technique", [writer.word("techniques")]))
    if draw.random() < (0.02 if brief else 0.15):
        sections.append(("comparison", [writer.word("comparisons")]))
    sections.append(("findings", [statement.text for statement in body.statements]))
    if draw.random() < (0.1 if brief else 0.72):
        ours = ("conclusion", [statement.text for statement in conclusion])
        sections.insert(len(sections) - (draw.random() < 0.05), ours)
    if body.correction:
        sections.insert(draw.choice([0, len(sections)]), ("addendum", [body.correction]))
    title = (
        draw.choice(writer.words["titles"][region])
        if draw.random() < (0.5 if region in {"lumbar", "whole"} else 0.95)
        else ""
    )
    layout = draw_layout(draw)
    state = draw.getstate()
    without = laid_out(title, sections, layout, draw, writer.words)
    history = _history(writer, phrases) if draw.random() < (0.15 if brief else 0.7) else []
    draw.setstate(state)
    text = laid_out(title, [("history", history), *sections], layout, draw, writer.words) if history else without
    evidence = {
        name: statement.text
        for statement in reversed(body.statements)
        for name in statement.findings
        if name != "quiet"
    }
    labels = _labels(phrases, region, body.truth, text)
    return InventedReport(text, without, labels, _states_known(writer, region, body.truth, labels, without), evidence)


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
                unclear = multilevel or name in truth.open_levels or (name, level) in truth.open
                if at_level or not unclear:
                    labels[name, level] = at_level
        elif finding.place == "disc" and name != "cauda equina compression":
            labels.update({(name, level): True for _, level in _at(name, truth)})
            if not there:
                labels.update({(name, level): False for level in _levels(region)})
    return labels


def _states_known(
    writer: Writer, region: str, truth: Truth, labels: Mapping[tuple[str, str | None], bool], text: str
) -> dict[tuple[str, str | None], State]:
    """Give the states that follow from what was drawn; a silent report has no stem of a condition in `text`."""
    small = text.lower()
    states: dict[tuple[str, str | None], State] = {}
    for name, stems in writer.words["also_means"].items():
        label = labels.get((name, None))
        if label:
            states[name, None] = State.PRESENT
        elif name in truth.hedged:
            states[name, None] = State.UNCERTAIN
        elif label is False and name in truth.denied:
            states[name, None] = State.ABSENT
        elif name in _ONCE and name not in truth.stated and not any(stem in small for stem in stems):
            states[name, None] = State.NOT_MENTIONED
    if region in {"cervical", "thoracic"}:
        states |= {("stenosis", level): State.NOT_IMAGED for level in LEVELS_OF["lumbar"]}
    return states


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
