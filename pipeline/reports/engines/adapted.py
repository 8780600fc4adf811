"""LoRA adapters laid over a language model."""

import warnings
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file

from pipeline.reports.adapter_folder import WEIGHTS, AdapterFiles
from pipeline.reports.errors import UnusableAdapter


def merge_adapter(model: Any, adapter: AdapterFiles) -> Any:
    """Add an adapter to a model's weights and give the model, which costs no more than it did.

    Raises:
        UnusableAdapter: the adapter is of a model of another shape.
    """
    untie_output(model)
    try:
        adapted = lay_adapter(model, LoraConfig.from_pretrained(str(adapter.folder)))
        loaded: Any = set_peft_model_state_dict(adapted, load_file(adapter.folder / WEIGHTS))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise UnusableAdapter(_misfit(adapter, str(error))) from error
    lacking = [name for name in loaded.missing_keys if "lora_" in name]
    if stray := [*lacking, *loaded.unexpected_keys]:
        raise UnusableAdapter(_misfit(adapter, f"{len(stray)} weights have no counterpart, the first is {stray[0]}"))
    return adapted.merge_and_unload().eval()


def lay_adapter(model: Any, config: Any) -> Any:
    """Lay a fresh adapter, which changes nothing yet, over a model by peft.

    Raises:
        ValueError: the model has none of the parts that the adapter is for.
    """
    with warnings.catch_warnings():
        # We take care of shared output matrices, and of which model an adapter is for; the third is peft's own affair.
        for said in ("tie_word_embeddings", "base_model_name_or_path", "is_gradient_checkpointing"):
            warnings.filterwarnings("ignore", message=f".*{said}.*")
        return get_peft_model(model, config)


def untie_output(model: Any) -> None:
    """Give the output matrix weights of its own where it shares the input's.

    Otherwise what an adapter adds to the output would also change how words are read.
    """
    head = model.get_output_embeddings()
    if head.weight is model.get_input_embeddings().weight:
        head.weight = torch.nn.Parameter(head.weight.detach().clone(), requires_grad=False)
        model.config.get_text_config().tie_word_embeddings = False


def _misfit(adapter: AdapterFiles, why: str) -> str:
    return f"The adapter in {adapter.folder} does not fit the language model ({why}). Name the model it was trained on."
