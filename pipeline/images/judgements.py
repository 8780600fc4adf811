"""What was judged of a condition on images, as a finding: by a classifier, or by a detector's own grades."""

from dataclasses import dataclass

from pipeline.values import Disc, Finding, Provenance, Source, Standing, State


@dataclass(frozen=True)
class Judgement:
    """Log odds, or the state of an abstention; `reason` limits or explains it; `disc` is where a level was read."""

    judged: float | State
    reason: str
    disc: Disc | None = None

    @property
    def log_odds(self) -> float | None:
        """The log odds, None where there is an abstention."""
        return None if isinstance(self.judged, State) else self.judged


@dataclass(frozen=True)
class Question:
    """What was asked, of a level or of the patient, and from which probability on the answer is yes."""

    condition: str
    level: str | None
    threshold: float
    standing: Standing


def image_finding(
    question: Question, judgement: Judgement, probability: float | None, provenance: Provenance
) -> Finding:
    """Give the finding; `probability` is that of the log odds, None where there is an abstention."""
    answer = None if probability is None else probability >= question.threshold
    state = judgement.judged if isinstance(judgement.judged, State) else State.PRESENT if answer else State.ABSENT
    return Finding(
        condition=question.condition,
        level=question.level,
        source=Source.IMAGE,
        state=state,
        answer=answer,
        probability=probability,
        log_odds=judgement.log_odds,
        logits=None,
        threshold=None if answer is None else question.threshold,
        standing=question.standing,
        reason=judgement.reason,
        evidence=None,
        disc=judgement.disc,
        provenance=provenance,
    )
