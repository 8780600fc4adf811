"""Encoders by torchvision: any of its classification networks, ResNet18 first of all, with weights from a file."""

import difflib
import hashlib
import re
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional
from torchvision import models

from config.image_settings import EncoderSettings
from pipeline.images.disc_volumes import CLIP
from pipeline.images.encoders.protocol import Floats
from pipeline.images.errors import UnusableModel

_SIDE = 224  # pixels, as the paper has it
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pixels, as torchvision gives them
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")  # names in torchvision's own files of weights


class TorchvisionEncoder:
    """A torchvision network without its last linear layer: what that layer would see, the mean over slices.

    Each slice is resized to 224 by 224, repeated in three colours and scaled as ImageNet's pixels are. `resnet18` with
    the weights `IMAGENET1K_V1` gives the paper's 512 features.

    Intensities: values run from 0 to 1, which is 4 times the vertebrae's median. With `float` they stay as they are.
    `published` cuts them to whole 8-bit steps before the resizing and rounds to such steps after it, as the published
    code does, which hands slices to Pillow. Not certain: that code reads arrays that it kept, and that these run from 0
    to 1 in the same way is taken from the present code of SpineNet, which made them.

    Source: Park et al. 2024, section 3, and the paper's published code (AutoLabelClassifier).
    """

    def __init__(self, settings: EncoderSettings) -> None:
        self._network, head = _network_without_head(settings.name)
        content = _read(settings.weights)
        try:
            self._network.load_state_dict(_state(settings.weights, content, head))
        except (RuntimeError, TypeError, AttributeError) as error:
            raise UnusableModel(
                f"{settings.weights} holds no weights of torchvision's {settings.name}. Set `images.encoder.name` to "
                "the network that they belong to, or give that network's weights."
            ) from error
        self._network.eval().to(memory_format=torch.channels_last)
        self._in_steps = settings.intensities == "published"
        digest = hashlib.sha256(content).hexdigest()
        self.name = f"{settings.name}-{settings.intensities}@sha256:{digest}"

    @torch.inference_mode()
    def encode(self, cut: Floats) -> Floats:
        """Encode a disc volume (9, 112, 224), from `cut_disc`, to one vector (512 with ResNet18)."""
        slices = torch.from_numpy(cut)[:, None] / CLIP
        if self._in_steps:
            slices = (slices * 255).floor()
        square = functional.interpolate(slices, size=(_SIDE, _SIDE), mode="bilinear", align_corners=False)
        if self._in_steps:
            square = (square + 0.5).floor() / 255
        coloured = (square - torch.tensor(_MEAN)[:, None, None]) / torch.tensor(_DEVIATION)[:, None, None]
        encoded: Floats = self._network(coloured).mean(dim=0).numpy()
        return encoded


def _network_without_head(name: str) -> tuple[nn.Module, str]:
    """Build a classification network whose last linear layer hands through what it sees; give that layer's name."""
    known = models.list_models(module=models)
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)
        raise UnusableModel(f"torchvision has no classification network {name}; the nearest is {nearest[0]}.")
    network: nn.Module = models.get_model(name, weights=None)
    linear = [path for path, module in network.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise UnusableModel(f"torchvision's {name} has no last linear layer. Use another, such as resnet18.")
    network.set_submodule(linear[-1], nn.Identity())
    return network, linear[-1]


def _read(weights: Path) -> bytes:
    try:
        return weights.read_bytes()
    except OSError as error:
        raise UnusableModel(
            f"{weights}: {error.strerror}. Set `images.encoder.weights` to a readable file of weights."
        ) from error


def _state(path: Path, content: bytes, head: str) -> dict[str, Tensor]:
    """Read a file of weights as the state of a network without its last layer, whose weights are left out."""
    try:
        stored = load(content) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except (SafetensorError, UnpicklingError, EOFError, RuntimeError) as error:
        raise UnusableModel(
            f"{path} cannot be read as weights. Give a file that ends in .safetensors, or a .pth that holds weights "
            "only."
        ) from error
    named = {_OLD_DENSENET.sub(r"\1\2", name): tensor for name, tensor in stored.items()}
    return {name: tensor for name, tensor in named.items() if name.rpartition(".")[0] != head}
