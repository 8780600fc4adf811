"""Batches of invented reports with their questions, for training on answers.

The reports of a batch are asked about the same findings, so that each definition is read once for all of them.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from pipeline.training.report_grammar import InventedReport, draw_report
from pipeline.training.report_phrases import Phrases

OTHERS = 3
"""Findings beside the core conditions that the reports of a batch may speak of and are asked about."""
BATCHES_PER_DRAW = 4
_LONGEST = 2000  # characters
_MOST_DRAWS = 100_000
_SEEDS_PER_DRAW = 1_000
_ASKED_LEVELS = ("L3-L4", "L4-L5", "L5-S1")


class Question(NamedTuple):
    """A question in words, the definition that it refers to, and its answer."""

    condition: str
    level: str | None
    definition: int
    answer: bool


class Example(NamedTuple):
    """A report as the model sees it, and its questions."""

    text: str
    questions: tuple[Question, ...]


class ExampleBatch(NamedTuple):
    """Examples and the definitions that their questions refer to."""

    definitions: tuple[str, ...]
    examples: tuple[Example, ...]


def example_batches(seed: int, phrases: Phrases, size: int, *, first: int = 0) -> Iterator[ExampleBatch]:
    """Give batches without end, the same for the same seed; `first` of them are passed over.

    Reports of similar length share a batch.
    """
    for drawn in range(first // BATCHES_PER_DRAW, _MOST_DRAWS):
        draw = random.Random(f"{seed}/{drawn}")  # noqa: S311  wording, not security
        names = [name for name in phrases.findings if name not in phrases.core]
        chosen = phrases.with_others(draw.sample(names, OTHERS))
        reports = islice(_reports(seed * _MOST_DRAWS + drawn, chosen), size * BATCHES_PER_DRAW)
        by_length = sorted(reports, key=lambda report: len(report.text))
        groups = [by_length[start : start + size] for start in range(0, len(by_length), size)]
        draw.shuffle(groups)
        for place, group in enumerate(groups):
            if drawn * BATCHES_PER_DRAW + place >= first:
                of_batch = random.Random(f"{seed}/{drawn}/{place}")  # noqa: S311  wording, not security
                yield _batch(of_batch, chosen, group)


def _reports(number: int, phrases: Phrases) -> Iterator[InventedReport]:
    """Draw reports whose length is worth its time in training."""
    for seed in range(number * _SEEDS_PER_DRAW, (number + 1) * _SEEDS_PER_DRAW):
        report = draw_report(seed, phrases)
        if len(report.text) <= _LONGEST:
            yield report


def _batch(draw: random.Random, phrases: Phrases, reports: Sequence[InventedReport]) -> ExampleBatch:
    names = list(phrases.findings)
    definitions = tuple(_definition(draw, phrases, name) for name in names)
    examples = tuple(
        Example(
            report.without_history if draw.random() < 0.35 else report.text,
            _questions(draw, phrases, names, report),
        )
        for report in reports
    )
    return ExampleBatch(definitions, examples)


def _questions(
    draw: random.Random, phrases: Phrases, names: Sequence[str], report: InventedReport
) -> tuple[Question, ...]:
    asked = [(name, None) for name in names if (name, None) in report.labels]
    chosen: list[tuple[str, str | None]] = list(asked)
    chosen += [("stenosis", level) for level in _ASKED_LEVELS if draw.random() < 0.9]
    for name in names:
        levels = [level for finding, level in report.labels if finding == name and level is not None]
        here = [level for level in levels if report.labels[name, level]]
        if name == "stenosis":
            chosen += [(name, level) for level in draw.sample(levels, min(1, len(levels)))]
        elif here:
            chosen.append((name, draw.choice(here)))
            chosen += [(name, level) for level in draw.sample(levels, 1)]
        elif levels and draw.random() < 0.2:
            chosen.append((name, draw.choice(levels)))
    wanted = [question for question in dict.fromkeys(chosen) if question in report.labels]
    draw.shuffle(wanted)
    return tuple(
        Question(_name(draw, phrases, name), level, names.index(name), report.labels[name, level])
        for name, level in wanted
    )


def _definition(draw: random.Random, phrases: Phrases, name: str) -> str:
    """Choose a wording; of the core conditions most often the one that they are asked with."""
    wordings = phrases.findings[name].definitions
    return wordings[0] if name in phrases.core and draw.random() < 0.4 else draw.choice(wordings)


def _name(draw: random.Random, phrases: Phrases, name: str) -> str:
    also = phrases.findings[name].also
    return draw.choice(also) if also and draw.random() < (0.3 if name in phrases.core else 0.35) else name
