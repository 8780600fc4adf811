"""Encoded discs to findings, or to an abstention with its reason."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.images.classifiers import ClassifierSet, ImageClassifier, bag_of, probability_of
from pipeline.images.disc_features import EncodedDisc
from pipeline.images.judgements import Judgement, Question, image_finding
from pipeline.values import Disc, Finding, Provenance, State


@dataclass(frozen=True)
class DiscEvidence:
    """What findings rest on: discs from head to foot, encoded, and the same as they lie on the images.

    `scan` says which scan they are of where it is not the study's chosen one, as in " of the series T2 spine".
    """

    encoded: tuple[EncodedDisc, ...]
    placed: tuple[Disc, ...]
    levels_known: bool
    levels_reason: str
    scan: str = ""


def classify_discs(
    classifiers: ClassifierSet, evidence: DiscEvidence, conditions: Collection[str], provenance: Provenance
) -> tuple[Finding, ...]:
    """Give one finding per classifier, or per level of one that judges each disc, for the conditions asked."""
    findings = []
    for classifier, level in _questions(classifiers, conditions):
        judgement = _judge_level(classifier, level, evidence) if level else _judge_patient(classifier, evidence)
        findings.append(_finding(classifiers, (classifier, level), judgement, provenance))
    return tuple(findings)


def abstain_from_all(
    classifiers: ClassifierSet, conditions: Collection[str], reason: str, provenance: Provenance
) -> tuple[Finding, ...]:
    """Give the findings of a study without a usable series: not imaged, with the reason."""
    judgement = Judgement(State.NOT_IMAGED, reason)
    return tuple(
        _finding(classifiers, question, judgement, provenance) for question in _questions(classifiers, conditions)
    )


def _questions(classifiers: ClassifierSet, conditions: Collection[str]) -> Iterator[tuple[ImageClassifier, str | None]]:
    for classifier in classifiers.classifiers:
        if classifier.condition in conditions:
            for level in classifier.levels if classifier.per_disc else (None,):
                yield classifier, level


def _judge_level(classifier: ImageClassifier, level: str, evidence: DiscEvidence) -> Judgement:
    if not evidence.levels_known:
        return Judgement(State.UNCERTAIN, evidence.levels_reason)
    for encoded, placed in zip(evidence.encoded, evidence.placed, strict=True):
        if encoded.disc.level == level:
            if encoded.features is None:
                return Judgement(State.UNCERTAIN, encoded.fault, placed)
            log_odds = classifier.log_odds(encoded.features[None].astype(np.float64))
            return Judgement(log_odds, "", placed)
    return Judgement(State.NOT_IMAGED, f"{level} is not in the chosen series")


def _judge_patient(classifier: ImageClassifier, evidence: DiscEvidence) -> Judgement:
    """Judge the mean of a bag; where levels are unknown, of all discs, which is said."""
    levels = [encoded.disc.level for encoded in evidence.encoded]
    bag = [evidence.encoded[i] for i in bag_of(levels, classifier.levels, known=evidence.levels_known)]
    features = [encoded.features for encoded in bag if encoded.features is not None]
    if not features:
        wanted = f"{classifier.levels[0]} to {classifier.levels[-1]}"
        reason = f"no disc of {wanted} could be read" if evidence.encoded else f"no discs{evidence.scan} were found"
        return Judgement(State.UNCERTAIN, reason)
    reason = f"read from {len(features)} discs{evidence.scan}"
    if not evidence.levels_known:
        reason = f"{evidence.levels_reason}, so all {len(features)} discs found{evidence.scan} were read"
    return Judgement(classifier.log_odds(np.array(features, np.float64)), reason)


def _finding(
    classifiers: ClassifierSet,
    question: tuple[ImageClassifier, str | None],
    judgement: Judgement,
    provenance: Provenance,
) -> Finding:
    classifier, level = question
    asked = Question(classifier.condition, level, classifier.threshold, classifiers.standing)
    probability = None if judgement.log_odds is None else probability_of(judgement.log_odds)
    return image_finding(asked, judgement, probability, provenance)
