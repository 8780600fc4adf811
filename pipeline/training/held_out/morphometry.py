"""Mean size and shape of the adult vertebrae and discs, read between vertebrae where one is transitional.

Vertebrae are numbered from the head: C2 is 2, L5 the 24th, S1 to S5 are 25 to 29, the coccyx 30 to 32. Sizes are round
figures of published morphometry (Panjabi 1991 and 1992, Gilad and Nissan 1986, Berry 1987, Zhou 2000, Been 2010),
angles of supine alignment; they are means to draw about, not a reference.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

FIRST, LAST_PRESACRAL, LAST = 2, 24, 32

_TABLE: dict[str, tuple[float, ...]] = {
    "height": (
        *(18, 13.5, 13.5, 13, 13.5, 15),
        *(16.5, 17.5, 18, 18.5, 19, 19.5, 20, 20.5, 21, 22, 23, 24.5),
        *(26, 27, 27.5, 27, 26),
        *(29, 24, 19, 16, 13, 9, 7, 5),
    ),
    "wedge": (
        *(0, -1, -1, -1, -1, -2),
        *(-2, -2.5, -3, -3.5, -4, -4, -4, -3.5, -3, -3, -3, -3),
        *(-3, -1, 0.5, 2.5, 9),
        *(-5, -8, -13, -13, -12, -12, -12, -12),
    ),
    "depth": (
        *(15, 15.5, 15.5, 16, 16.5, 17),
        *(17.5, 18.5, 20, 21.5, 23, 24.5, 26, 27, 28, 29, 30, 31),
        *(32, 33, 34, 34.5, 34.5),
        *(27, 18.5, 13.5, 11, 9, 8, 6, 5),
    ),
    "taper": (
        *(-0.05, 0, 0, 0, 0, 0),
        *(-0.03,) * 12,
        *(-0.03, -0.02, -0.01, 0, 0.06),
        *(0.42, 0.28, 0.2, 0.15, 0.1, 0.1, 0.1, 0.1),
    ),
    "width": (
        *(18, 19, 20, 21, 22, 24),
        *(28, 27, 26, 26, 27, 28, 29, 30.5, 32, 34.5, 37, 40),
        *(42, 43.5, 45, 47.5, 50),
        *(50, 40, 34, 30, 26, 18, 12, 8),
    ),
    "disc_height": (
        *(5, 5, 5, 5, 5.5, 5),
        *(3.8, 3.2, 3, 3, 3, 3.2, 3.4, 3.6, 4, 4.4, 4.8, 5.2),
        *(6.2, 7.4, 8.3, 9, 8),
        *(2.6, 1.6, 1.2, 1, 2, 2, 2, 2),
    ),
    "disc_wedge": (
        *(3, 3.5, 3.5, 4, 4, 1),
        *(0, -1, -0.5, 0, 0, 0, 0, 0, 0, 0, 0.5, 1),
        *(3, 5, 7, 10, 14),
        *(-2, -3, -4, -6, -8, -8, -8, 0),
    ),
    "canal_depth": (
        *(17, 15.5, 15, 14.5, 14.5, 15),
        *(15.5, 15, 15, 15, 15, 15, 15, 15, 15, 15.5, 16, 17),
        *(17, 16.5, 16, 16.5, 17),
        *(15, 11, 8, 5, 3, 2, 2, 2),
    ),
    "canal_width": (
        *(22, 24, 24, 25, 25, 24),
        *(21, 18, 17, 17, 17, 17, 17, 17, 17, 18, 19, 21),
        *(22, 23, 23, 25, 27),
        *(28, 22, 18, 12, 8, 4, 4, 4),
    ),
    "spine_length": (
        *(17, 12, 12, 13, 18, 28),
        *(28, 27, 26, 26, 27, 28, 28, 27, 26, 24, 22, 22),
        *(25, 27, 28, 26, 19),
        *(12, 9, 6, 2, 0, 0, 0, 0),
    ),
    "spine_height": (
        *(10, 6, 6, 6, 7, 8),
        *(7, 7, 7, 7, 7, 7, 7, 7, 8, 10, 12, 13),
        *(15, 16, 16, 13, 9),
        *(10, 8, 6, 4, 2, 2, 2, 2),
    ),
    "spine_fall": (
        *(15, 15, 15, 20, 25, 30),
        *(35, 40, 45, 50, 55, 58, 60, 58, 50, 38, 26, 15),
        *(9, 7, 6, 7, 12),
        *(30, 25, 20, 15, 10, 0, 0, 0),
    ),
    "fused": (*(0,) * 23, *(1,) * 8),
}


@dataclass(frozen=True)
class Segment:
    """A vertebra and the disc below it; mm and degrees, lordotic wedges positive.

    `depth` is from front to back at mid-height, `taper` what the lower end is smaller by, as a share of it; `fused` is
    0 in the mobile spine and 1 in the sacrum. `disc_height` is between the rims, without the endplates' hollows.
    `spine_` is the spinous process: length, height, and how it falls.
    """

    height: float
    wedge: float
    depth: float
    taper: float
    width: float
    disc_height: float
    disc_wedge: float
    canal_depth: float
    canal_width: float
    spine_length: float
    spine_height: float
    spine_fall: float
    fused: float

    def scaled(self, by: float) -> "Segment":
        """Give the same shape at another size."""
        lengths = ("height", "depth", "width", "disc_height", "canal_depth", "canal_width", "spine_length")
        return replace(self, **{name: getattr(self, name) * by for name in (*lengths, "spine_height")})


def mean_segment(number: float) -> Segment:
    """Give the mean vertebra of a number, or what lies between two where it is broken."""
    numbers: npt.NDArray[np.float64] = np.arange(FIRST, LAST + 1, dtype=float)
    return Segment(**{field.name: float(np.interp(number, numbers, _TABLE[field.name])) for field in fields(Segment)})


def seeming_number(number: int, shift: float) -> float:
    """Give the number that a vertebra's shape has where the lumbosacral border is moved by `shift` vertebrae.

    1 makes S1 the sixth lumbar vertebra without a sign, -1 makes L5 the first of the sacrum; less is partial.
    """
    return number - shift * float(np.clip((number - 19) / 4, 0, 1))
