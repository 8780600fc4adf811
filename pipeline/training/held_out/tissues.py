"""What each tissue sends in T2, T1 and STIR turbo spin echo, cerebrospinal fluid in T2 being 1."""

from collections.abc import Mapping

import numpy as np

from pipeline.training.held_out.grid import Signal

CONTRASTS = ("T2", "T1", "STIR")

_SIGNALS: dict[str, tuple[Signal, Signal, Signal]] = {
    "air": ((0, 0), (0, 0), (0, 0)),
    "cortex": ((0.03, 0.01), (0.04, 0.01), (0.03, 0)),
    "marrow": ((0.14, 0.27), (0.12, 0.36), (0.13, 0.01)),
    "fatty marrow": ((0.06, 0.48), (0.06, 0.62), (0.05, 0.02)),
    "wet marrow": ((0.52, 0.08), (0.17, 0.05), (0.75, 0.01)),
    "sclerosis": ((0.07, 0.02), (0.08, 0.02), (0.06, 0)),
    "tumour": ((0.34, 0.02), (0.2, 0.02), (0.62, 0)),
    "vein": ((0.8, 0), (0.2, 0), (0.75, 0)),
    "flow": ((0.03, 0), (0.04, 0), (0.03, 0)),
    "nucleus": ((0.72, 0), (0.24, 0), (0.85, 0)),
    "dry nucleus": ((0.1, 0.01), (0.2, 0.01), (0.12, 0)),
    "annulus": ((0.06, 0), (0.15, 0), (0.07, 0)),
    "cartilage": ((0.3, 0), (0.3, 0), (0.4, 0)),
    "fluid": ((1, 0), (0.1, 0), (1, 0)),
    "cord": ((0.36, 0), (0.34, 0), (0.48, 0)),
    "root": ((0.3, 0), (0.3, 0), (0.4, 0)),
    "ligament": ((0.05, 0.02), (0.07, 0.03), (0.05, 0)),
    "flavum": ((0.13, 0.03), (0.18, 0.05), (0.12, 0)),
    "fat": ((0.02, 0.6), (0.02, 0.98), (0.01, 0.05)),
    "muscle": ((0.11, 0.02), (0.27, 0.03), (0.2, 0)),
    "skin": ((0.25, 0.05), (0.3, 0.05), (0.3, 0)),
    "scar": ((0.4, 0.05), (0.26, 0.05), (0.45, 0)),
    "liver": ((0.17, 0.02), (0.4, 0.02), (0.26, 0)),
    "spleen": ((0.42, 0), (0.26, 0), (0.55, 0)),
    "kidney": ((0.5, 0.02), (0.28, 0.02), (0.62, 0)),
    "bowel": ((0.25, 0.02), (0.27, 0.02), (0.35, 0)),
    "urine": ((1.05, 0), (0.1, 0), (1, 0)),
    "womb": ((0.36, 0), (0.27, 0), (0.5, 0)),
    "brain": ((0.4, 0.02), (0.36, 0.02), (0.5, 0)),
    "heart": ((0.16, 0.01), (0.26, 0.01), (0.25, 0)),
    "gland": ((0.45, 0.08), (0.3, 0.1), (0.5, 0)),
}


def draw_tissues(rng: np.random.Generator, contrast: str) -> Mapping[str, Signal]:
    """Draw the signals of one examination: each tissue about its mean, fat about the sequence's."""
    column = CONTRASTS.index(contrast)
    fat_gain = float(np.exp(rng.normal(0, 0.16)))
    drawn: dict[str, Signal] = {}
    for name, signals in _SIGNALS.items():
        water, fat = signals[column]
        own = float(np.exp(rng.normal(0, 0.1)))
        drawn[name] = (water * own, fat * own * fat_gain)
    return drawn
