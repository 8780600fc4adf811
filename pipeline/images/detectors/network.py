"""The network that maps a sagittal slice to where discs are: a small U-Net with outputs on a grid of 2 mm."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import nn
from torch.nn import functional

GRID_MM = 2.0
"""Spacing of the outputs; cell (i, j) belongs to the pixel with indices (2 i, 2 j), whose middle is 0.5 mm further."""
HEATS = ("disc", "lumbosacral", "S1", "C2", "vertebra", "transition")
SHAPES = ("anterior column", "anterior row", "half width")
REGIONS = ("vertebra", "disc", "sacrum", "canal", "cord")
HALF_WIDTH_SCALE = 20.0
"""The output "half width" is in units of this many mm."""
MULTIPLE = 16
"""Rows and columns of the input must be multiples of this."""

_STEM, _CHANNELS = 20, (24, 48, 96, 144)
_EMPTY_LOGIT = -4.0  # a heat map is nearly empty, so training begins there

Signal = npt.NDArray[np.float32]


def _convolution(into: int, out: int, kernel: int = 3, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(into, out, kernel, stride, dilation * (kernel // 2), dilation=dilation, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(inplace=True),
    )


def _pair(into: int, out: int) -> nn.Sequential:
    return nn.Sequential(_convolution(into, out), _convolution(out, out))


class DetectorNetwork(nn.Module):
    """U-Net over slices (n, 2, rows, columns) at 1 mm, as `network_input` makes them.

    Gives logits (n, maps, rows / 2, columns / 2): HEATS, then SHAPES (no logits, plain values), then REGIONS.
    """

    def __init__(self) -> None:
        super().__init__()
        first, second, third, fourth = _CHANNELS
        self.stem = _convolution(2, _STEM, kernel=5, stride=2)
        self.down = nn.ModuleList([_pair(_STEM, first), _pair(first, second), _pair(second, third)])
        self.bottom = nn.Sequential(
            _convolution(third, fourth),
            _convolution(fourth, fourth, dilation=2),
            _convolution(fourth, fourth, dilation=4),
        )
        self.up = nn.ModuleList(
            [_pair(fourth + third, third), _pair(third + second, second), _pair(second + first, first)]
        )
        self.head = nn.Conv2d(first, len(HEATS) + len(SHAPES) + len(REGIONS), 1)
        with torch.no_grad():
            self.head.bias[: len(HEATS)] = _EMPTY_LOGIT  # type: ignore[index]

    def forward(self, slices: torch.Tensor) -> torch.Tensor:
        """Map slices to logits; see the class."""
        features = self.stem(slices)
        skipped: list[torch.Tensor] = []
        for block in self.down:
            features = block(features)
            skipped.append(features)
            features = functional.max_pool2d(features, 2)
        features = self.bottom(features)
        for block, skip in zip(self.up, reversed(skipped), strict=True):
            features = functional.interpolate(features, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            features = block(torch.cat([features, skip], dim=1))
        logits: torch.Tensor = self.head(features)
        return logits


def network_input(image: Signal) -> Signal:
    """Make the two channels the network sees of a slice, (rows, columns) at 1 mm, of any intensity scale.

    The first is scaled by its 99th percentile, with a gamma; the second is standardised against its surroundings
    (14 mm), which takes coil profiles away. Returns (2, rows, columns).
    """
    image = np.maximum(image, 0)
    scaled = np.clip(image / (np.percentile(image, 99.0) + 1e-6), 0, 1.5) ** 0.6
    mean = ndimage.gaussian_filter(scaled, 14, truncate=2.5)
    square = ndimage.gaussian_filter(scaled * scaled, 14, truncate=2.5)
    local = (scaled - mean) / (np.sqrt(np.maximum(square - mean * mean, 0)) + 0.03)
    return np.stack([scaled * 2 - 1, np.clip(local, -4, 4) * 0.5]).astype(np.float32)


@torch.inference_mode()
def predict_maps(network: DetectorNetwork, slices: Sequence[Signal]) -> Signal:
    """Run the network over slices (rows, columns) at 1 mm, all of one size.

    Returns (slices, maps, ceil(rows / 2), ceil(columns / 2)): probabilities for HEATS and REGIONS, values for SHAPES.
    """
    rows, columns = slices[0].shape
    pad = ((0, -rows % MULTIPLE), (0, -columns % MULTIPLE))
    shapes = slice(len(HEATS), len(HEATS) + len(SHAPES))
    maps = []
    for image in slices:
        padded = torch.from_numpy(network_input(np.pad(image, pad, mode="edge")))[None]
        logits = network(padded.contiguous(memory_format=torch.channels_last))[0]
        probabilities = torch.sigmoid(logits)
        probabilities[shapes] = logits[shapes]
        maps.append(probabilities[:, : (rows + 1) // 2, : (columns + 1) // 2].numpy())
    return np.stack(maps)
