"""The state of an unfinished detector training on disk: weights, optimiser moments and the step, as safetensors."""

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from pipeline.images.detector_network import DetectorNetwork


def save_state(path: Path, network: DetectorNetwork, optimiser: torch.optim.Optimizer, step: int) -> None:
    """Write the state aside, then rename it into place."""
    tensors = {f"network.{name}": tensor.contiguous() for name, tensor in network.state_dict().items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": tensor.contiguous() for name, tensor in moments.items()}
    aside = path.with_suffix(".part")
    save_file(tensors, aside, metadata={"step": str(step)})
    aside.replace(path)


def load_state(path: Path, network: DetectorNetwork, optimiser: torch.optim.Optimizer) -> int:
    """Fill network and optimiser from a state, and give the steps it had done; 0 where there is none."""
    if not path.exists():
        return 0
    moments: dict[int, dict[str, torch.Tensor]] = {}
    weights: dict[str, torch.Tensor] = {}
    with safe_open(path, framework="pt") as stored:
        for key in stored.keys():  # noqa: SIM118 - safe_open is no mapping
            part, name = key.split(".", 1)
            if part == "network":
                weights[name] = stored.get_tensor(key)
            else:
                index, moment = name.split(".", 1)
                moments.setdefault(int(index), {})[moment] = stored.get_tensor(key)
        step = int(stored.metadata()["step"])
    network.load_state_dict(weights)
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
    return step
