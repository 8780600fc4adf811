"""Words by which a report says that its vertebrae are numbered in an unusual way."""

import re
from functools import cache
from pathlib import Path

import yaml

from pipeline.reports.rule_reader import embedded_scopes
from pipeline.reports.rule_scopes import one_of

_SENTENCE_END = re.compile(r"(?<=[.;!?])\s+|\n+")


def unusual_numbering(text: str) -> str | None:
    """Give the words by which a report numbers its vertebrae in an unusual way; None where it does not.

    Such a report speaks of a transitional, missing or additional vertebra, or says that it counted from above: levels
    that are counted up from the sacrum may then have other names than the report gives them.
    """
    for sentence in _SENTENCE_END.split(text.lower()):
        for match in _unusual().finditer(sentence):
            if not embedded_scopes().deny(sentence, match.start(), match.end()):
                return match[0]
    return None


@cache
def _unusual() -> re.Pattern[str]:
    text = Path(__file__).with_name("numbering.yaml").read_text(encoding="utf-8")
    return one_of(yaml.safe_load(text)["unusual"])
