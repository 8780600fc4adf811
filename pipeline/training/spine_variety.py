"""What is unusual about an invented spine: numbering, transition, curves, wear, disease and surgery."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Generator = np.random.Generator

Transition = Literal["none", "upper", "lower"]


@dataclass(frozen=True)
class Variety:
    """What is unusual; the default is a plain adult.

    `lumbar` is how many lumbar vertebrae there are. `transition` is "upper" where the last of them is half sacral, and
    "lower" where S1 is half lumbar. `growth` is 1 for an adult; below that the sacrum is not grown together yet and
    discs are high. `curve` is how far a scoliosis leans to the left at its apex in mm, `curve_length` its wavelength in
    mm and `curve_phase` its phase at S1 in radians. `wear` is added to the chance that a disc is degenerate.
    `fractured`, `diseased` and `slipped` are chances per vertebra. `screws`, `caged`, `opened` (laminectomy) and
    `cemented` number vertebrae from the sacrum up, S1 being 0; a cage lies below its one.
    """

    lumbar: int = 5
    transition: Transition = "none"
    growth: float = 1.0
    curve: float = 0.0
    curve_length: float = 350.0
    curve_phase: float = 0.0
    wear: float = 0.0
    fractured: float = 0.035
    diseased: float = 0.0
    slipped: float = 0.0
    screws: tuple[int, ...] = ()
    caged: tuple[int, ...] = ()
    opened: tuple[int, ...] = ()
    cemented: tuple[int, ...] = ()

    @property
    def is_child(self) -> bool:
        """Whether it is still growing."""
        return self.growth < 1


PLAIN = Variety()


def draw_variety(rng: Generator) -> Variety:
    """Draw what is unusual about a spine of those that the detector learns from; one in five has nothing of it."""
    screws, caged, opened = _draw_surgery(rng) if rng.random() < 0.08 else ((), (), ())
    bent = rng.random() < 0.22
    return Variety(
        lumbar=int(rng.choice((4, 5, 6), p=(0.03, 0.93, 0.04))),
        transition=_draw_transition(rng),
        growth=float(rng.uniform(0.45, 0.9)) if rng.random() < 0.09 else 1.0,
        curve=float(rng.uniform(3, 22) * rng.choice((-1, 1))) if bent else 0.0,
        curve_length=float(rng.uniform(220, 520)),
        curve_phase=float(rng.uniform(0, 2 * np.pi)),
        wear=float(rng.uniform(0.1, 0.7)) if rng.random() < 0.3 else 0.0,
        fractured=float(rng.uniform(0.1, 0.35)) if rng.random() < 0.12 else 0.03,
        diseased=float(rng.uniform(0.1, 0.8)) if rng.random() < 0.08 else 0.0,
        slipped=float(rng.uniform(0.1, 0.4)) if rng.random() < 0.25 else 0.02,
        screws=screws,
        caged=caged,
        opened=opened,
        cemented=tuple(sorted({int(n) for n in rng.integers(1, 12, 2)})) if rng.random() < 0.015 else (),
    )


def _draw_transition(rng: Generator) -> Transition:
    share = rng.random()
    if share < 0.07:
        return "upper"
    return "lower" if share < 0.14 else "none"


def _draw_surgery(rng: Generator) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Screws in neighbouring vertebrae, cages between some of them, or only an opened canal."""
    first = int(rng.choice((0, 0, 1, 1, 2, 3, 6)))
    span = tuple(range(first, first + int(rng.integers(2, 5))))
    screws = span if rng.random() < 0.7 else ()
    caged = tuple(n for n in span[1:] if rng.random() < 0.5)
    return screws, caged, span[1:] if rng.random() < 0.6 else ()
