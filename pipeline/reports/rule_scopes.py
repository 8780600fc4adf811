"""Whether a sentence states what one of its words names, denies it, or only tells that it was so once."""

import re
from collections.abc import Mapping, Sequence

Cues = Mapping[str, Sequence[str]]


class Scopes:
    """The reach of denying and of past-telling words over a sentence.

    A cue reaches forward (or backward, for cues that stand behind) until a word that ends its scope. Phrases that look
    like a denial but are none (`no change in`, `cannot be excluded`) are taken out first.

    Source: Chapman et al. 2001, NegEx; Harkema et al. 2009, ConText.
    """

    def __init__(self, cues: Cues) -> None:
        self._no_denial = one_of(cues["no_denial"])
        self._before = one_of([*cues["denying_before"], *cues["past_before"]])
        self._past = one_of(cues["past_before"])
        self._still_so = one_of(cues["still_so"])
        self._behind = one_of(cues["denying_behind"])
        self._ends_forward = one_of([*cues["ends_both"], *cues["ends_forward"]])
        self._ends_backward = one_of([*cues["ends_both"], *cues["ends_backward"]])
        self._except = one_of(cues["except"])
        self._told_of = one_of(cues["told_of"])
        self._complaint = one_of(cues["complaint"])

    def is_told_of(self, sentence: str) -> bool:
        """Tell whether all of a sentence is history, a request or advice, and states nothing."""
        return bool(self._told_of.match(sentence))

    def is_complaint(self, sentence: str) -> bool:
        """Tell whether a sentence at a report's beginning tells why the study was asked for."""
        return self.is_told_of(sentence) or bool(self._complaint.search(sentence))

    def deny(self, sentence: str, start: int, end: int) -> bool:
        """Tell whether the sentence denies, or puts into the past, what stands from `start` to `end`."""
        sentence = self._no_denial.sub(lambda match: "_" * len(match[0]), sentence)
        still_so = bool(self._still_so.search(sentence))
        for cue in self._before.finditer(sentence, 0, end):
            if cue.end() > start or self._ends_forward.search(sentence, cue.end(), start):
                continue
            if not (still_so and self._past.fullmatch(cue[0])):
                return True
        behind = self._behind.search(sentence, end)
        return bool(behind and not self._ends_backward.search(sentence, end, behind.start()))

    def exception_behind(self, sentence: str, end: int) -> int | None:
        """Give where an exception to what was denied begins: `no stenosis except at L4/5`."""
        match = self._except.search(sentence, end)
        return match.end() if match else None


def one_of(patterns: Sequence[str]) -> re.Pattern[str]:
    """Compile patterns into one that finds any of them."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns) or r"(?!)")
