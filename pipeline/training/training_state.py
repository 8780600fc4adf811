"""The state of an unfinished training on disk: weights, optimiser moments and how far it came, as safetensors."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

Weights = Mapping[str, torch.Tensor]


def save_state(path: Path, weights: Weights, optimiser: torch.optim.Optimizer, about: Mapping[str, str]) -> None:
    """Write the state aside, then rename it into place; `about` says how far it came, and of what."""
    tensors = {f"network.{name}": tensor.contiguous() for name, tensor in weights.items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": tensor.contiguous() for name, tensor in moments.items()}
    aside = path.with_suffix(".part")
    save_file(tensors, aside, metadata=dict(about))
    aside.replace(path)


def read_about(path: Path) -> dict[str, str]:
    """Say how far a state came, and of what; empty where there is none."""
    if not path.exists():
        return {}
    with safe_open(path, framework="pt") as stored:
        return dict(stored.metadata())


def load_state(path: Path, weights: Weights, optimiser: torch.optim.Optimizer) -> dict[str, str]:
    """Fill weights, in their place, and optimiser from a state, and give what it is about; empty where there is none.

    Raises:
        ValueError: the state is of other weights.
    """
    if not path.exists():
        return {}
    moments: dict[int, dict[str, torch.Tensor]] = {}
    stored_weights: dict[str, torch.Tensor] = {}
    with safe_open(path, framework="pt") as stored:
        for key in stored.keys():  # noqa: SIM118 - safe_open is no mapping
            part, name = key.split(".", 1)
            if part == "network":
                stored_weights[name] = stored.get_tensor(key)
            else:
                index, moment = name.split(".", 1)
                moments.setdefault(int(index), {})[moment] = stored.get_tensor(key)
        about = dict(stored.metadata())
    if stored_weights.keys() != weights.keys():
        raise ValueError(f"{path} holds the state of other weights")
    with torch.no_grad():
        for name, tensor in weights.items():
            tensor.copy_(stored_weights[name])
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
    return about
