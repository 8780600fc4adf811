"""The files of the image models, read without loading a model."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.image_settings import ImageSettings
from pipeline.images.errors import UnusableModel

EMBEDDED_SETS = Path(__file__).with_name("weights")
EMBEDDED_WEIGHTS = EMBEDDED_SETS / "detector.safetensors"
SITE_SETS = "classifiers"
"""The folder, under the installation's own, of the sets that a site has trained."""


@dataclass(frozen=True)
class ModelFile:
    """A file of weights, its sha256, and its card, the JSON file beside it."""

    content: bytes
    sha256: str
    card: Mapping[str, Any]


def read_model(weights: Path) -> ModelFile:
    """Read a file of weights and check it against its card.

    Raises:
        UnusableModel: a file is missing or cannot be read, or the digest is not the card's.
    """
    try:
        content = weights.read_bytes()
        card = json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnusableModel(
            f"{weights}: weights or card cannot be read. Install the package again, or train the set again."
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    if not isinstance(card, dict) or card.get("sha256") != digest:
        raise UnusableModel(
            f"{weights} is not the file its card describes. Install the package again, or train the set again."
        )
    return ModelFile(content, digest, card)


def classifier_file(classifiers: str, data: Path) -> Path:
    """Give the arrays of the set that `images.classifiers` names, other than "none"; its card lies beside them.

    Args:
        classifiers: "demonstration", the name of a set under `data/classifiers`, or a folder that holds one set.
        data: the folder of the installation.

    Raises:
        UnusableModel: a folder holds no set, or several.
    """
    if classifiers == "demonstration":
        return EMBEDDED_SETS / "demonstration.npz"
    if Path(classifiers).name == classifiers:
        return data / SITE_SETS / f"{classifiers}.npz"
    found = sorted(Path(classifiers).glob("*.npz"))
    if len(found) != 1:
        raise UnusableModel(
            f"{classifiers} holds {len(found)} sets of classifiers, and one is wanted. Move the set to "
            f"{data / SITE_SETS} and set `images.classifiers` to its name."
        )
    return found[0]


def check_image_models(settings: ImageSettings, data: Path) -> None:
    """Check that the files of detector, encoder and classifiers are there; the latter two only where they are set.

    Raises:
        UnusableModel: names the first file that is missing, or not what its card says.
    """
    read_model(EMBEDDED_WEIGHTS)
    if settings.classifiers == "none":
        return
    if settings.encoder is not None and not os.access(settings.encoder.weights, os.R_OK):
        raise UnusableModel(f"{settings.encoder.weights} cannot be read. Set `images.encoder.weights` to another file.")
    read_model(classifier_file(settings.classifiers, data))
