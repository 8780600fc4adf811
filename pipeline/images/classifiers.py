"""Linear classifiers over disc features, and the files they are kept in."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from config.conditions import DISC_LEVELS
from pipeline.images.errors import UnusableModel
from pipeline.images.model_files import read_model
from pipeline.values import Standing

Floats = npt.NDArray[np.float64]

LUMBAR_LEVELS = DISC_LEVELS[DISC_LEVELS.index("T12-L1") :]
"""What a lumbar series can be relied on to show."""

_ARRAYS = ("mean", "scale", "coefficients")


@dataclass(frozen=True)
class ImageClassifier:
    """A linear support vector machine for one condition, over standardised features.

    With `per_disc` each disc of `levels` has a score of its own. Otherwise the patient has one, of the mean of the
    discs of `levels`: with a linear kernel, that is the normalised set kernel (Gärtner et al. 2002, section 4). The log
    odds are `slope` times the score plus `offset`; `threshold` is a probability.
    """

    condition: str
    per_disc: bool
    levels: tuple[str, ...]
    mean: Floats
    scale: Floats
    coefficients: Floats
    intercept: float
    slope: float
    offset: float
    threshold: float

    def log_odds(self, features: Floats) -> float:
        """Give the log odds of discs (discs, features), taken together as one bag."""
        standardised = (features.mean(axis=0) - self.mean) / self.scale
        return self.slope * (float(standardised @ self.coefficients) + self.intercept) + self.offset


@dataclass(frozen=True)
class ClassifierSet:
    """Classifiers fitted together. `encoder` is the name and digest of the one encoder they belong to."""

    name: str
    standing: Standing
    encoder: str
    classifiers: tuple[ImageClassifier, ...]


def needs_whole_spine(levels: Sequence[str]) -> bool:
    """Tell whether discs of these levels reach beyond what a lumbar series shows."""
    return not set(levels) <= set(LUMBAR_LEVELS)


def probability_of(log_odds: float) -> float:
    """Turn log odds into a probability, to the 4 decimals in which it is stored and compared."""
    return round(float(1 / (1 + np.exp(-np.clip(log_odds, -60, 60)))), 4)


def save_classifiers(classifiers: ClassifierSet, folder: Path, card: dict[str, Any]) -> None:
    """Write a set as arrays (NPZ, no pickle) and its card (JSON), which `card` adds data, command and figures to.

    Both are written aside first; a stop between the two renamings leaves a set that is refused, never a wrong one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {
        f"{i}/{name}": np.asarray(getattr(item, name), np.float32)
        for i, item in enumerate(classifiers.classifiers)
        for name in _ARRAYS
    }
    path = folder / f"{classifiers.name}.npz"
    aside = path.with_name(f"{path.name}.part")
    with aside.open("wb") as file:
        np.savez(file, **arrays)
    entries = [
        {
            "condition": item.condition,
            "per_disc": item.per_disc,
            "levels": list(item.levels),
            "intercept": item.intercept,
            "slope": item.slope,
            "offset": item.offset,
            "threshold": item.threshold,
        }
        for item in classifiers.classifiers
    ]
    content = {
        "name": classifiers.name,
        "standing": classifiers.standing.value,
        "encoder": classifiers.encoder,
        "sha256": hashlib.sha256(aside.read_bytes()).hexdigest(),
        "classifiers": entries,
        **card,
    }
    card_aside = path.with_name(f"{path.stem}.json.part")
    card_aside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    aside.replace(path)
    card_aside.replace(path.with_suffix(".json"))


def load_classifiers(path: Path, encoder: str) -> tuple[ClassifierSet, str]:
    """Load a set and check it against its card.

    Args:
        path: the set's arrays; its card lies beside them.
        encoder: name and digest of the encoder in use.

    Returns:
        The set and the sha256 of its arrays.

    Raises:
        UnusableModel: the set is missing or damaged, or belongs to another encoder.
    """
    model = read_model(path)
    card = model.card
    try:
        with np.load(BytesIO(model.content), allow_pickle=False) as arrays:
            items = tuple(_read(entry, i, arrays) for i, entry in enumerate(card["classifiers"]))
        stored = ClassifierSet(card["name"], Standing(card["standing"]), card["encoder"], items)
    except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise UnusableModel(f"{path}: arrays or card cannot be read. Install or train it again.") from error
    if stored.encoder != encoder:
        raise UnusableModel(f"{path} belongs to the encoder {stored.encoder}. Use that one, or train it again.")
    return stored, model.sha256


def _read(entry: dict[str, Any], index: int, arrays: Any) -> ImageClassifier:
    mean, scale, coefficients = (np.asarray(arrays[f"{index}/{name}"], np.float64) for name in _ARRAYS)
    if not mean.shape == scale.shape == coefficients.shape or not set(entry["levels"]) <= set(DISC_LEVELS):
        raise ValueError(f"classifier {index} is inconsistent")
    numbers = {key: float(entry[key]) for key in ("intercept", "slope", "offset", "threshold")}
    return ImageClassifier(
        condition=str(entry["condition"]),
        per_disc=bool(entry["per_disc"]),
        levels=tuple(entry["levels"]),
        mean=mean,
        scale=scale,
        coefficients=coefficients,
        **numbers,
    )


def bag_of(levels: Sequence[str | None], wanted: Sequence[str], *, known: bool) -> list[int]:
    """Give the indices of the discs of a bag: those of the wanted levels, or all where levels are unknown."""
    return [i for i, level in enumerate(levels) if not known or level in wanted]
