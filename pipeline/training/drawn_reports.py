"""Invented lumbar reports whose truth is given: for the demo, for tests and for fitting demonstration parts."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

LUMBAR_LEVELS = ("L1-L2", "L2-L3", "L3-L4", "L4-L5", "L5-S1")

_LAYOUTS = (
    "MRI LUMBAR SPINE\n\nCLINICAL HISTORY:\n{history}.\n\nTECHNIQUE:\nSagittal T1 and T2.\n\nFINDINGS:\n{lines}\n\n"
    "IMPRESSION:\n{conclusion}.",
    "MR lumbar spine. Clinical information: {history}. Findings: {sentences} Conclusion: {conclusion}.",
    "LSS MRI :\n{dashes}\nNB : gallstones.",
    "EXAM: MRI LUMBAR SPINE\nHX: {history}.\nCOMP: none.\nFINDINGS: {sentences}\nIMP: 1) {conclusion}.",
    "Indication\n----------\n{history}.\n\nFindings\n--------\n{lines}\n\nOpinion\n-------\n{conclusion}.",
)
Kind = Literal["present", "absent"]
_HISTORIES = ("back pain", "leg pain for six weeks", "fell off a ladder", "numb foot", "stiff back in the morning")


@dataclass(frozen=True)
class DrawnReport:
    """An invented report and its truth: for each condition, and for each lumbar level where its phrases name one."""

    text: str
    labels: Mapping[tuple[str, str | None], bool]


def drawn_report(seed: int, conditions: Mapping[str, Sequence[str]]) -> DrawnReport:
    """Draw a report in which the given conditions are present and all others of the phrase file absent.

    A condition that another implies, such as the stenosis of a herniation, becomes present at the same levels. A
    condition that the phrase file does not know is stated by its name. The same arguments give the same report.

    Args:
        seed: chooses layout, order and wording.
        conditions: each present condition with its lumbar levels (`L4-L5`); without levels where it has none.

    Raises:
        ValueError: a level is no lumbar disc level, or a condition whose phrases name a level has none.
    """
    draw = random.Random(seed)  # noqa: S311  wording, not security
    present = _with_implied(conditions)
    statements, conclusion = [], []
    for condition in [*_phrases(), *(name for name in present if name not in _phrases())]:
        found = _statements(draw, condition, "present", present[condition]) if condition in present else []
        conclusion += found
        statements += found or _statements(draw, condition, "absent", LUMBAR_LEVELS)
        if found and _names_level(condition, "absent"):
            others = [level for level in LUMBAR_LEVELS if level not in present[condition]]
            statements += _statements(draw, condition, "absent", others)
    draw.shuffle(statements)
    sentences = [_sentence(statement) for statement in statements]
    text = draw.choice(_LAYOUTS).format(
        history=_capitalised(draw.choice(_HISTORIES)),
        lines="\n".join(sentences),
        sentences=" ".join(sentences),
        dashes="\n".join(f"-{sentence}" for sentence in sentences),
        conclusion=_capitalised("; ".join(conclusion) or "Normal examination of the lumbar spine"),
    )
    return DrawnReport(text, _labels(present))


@cache
def _phrases() -> dict[str, dict[str, Any]]:
    phrases: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return phrases


def _names_level(condition: str, kind: Kind) -> bool:
    return any("{" in phrase for phrase in _phrases().get(condition, {}).get(kind, ()))


def _with_implied(conditions: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    present: dict[str, set[str]] = {}
    for condition, levels in conditions.items():
        if unknown := [level for level in levels if level not in LUMBAR_LEVELS]:
            raise ValueError(f"{unknown[0]} is no lumbar disc level, such as L4-L5")
        if _names_level(condition, "present") and not levels:
            raise ValueError(f"{condition} is drawn at a level; give one")
        for name in (condition, *_phrases().get(condition, {}).get("implies", ())):
            present.setdefault(name, set()).update(levels)
    return {condition: tuple(sorted(levels)) for condition, levels in present.items()}


def _statements(draw: random.Random, condition: str, kind: Kind, levels: Sequence[str]) -> list[str]:
    """Draw a phrase of the condition for each level, or one where its phrases name none."""
    by_name = {"present": [f"{condition} is present"], "absent": [f"no {condition}"]}
    phrases = _phrases().get(condition, by_name)[kind]
    if not _names_level(condition, kind):
        return [draw.choice(phrases)]
    return [_at(draw.choice(phrases), level) for level in levels]


def _at(phrase: str, level: str) -> str:
    upper, lower = level.split("-")
    return phrase.format(level=level, upper=upper, lower=lower)


def _labels(present: Mapping[str, Sequence[str]]) -> dict[tuple[str, str | None], bool]:
    labels: dict[tuple[str, str | None], bool] = {}
    for condition in {**_phrases(), **present}:
        labels[condition, None] = condition in present
        if _names_level(condition, "present"):
            labels.update({(condition, level): level in present.get(condition, ()) for level in LUMBAR_LEVELS})
    return labels


def _sentence(statement: str) -> str:
    return _capitalised(statement) + "."


def _capitalised(statement: str) -> str:
    return statement[:1].upper() + statement[1:]
