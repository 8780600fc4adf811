"""The kinds of study that are drawn, each with its trouble."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Random = np.random.Generator
Region = Literal["lumbar", "thoracic", "cervical", "whole"]
Slices = Literal["usual", "five", "thin", "isotropic"]


@dataclass(frozen=True)
class Fracture:
    """A broken body: `loss` is the share of its height that is gone, mostly in front or in the middle."""

    form: Literal["wedge", "biconcave", "crush"]
    loss: float
    fresh: bool


@dataclass(frozen=True)
class Plan:
    """What one study shows. Vertebrae and the discs below them are told by number (C2 is 2, L5 is 24).

    `shift` moves the lumbosacral border down by so many vertebrae (negative: up); 0.3 to 0.9 is a partial change.
    `wear` is the mean wear of the discs in [0, 1]. `slips` are mm forwards, `cobb` degrees, `turn` the field's degrees.
    """

    region: Region = "lumbar"
    contrast: str = "T2"
    size: float = 1.0
    child: bool = False
    shift: float = 0.0
    wear: float = 0.25
    slips: Mapping[int, float] = field(default_factory=dict)
    fractures: Mapping[int, Fracture] = field(default_factory=dict)
    metastases: int = 0
    cobb: float = 0.0
    screws: tuple[int, ...] = ()
    cages: tuple[int, ...] = ()
    opened: tuple[int, ...] = ()
    turn: float = 0.0
    crop: Literal["bottom", "top"] | None = None
    upside_down: bool = False
    slices: Slices = "usual"


def draw_plan(rng: Random, kind: str) -> Plan:
    """Draw the plan of a study of a kind.

    Raises:
        KeyError: no such kind, or "no spine", which has none.
    """
    return _PLANS[kind](rng)


def _size(rng: Random) -> float:
    return float(np.clip(rng.normal(0.98, 0.06), 0.85, 1.14))


def _wear(rng: Random) -> float:
    return float(rng.beta(1.6, 2.6))


def _plain(rng: Random) -> Plan:
    return Plan(size=_size(rng), wear=_wear(rng))


def _degenerated(rng: Random) -> Plan:
    slips = {int(rng.integers(22, 25)): float(rng.uniform(-3, 4))} if rng.random() < 0.4 else {}
    return Plan(size=_size(rng), wear=float(rng.uniform(0.7, 1.0)), slips=slips, cobb=float(rng.uniform(0, 12)))


def _slipped(rng: Random) -> Plan:
    number = int(rng.choice([24, 24, 23, 23, 22]))
    return Plan(size=_size(rng), wear=float(rng.uniform(0.3, 0.8)), slips={number: float(rng.uniform(3, 15))})


def _fractured(rng: Random) -> Plan:
    numbers = rng.choice([18, 19, 20, 21, 22, 23], size=rng.integers(1, 4), replace=False)
    forms: tuple[Literal["wedge", "biconcave", "crush"], ...] = ("wedge", "biconcave", "crush")
    broken = {
        int(n): Fracture(forms[rng.integers(3)], float(rng.uniform(0.25, 0.7)), bool(rng.random() < 0.5))
        for n in numbers
    }
    return Plan(size=_size(rng), wear=float(rng.uniform(0.3, 0.8)), fractures=broken)


def _metastases(rng: Random) -> Plan:
    return Plan(size=_size(rng), wear=float(rng.uniform(0.2, 0.7)), metastases=int(rng.integers(4, 16)))


def _scoliosis(rng: Random) -> Plan:
    cobb = float(rng.choice([-1, 1]) * rng.uniform(18, 60))
    return Plan(size=_size(rng), wear=float(rng.uniform(0.1, 0.8)), cobb=cobb)


def _child(rng: Random) -> Plan:
    return Plan(size=float(rng.uniform(0.48, 0.82)), child=True, wear=0.02)


def _screws(rng: Random) -> Plan:
    lowest, count = int(rng.integers(23, 26)), int(rng.integers(2, 5))
    numbers = tuple(range(lowest - count + 1, lowest + 1))
    return Plan(size=_size(rng), wear=0.6, screws=numbers, opened=numbers[:-1] if rng.random() < 0.5 else ())


def _cage(rng: Random) -> Plan:
    number = int(rng.integers(22, 25))
    screws = (number, number + 1) if rng.random() < 0.4 else ()
    return Plan(size=_size(rng), wear=float(rng.uniform(0.3, 0.8)), cages=(number,), screws=screws)


def _border(low: float, high: float) -> Callable[[Random], Plan]:
    return lambda rng: Plan(size=_size(rng), wear=_wear(rng), shift=float(rng.uniform(low, high)))


def _cropped(rng: Random) -> Plan:
    return Plan(size=_size(rng), wear=_wear(rng), crop="bottom" if rng.random() < 0.7 else "top")


def _rotated(rng: Random) -> Plan:
    return Plan(size=_size(rng), wear=_wear(rng), turn=float(rng.choice([-1, 1]) * rng.uniform(10, 28)))


def _of(region: Region) -> Callable[[Random], Plan]:
    return lambda rng: Plan(region, size=_size(rng), wear=_wear(rng), cobb=float(rng.normal(0, 5)))


def _whole_transitional(rng: Random) -> Plan:
    shift = float(rng.choice([-1, 1]) * rng.uniform(0.5, 1.0))
    return Plan("whole", size=_size(rng), wear=_wear(rng), shift=shift)


def _contrast(name: str) -> Callable[[Random], Plan]:
    return lambda rng: Plan(contrast=name, size=_size(rng), wear=_wear(rng))


def _upside_down(rng: Random) -> Plan:
    return Plan(size=_size(rng), wear=_wear(rng), upside_down=True)


def _laminectomy(rng: Random) -> Plan:
    lowest, count = int(rng.integers(22, 25)), int(rng.integers(1, 4))
    return Plan(size=_size(rng), wear=0.6, opened=tuple(range(lowest - count + 1, lowest + 1)))


def _sliced(slices: Slices) -> Callable[[Random], Plan]:
    return lambda rng: Plan(size=_size(rng), wear=_wear(rng), slices=slices)


_PLANS: dict[str, Callable[[Random], Plan]] = {
    "plain lumbar": _plain,
    "degenerated": _degenerated,
    "slipped": _slipped,
    "fractured": _fractured,
    "metastases": _metastases,
    "scoliosis": _scoliosis,
    "child": _child,
    "screws and rods": _screws,
    "cage": _cage,
    "lumbarised S1": _border(0.35, 0.9),
    "sacralised L5": _border(-0.9, -0.35),
    "six lumbar, no sign": _border(1.0, 1.0),
    "four lumbar, no sign": _border(-1.0, -1.0),
    "cropped": _cropped,
    "rotated field": _rotated,
    "thoracic": _of("thoracic"),
    "cervical": _of("cervical"),
    "whole spine": _of("whole"),
    "whole spine transitional": _whole_transitional,
    "T1": _contrast("T1"),
    "STIR": _contrast("STIR"),
    "upside down": _upside_down,
    "laminectomy": _laminectomy,
    "five slices": _sliced("five"),
    "thin slices": _sliced("thin"),
    "isotropic": _sliced("isotropic"),
}

NO_SPINE = "no spine"
KINDS = (*_PLANS, NO_SPINE)
"""All kinds, by the name that they are asked for."""
