"""Reports to examples that teach a language model to write their summaries."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from config.conditions import Condition
from pipeline.reports.engines.protocol import Message
from pipeline.reports.prompts import Prompt
from pipeline.reports.sections import cut_section, without_sections
from pipeline.training.errors import TooFewSummaries

SUMMARIES = ("conclusion", "findings")
"""Sections that serve as the summary, the best first: conclusion, impression, summary and the like, else findings."""
SHORTEST, LONGEST = 100, 5_000
HELD_OUT = 10


@dataclass(frozen=True)
class SummaryExample:
    """A chat that asks for the summary of a report whose summary is cut out, and that summary."""

    chat: tuple[Message, ...]
    summary: str


@dataclass(frozen=True)
class SummaryExamples:
    """Examples to train on, and one in ten held out to measure on.

    `counts` says how many reports there were and why some are no example; `sha256` is the digest of the examples.
    """

    fitted: tuple[SummaryExample, ...]
    held_out: tuple[SummaryExample, ...]
    counts: dict[str, int]
    sha256: str


def find_examples(texts: Iterable[str], conditions: Sequence[Condition], prompt: Prompt) -> SummaryExamples:
    """Make an example of each report that has 100 to 5,000 characters, a summary section, and text beside it.

    The model reads the report as it does when it labels, without the summary, and is asked with one of the conditions
    in turn, drawn by the report's digest. Reports that differ in case and spaces only count once, so that none is both
    trained on and measured on; which ones are held out depends on the texts alone.

    Raises:
        TooFewSummaries: fewer than two reports are examples.

    Source: Park et al. 2024, section 2.2.
    """
    counts = Counter(dict.fromkeys(("reports", "wrong_length", "without_summary", "repeated"), 0))
    examples: dict[str, SummaryExample] = {}
    for text in texts:
        counts["reports"] += 1
        digest = hashlib.sha256(" ".join(text.lower().split()).encode()).hexdigest()
        if not SHORTEST <= len(text) <= LONGEST:
            counts["wrong_length"] += 1
        elif digest in examples:
            counts["repeated"] += 1
        elif example := _example(text, conditions[int(digest[:8], 16) % len(conditions)], prompt):
            examples[digest] = example
        else:
            counts["without_summary"] += 1
    if len(examples) < 2:
        raise TooFewSummaries(len(examples))
    held_out = max(1, len(examples) // HELD_OUT)
    ordered = [examples[digest] for digest in sorted(examples)]
    content = "\n".join(repr(example) for example in ordered)
    return SummaryExamples(
        tuple(ordered[held_out:]),
        tuple(ordered[:held_out]),
        dict(counts),
        hashlib.sha256(content.encode()).hexdigest(),
    )


def _example(text: str, condition: Condition, prompt: Prompt) -> SummaryExample | None:
    cut = cut_section(text, SUMMARIES)
    if cut is None:
        return None
    summary, rest = cut
    given = without_sections(rest, condition.leave_out)
    return SummaryExample(prompt.summary_chat(condition, given), summary) if given else None
