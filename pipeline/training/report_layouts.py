"""How an invented report is laid out and typed: headings, separators, abbreviations, misspellings."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Sections = Sequence[tuple[str, Sequence[str]]]
"""Section names in their order, each with its sentences without full stops."""

_ABBREVIATIONS = (
    ("degenerative", "degen"), ("bilateral", "bilat"), ("moderate", "mod"), ("left ", "Lt "), ("right ", "Rt "),
    ("left ", "L "), ("right ", "R "), ("nerve root", "NR"), ("without", "w/o"), ("with ", "w/ "), ("there is ", ""),
    ("secondary to", "2/2"), ("consistent with", "c/w"), ("the ", ""), ("metastases", "mets"), ("vertebral", "vert"),
    ("compression", "comp"), (" and ", " & "), ("paracentral", "PC"), ("foraminal", "foram"), ("hypertrophy", "hyper."),
)  # fmt: skip
_AMERICAN = (
    ("aem", "em"), ("oedema", "edema"), ("tumour", "tumor"), ("calibre", "caliber"), ("disc ", "disk "),
    ("leukaem", "leukem"), ("visualised", "visualized"), ("anaesth", "anesth"), ("fibre", "fiber"),
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """One report's habits."""

    heading: str
    joint: str
    bullet: str
    between: str
    upper_headings: bool
    habits: frozenset[str]
    errors: float


def draw_layout(draw: random.Random) -> Layout:
    """Choose a report's habits."""
    joint = draw.choices([" ", "\n", " // ", "; "], [55, 33, 6, 6])[0]
    habits = {"american": 0.4, "short": 0.2, "capitals": 0.06, "small": 0.05, "numbered": 0.4}
    return Layout(
        heading=draw.choices(
            ["{h}: ", "{h}:\n", "{h}\n", "", "{h} - ", "**{h}** ", "{h}\n-----\n"], [46, 12, 7, 23, 6, 3, 3]
        )[0],
        joint=joint,
        bullet=draw.choice(["-", "- ", ".", "* "]) if joint == "\n" and draw.random() < 0.35 else "",
        between=draw.choice(["\n", "\n", "\n\n", " "]),
        upper_headings=draw.random() < 0.5,
        habits=frozenset(habit for habit, share in habits.items() if draw.random() < share),
        errors=draw.choice([0, 0, 0, 0.02, 0.05]),
    )


def laid_out(title: str, sections: Sections, layout: Layout, draw: random.Random, words: Mapping[str, Any]) -> str:
    """Write the report."""
    parts = [title] if title else []
    for name, sentences in sections:
        heading = draw.choice(words["headings"][name]) if name in words["headings"] else name.upper()
        heading = heading.upper() if layout.upper_headings else heading
        always = name == "addendum"
        opening = (layout.heading or "{h}: " if always else layout.heading).format(h=heading)
        parts.append(opening + _body(name, sentences, layout))
    return _typed(layout.between.join(parts), layout, draw)


def _body(name: str, sentences: Sequence[str], layout: Layout) -> str:
    ready = [sentence[:1].upper() + sentence[1:] for sentence in sentences if sentence]
    if name == "conclusion" and "numbered" in layout.habits and len(ready) > 1:
        return layout.joint.join(f"{number}. {sentence}." for number, sentence in enumerate(ready, 1))
    if layout.joint == " // ":
        return layout.joint.join(ready)
    if layout.joint == "; ":
        return layout.joint.join(ready) + "."
    return layout.joint.join(
        f"{layout.bullet}{sentence}{'' if sentence.endswith(('.', '?')) else '.'}" for sentence in ready
    )


def _typed(text: str, layout: Layout, draw: random.Random) -> str:
    if "american" in layout.habits:
        for british, american in _AMERICAN:
            text = text.replace(british, american)
    if "short" in layout.habits:
        for long, short in _ABBREVIATIONS:
            if draw.random() < 0.4:
                text = re.sub(rf"\b{long}|(?<=\W){long}", short, text)
    if layout.errors:
        text = " ".join(
            _misspelt(word, draw) if draw.random() < layout.errors * 2 else word for word in text.split(" ")
        )
    if "capitals" in layout.habits:
        return text.upper()
    return text.lower() if "small" in layout.habits else text


def _misspelt(word: str, draw: random.Random) -> str:
    """Swap, drop, double or replace one letter inside a word of five letters or more."""
    if len(word) < 5 or not word.isalpha():
        return word
    place = draw.randint(1, len(word) - 2)
    before, letter, after = word[:place], word[place], word[place + 1 :]
    kind = draw.random()
    if kind < 0.35:
        return before + after[0] + letter + after[1:]
    if kind < 0.65:
        return before + after
    return before + letter + letter + after if kind < 0.85 else before + draw.choice("aeiourstnl") + after
