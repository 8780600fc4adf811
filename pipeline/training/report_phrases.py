"""The phrases that invented reports are made of, from the files in `findings/`.

A phrase holds alternatives in square brackets, which may nest and be empty, and slots in braces: `{level}` a disc
level, `{upper}` and `{lower}` its vertebrae, `{vertebra}`, `{side}`, `{grade}`, `{cause}`, `{root}`, `{mm}`, `{cm}`,
`{n}`. A statement that a finding is there, is not there (`absent`), is something else (`lookalike`), was there once
(`past`) or was asked for (`history`) stands apart from the others, since it decides the label. `clauses` are statements
that take their level from the sentence around them; `placed` ones name it. `implies` are findings that are then there
as well, `leaves_open` those whose truth is then unclear. The files in `hands/` say of the core conditions what other
authors would: one hand each, with passages of several sentences.
"""

import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import TypeAdapter

from pipeline.training.report_passages import Passage

FOLDER = Path(__file__).with_name("findings")
Part = Literal["training", "validation"]
_VALIDATION_ONE_IN = 7
_KINDS = ("present", "clauses", "placed", "absent", "lookalike", "past", "history")


@dataclass(frozen=True)
class FindingPhrases:
    """What reports say of one finding; the fields are explained at the head of this module."""

    name: str
    also: tuple[str, ...] = ()
    definitions: tuple[str, ...] = ()
    place: str = "spine"
    regions: tuple[str, ...] = ("lumbar", "thoracic", "cervical")
    present: tuple[str, ...] = ()
    clauses: tuple[str, ...] = ()
    placed: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    lookalike: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    implies: tuple[str, ...] = ()
    leaves_open: tuple[str, ...] = ()


@dataclass(frozen=True)
class Phrases:
    """The findings that reports may speak of, the words that belong to none, and passages that hold several."""

    findings: Mapping[str, FindingPhrases]
    words: Mapping[str, Any] = field(repr=False)
    passages: tuple[Passage, ...] = field(repr=False)
    held_out: bool = False

    @property
    def core(self) -> tuple[str, ...]:
        """The conditions that every report is asked about."""
        return tuple(finding.name for finding in _core())

    def with_others(self, names: Sequence[str]) -> "Phrases":
        """Keep the core conditions and the named findings."""
        kept = {name: finding for name, finding in self.findings.items() if name in {*self.core, *names}}
        return replace(self, findings=kept)


def load_phrases(part: Part, *, held_out: bool = False) -> Phrases:
    """Load the phrases of one part: validation says everything in wordings that training never uses.

    Args:
        part: which wordings.
        held_out: the findings that are never trained on, instead of the others beside the core conditions; all their
            wordings, since none is trained on.
    """
    files = ["held_out"] if held_out else sorted(path.stem for path in FOLDER.glob("trained_*.yaml"))
    others = [finding for file in files for finding in _load(file)]
    core = [_of_part(finding, part) for finding in _core()]
    if not held_out:
        others = [_of_part(finding, part) for finding in others]
    words = dict(_words())
    for key in ("quiet", "quiet_placed"):
        words[key] = [*words[key], *(phrase for hand in _hands() for phrase in getattr(hand, key))]
    for key in ("quiet", "quiet_placed", "wrappers", "contrasts", "rest", "partly"):
        words[key] = _share(words[key], part)
    passages = {passage.text: passage for hand in _hands() for passage in hand.passages}
    kept = tuple(passages[text] for text in _share(tuple(passages), part))
    return Phrases({finding.name: finding for finding in [*core, *others]}, words, kept, held_out)


def written_out(phrase: str, draw: random.Random, slots: Mapping[str, str], words: Mapping[str, Any]) -> str:
    """Choose alternatives and fill slots; a slot that is not given is drawn from the words."""
    text = phrase
    for _ in range(4):  # a slot may stand for a phrase with alternatives of its own
        text = _chosen(text, draw)
        text = re.sub(r"\{(\w+)\}", lambda match: _slot(match[1], draw, slots, words), text)
    text = re.sub(r"\s+([,.;])", r"\1", re.sub(r" {2,}", " ", _chosen(text, draw)))
    return text.strip(" ,")


def _chosen(text: str, draw: random.Random) -> str:
    while (match := re.search(r"\[([^\[\]]*)\]", text)) is not None:
        text = text[: match.start()] + draw.choice(match[1].split("|")) + text[match.end() :]
    return text


def _slot(name: str, draw: random.Random, slots: Mapping[str, str], words: Mapping[str, Any]) -> str:
    if name in slots:
        return slots[name]
    if name in {"grade", "cause"}:
        chosen: str = draw.choice(words[name])
        return chosen
    ranges = {"mm": (2, 14), "n": (1, 2)}
    if name in ranges:
        return str(draw.randint(*ranges[name]))
    if name == "cm":
        return f"{draw.randint(8, 45) / 10}"
    if name == "side":
        return draw.choice(["left", "right"])
    raise KeyError(name)


@dataclass(frozen=True)
class _Hand:
    """What one author says of the core conditions."""

    phrases: tuple[FindingPhrases, ...]
    quiet: tuple[str, ...]
    quiet_placed: tuple[str, ...]
    passages: tuple[Passage, ...]


@cache
def _hands() -> tuple[_Hand, ...]:
    files = sorted((FOLDER / "hands").glob("*.yaml"))
    return tuple(TypeAdapter(_Hand).validate_python(yaml.safe_load(file.read_text(encoding="utf-8"))) for file in files)


@cache
def _core() -> tuple[FindingPhrases, ...]:
    """Give the core conditions with every hand's phrases."""
    merged = []
    for finding in _load("core"):
        own = [finding, *(said for hand in _hands() for said in hand.phrases if said.name == finding.name)]
        phrases: dict[str, Any] = {kind: tuple(text for said in own for text in getattr(said, kind)) for kind in _KINDS}
        merged.append(replace(finding, **phrases))
    return tuple(merged)


@cache
def _load(file: str) -> tuple[FindingPhrases, ...]:
    entries = yaml.safe_load((FOLDER / f"{file}.yaml").read_text(encoding="utf-8"))
    return tuple(TypeAdapter(tuple[FindingPhrases, ...]).validate_python(entries))


@cache
def _words() -> dict[str, Any]:
    words: dict[str, Any] = yaml.safe_load((FOLDER / "words.yaml").read_text(encoding="utf-8"))
    return words


def _of_part(finding: FindingPhrases, part: Part) -> FindingPhrases:
    shares: dict[str, Any] = {kind: _share(getattr(finding, kind), part) for kind in _KINDS}
    return replace(finding, **shares)


def _share(phrases: Sequence[str], part: Part) -> tuple[str, ...]:
    """Give the part's own phrases; of few, validation has the last."""
    validation = [text for text in phrases if _digest(text) % _VALIDATION_ONE_IN == 0] or list(phrases[-1:])
    return tuple(text for text in phrases if (text in validation) == (part == "validation"))


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
