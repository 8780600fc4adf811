"""The files of the embedded image models, read without loading a model."""

import hashlib
import json
from pathlib import Path

from pipeline.images.errors import UnusableModel

EMBEDDED_SETS = Path(__file__).with_name("weights")
EMBEDDED_WEIGHTS = EMBEDDED_SETS / "detector.safetensors"


def read_weights(weights: Path) -> tuple[bytes, str]:
    """Give the content of a file of weights and its sha256, checked against its card, the JSON file beside it.

    Raises:
        UnusableModel: a file is missing or cannot be read, or the digest is not the card's.
    """
    try:
        content = weights.read_bytes()
        card = json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnusableModel(f"{weights}: weights or card cannot be read. Install the package again.") from error
    digest = hashlib.sha256(content).hexdigest()
    if card.get("sha256") != digest:
        raise UnusableModel(f"{weights} is not the file its card describes. Install the package again.")
    return content, digest


def check_image_models(classifiers: str) -> None:
    """Check the files of the detector, and of a set of classifiers unless that is "none".

    Raises:
        UnusableModel: names the first file that is missing, or not what its card says.
    """
    read_weights(EMBEDDED_WEIGHTS)
    if classifiers != "none":
        read_weights(EMBEDDED_SETS / f"{classifiers}.npz")
