"""The files of an adapter, looked at without loading one, and where it is used."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open

from config.report_settings import ReportSettings
from pipeline.reports.errors import UnusableAdapter

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
CARD = "model-card.json"
CALIBRATION = "calibration.json"
"""Thresholds for the adapter with its model, where it comes with any."""
EMBEDDED_ADAPTER = Path(__file__).parent / "weights" / "spinelabel-answers"
"""What the embedded model was trained to answer with, in the shared-prefix layout."""
_SET_BY_WRITER = {"base_model_name_or_path", "inference_mode", "peft_version", "revision"}


@dataclass(frozen=True)
class AdapterFiles:
    """An adapter's folder and its name, `folder@sha256:…`."""

    folder: Path
    name: str


@dataclass(frozen=True)
class AdapterUse:
    """An adapter, and which of two models, with it or without, writes the summary and which answers.

    Source: Park et al. 2024, Table 3.
    """

    folder: Path
    summary_model: Literal["base", "adapted"] = "adapted"
    answer_model: Literal["base", "adapted"] = "adapted"


def adapter_use(settings: ReportSettings) -> AdapterUse | None:
    """Say how settings use an adapter; None where they name none."""
    if settings.adapter is None:
        return None
    return AdapterUse(settings.adapter, settings.summary_model, settings.answer_model)


def check_adapter_folder(folder: Path) -> None:
    """Check that a folder holds a LoRA adapter in safetensors, as peft writes it.

    Raises:
        UnusableAdapter: a file is missing or cannot be read, or is of another kind of adapter.
    """
    try:
        kind = _read_json(folder / CONFIG).get("peft_type")
        with safe_open(folder / WEIGHTS, "numpy"):
            pass
    except (OSError, ValueError, SafetensorError) as error:
        raise UnusableAdapter(
            f"{folder} holds no whole adapter of {CONFIG} and {WEIGHTS}. Copy the adapter's whole folder, or name "
            "another in `reports.adapter`."
        ) from error
    if kind != "LORA":
        raise UnusableAdapter(f"{folder} holds an adapter of kind {kind}. Only LORA adapters can be merged.")


def adapter_files(folder: Path, model: str) -> AdapterFiles:
    """Name the adapter in a folder, and check that it belongs to a model where its card says to which.

    Args:
        folder: as peft writes it; one of ours has a card, `model-card.json`.
        model: the name of the model that it is to be laid over, `name@sha256:…`.

    Raises:
        UnusableAdapter: the folder holds no adapter, one of another model, or one that is not what its card says.
    """
    check_adapter_folder(folder)
    digest = adapter_digest(folder)
    if (folder / CARD).exists():
        try:
            card = _read_json(folder / CARD)
            told, base = card["sha256"], card["base_model"]
        except (ValueError, KeyError) as error:
            raise UnusableAdapter(f"{folder / CARD} is damaged. Copy the adapter's whole folder again.") from error
        if told != digest:
            raise UnusableAdapter(f"{folder} is not what its card says. Copy the adapter's whole folder again.")
        if digest_in(base) != digest_in(model):
            raise UnusableAdapter(
                f"The adapter in {folder} was trained on {base} and cannot be laid over {model}. Set `reports.model` "
                "to that model, or train an adapter for this one by `spinelabel train summaries`."
            )
    return AdapterFiles(folder, f"{folder.resolve().name}@sha256:{digest}")


def digest_in(name: str) -> str:
    """Give the digest in a model's or an adapter's name, `name@sha256:…`: folders may be renamed."""
    return name.rpartition("@")[2]


def adapter_digest(folder: Path) -> str:
    """Digest what decides an adapter's effect: its weights, and its settings but those of their writer."""
    settings = {
        # peft writes its sets in any order
        key: sorted(value) if isinstance(value, list) and all(isinstance(item, str) for item in value) else value
        for key, value in _read_json(folder / CONFIG).items()
        if key not in _SET_BY_WRITER
    }
    with (folder / WEIGHTS).open("rb") as file:
        weights = hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(f"{weights}\n{json.dumps(settings, sort_keys=True)}".encode()).hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no keys and values")  # noqa: TRY004  broken content, as any other
    return content
