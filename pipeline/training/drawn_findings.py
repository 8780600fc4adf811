"""What an invented report is to say: which findings stand at which levels, and the sentences that say so."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pipeline.training.report_levels import LevelStyle, draw_style, level_name, levels_name, slots_of
from pipeline.training.report_phrases import FindingPhrases, Phrases, written_out

Kind = Literal["present", "absent", "lookalike", "past", "hedged"]


@dataclass
class Statement:
    """A sentence, what it is about and where it belongs; `conclusion` may be repeated there in other words."""

    text: str
    findings: tuple[str, ...] = ()
    order: float = 50


@dataclass
class Truth:
    """The truth of a report while it is drawn: finding to levels, None being the report as a whole.

    `open` is unclear, `open_levels` are findings of which each level that does not show them is. `hedged` and `denied`
    are findings that a sentence leaves open or says are not there.
    """

    present: set[tuple[str, str | None]] = field(default_factory=set)
    open: set[tuple[str, str | None]] = field(default_factory=set)
    open_levels: set[str] = field(default_factory=set)
    stated: set[str] = field(default_factory=set)
    hedged: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)


class Writer:
    """Writes sentences in one report's habits."""

    def __init__(self, draw: random.Random, phrases: Phrases) -> None:
        self.draw = draw
        self._phrases = phrases
        self.words = phrases.words
        self._style: LevelStyle = draw_style(draw)

    def written(self, phrase: str, level: str, levels: str | None = None) -> str:
        """Write a phrase at a level; `levels` is what stands for the level where it covers several."""
        slots = slots_of(level, levels or self.level(level))
        return written_out(phrase, self.draw, slots, self.words)

    def level(self, level: str) -> str:
        """Write one level."""
        return level_name(level, self._style, self.draw)

    def levels(self, levels: Sequence[str]) -> str:
        """Write several levels in one phrase."""
        return levels_name(levels, self._style, self.draw)

    def clause(self, kind: str, level: str) -> str:
        """Write what is said of a level, without its name: `quiet`, or the name of a finding."""
        clauses = self.words["quiet"] if kind == "quiet" else self._phrases.findings[kind].clauses
        return self.written(self.draw.choice(clauses), level)

    def at_levels(self, kind: str, levels: Sequence[str]) -> str:
        """Write a sentence that gives one clause to one or several levels."""
        placed = self.words["quiet_placed"] if kind == "quiet" else self._phrases.findings[kind].placed
        if len(levels) == 1 and self.draw.random() < 0.3:
            return self.written(self.draw.choice(placed), levels[0])
        where = self.levels(levels)
        clause = self.clause(kind, levels[0])
        if kind != "quiet" and self.draw.random() < 0.18:
            clause += self.draw.choice([" and ", ", ", " with "]) + self.word("minor")
        wrapper = self.draw.choice(self.words["wrappers"])
        return written_out(wrapper, self.draw, {"level": where, "clause": clause}, self.words)

    def contrast(self, bad: tuple[str, str], good: str) -> str:
        """Write one sentence that sets an affected level (kind, level) against a quiet one."""
        slots = {
            "bad": self.clause(*bad),
            "good": self.clause("quiet", good),
            "level": self.level(bad[1]),
            "other": self.level(good),
        }
        return written_out(self.draw.choice(self.words["contrasts"]), self.draw, slots, self.words)

    def said(self, finding: FindingPhrases, kind: Kind, level: str) -> tuple[str, bool]:
        """Write a statement on a finding, and tell whether it names the level; a hedged one leaves it open."""
        if kind == "hedged":
            clause = self.written(self.draw.choice(finding.present or finding.clauses), level)
            return written_out(self.draw.choice(self.words["hedges"]), self.draw, {"clause": clause}, self.words), False
        phrase = self.draw.choice(getattr(finding, kind) or finding.absent)
        return self.written(phrase, level), "{level}" in phrase or "{upper}" in phrase

    def word(self, key: str, level: str = "L4-L5") -> str:
        """Write one of the sentences that belong to no finding."""
        return self.written(self.draw.choice(self.words[key]), level)


def level_sentences(writer: Writer, states: Mapping[str, str]) -> list[Statement]:
    """Write the levels of a report: one by one, merged, or against each other; quiet ones may go unsaid."""
    draw = writer.draw
    levels = list(states)
    bad = [level for level in levels if states[level] != "quiet"]
    quiet = [level for level in levels if states[level] == "quiet"]
    mode = draw.choices(["table", "some", "merged", "contrast"], [30, 30, 25, 15])[0]
    if mode == "table":
        return _table(writer, states, whole=draw.random() < 0.6)
    said: list[tuple[str, list[str]]] = []
    contrasts: list[Statement] = []
    if mode == "contrast" and bad and quiet:
        first, other = draw.choice(bad), draw.choice(quiet)
        text = writer.contrast((states[first], first), other)
        contrasts.append(Statement(text, (states[first],), levels.index(first)))
        bad = [level for level in bad if level != first]
        quiet = [level for level in quiet if level != other]
    if mode == "merged":
        if narrowed := [level for level in bad if states[level] == "stenosis"]:
            said.append(("stenosis", narrowed))
        said += [("herniation", [level]) for level in bad if states[level] == "herniation"]
        if quiet and draw.random() < 0.6:
            said.append(("quiet", sorted(draw.sample(quiet, draw.randint(1, len(quiet))), key=levels.index)))
    else:
        said += [(states[level], [level]) for level in bad]
        said += [("quiet", [level]) for level in quiet if draw.random() < 0.35]
    written = [Statement(writer.at_levels(kind, where), (kind,), levels.index(where[0])) for kind, where in said]
    written += contrasts
    if len(said) < len(levels) and bad and draw.random() < 0.4:
        written.append(Statement(writer.word("rest"), (), 40))
    if draw.random() < 0.2:
        draw.shuffle(written)
        return written
    return sorted(written, key=lambda statement: statement.order)


def _table(writer: Writer, states: Mapping[str, str], *, whole: bool) -> list[Statement]:
    draw = writer.draw
    separator = draw.choice([": ", ": ", " - ", " : ", " ", " = ", ":\n", " | "])
    rows: list[tuple[str, list[str]]] = []
    for level, state in states.items():
        if state == "quiet" and rows and rows[-1][0] == "quiet" and draw.random() < 0.35:
            rows[-1][1].append(level)
        elif state != "quiet" or whole or draw.random() < 0.3:
            rows.append((state, [level]))
    if draw.random() < 0.12:
        rows.reverse()
    written = []
    for place, (state, levels) in enumerate(rows):
        clause = writer.clause(state, levels[0])
        if state != "quiet" and draw.random() < 0.25:
            clause = writer.word("minor") + draw.choice([", ", "; ", ". "]) + clause
        text = f"{writer.levels(levels)}{separator}{clause[:1].upper()}{clause[1:]}"
        written.append(Statement(text, (state,), place))
    return written
