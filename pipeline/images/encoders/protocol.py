"""What an encoder is given and gives back."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class Encoder(Protocol):
    """What turns disc volumes into features. `name` is its `name@sha256:…`; a classifier belongs to one encoder."""

    @property
    def name(self) -> str:
        """Name and digest."""

    def encode(self, cut: Floats) -> Floats:
        """Encode a disc volume (9, 112, 224), from `cut_disc`, to one vector."""
