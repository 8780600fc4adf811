"""What a folder with a language model must hold, told without loading it."""

import json
from pathlib import Path

from pipeline.reports.errors import UnusableModel

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
_SHARDS = "model.safetensors.index.json"


def check_model_folder(folder: Path) -> None:
    """Check that a folder in Hugging Face layout has every file that a model is loaded from.

    Raises:
        UnusableModel: names the first file that is not there.
    """
    if not folder.is_dir():
        raise UnusableModel(f"{folder} is no folder. Set `reports.model` to a model's folder, or to `embedded`.")
    if missing := _missing(folder):
        raise UnusableModel(f"{folder} lacks {missing}. Copy the model's whole folder, or name another.")


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
