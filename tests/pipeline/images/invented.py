"""A set of classifiers over four features, and encoded discs, made by hand."""

import numpy as np

from config.conditions import DISC_LEVELS
from pipeline.images.classifiers import ClassifierSet, ImageClassifier
from pipeline.images.detectors.protocol import LocatedDisc
from pipeline.images.disc_features import EncodedDisc
from pipeline.images.findings import DiscEvidence
from pipeline.values import Disc, Provenance, Standing

ENCODER = "Invented@sha256:0"
PROVENANCE = Provenance("m", "a", None, None, "c", "0", "test")


def classifier(condition: str, levels: tuple[str, ...], *, per_disc: bool) -> ImageClassifier:
    """One whose log odds are the first feature."""
    first = np.array([1.0, 0, 0, 0])
    return ImageClassifier(condition, per_disc, levels, np.zeros(4), np.ones(4), first, 0.0, 1.0, 0.0, 0.6)


CLASSIFIERS = ClassifierSet(
    "invented",
    Standing.DEMONSTRATION,
    ENCODER,
    (
        classifier("rust", DISC_LEVELS[-3:], per_disc=True),
        classifier("woodworm", DISC_LEVELS[5:], per_disc=False),
    ),
)


def evidence(scores: dict[str, float | None], *, known: bool = True) -> DiscEvidence:
    """Discs whose first feature is the score; None is a disc that could not be encoded."""
    encoded: list[EncodedDisc] = []
    placed: list[Disc] = []
    for level, score in scores.items():
        name = level if known else None
        located = LocatedDisc(name, (5.0, 10.0, 10.0), 0.0, 30.0, 0.9)
        features = None if score is None else np.array([score, 0, 0, 0], np.float32)
        encoded.append(EncodedDisc(located, features, "" if features is not None else "too dark"))
        placed.append(Disc(name, f"2.25.{len(placed)}", 1.0, 1.0, (0.0, 0.0, 0.0), 0.0, 0.9, ((0.0, 0.0),)))
    reason = "counted up from the sacrum" if known else "levels unknown: the sacrum is not in view"
    return DiscEvidence(tuple(encoded), tuple(placed), known, reason)
