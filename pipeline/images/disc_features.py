"""The features of all discs found on a volume."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.images.detectors.protocol import LocatedDisc
from pipeline.images.disc_volumes import cut_disc
from pipeline.images.encoders.protocol import Encoder
from pipeline.images.errors import DiscOutsideScan, DiscWithoutSignal
from pipeline.images.volume import Volume

INFERRED = "the disc was not seen, its place is inferred from its neighbours"


@dataclass(frozen=True)
class EncodedDisc:
    """A disc with its features, None where it could not be encoded; `fault` then says why."""

    disc: LocatedDisc
    features: npt.NDArray[np.float32] | None
    fault: str


def encode_discs(encoder: Encoder, volume: Volume, discs: Sequence[LocatedDisc]) -> tuple[EncodedDisc, ...]:
    """Encode each disc that was seen; one that cannot be encoded stays, with the reason."""
    return tuple(_encode(encoder, volume, disc) for disc in discs)


def _encode(encoder: Encoder, volume: Volume, disc: LocatedDisc) -> EncodedDisc:
    if disc.confidence == 0:
        return EncodedDisc(disc, None, INFERRED)
    try:
        return EncodedDisc(disc, encoder.encode(cut_disc(volume, disc)), "")
    except (DiscOutsideScan, DiscWithoutSignal) as error:
        return EncodedDisc(disc, None, str(error))
