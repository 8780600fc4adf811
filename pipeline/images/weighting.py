"""The weighting of an MR image, from its times; names only where times are missing."""

import re
from dataclasses import dataclass

from pipeline.images.headers import ImageHeader

_LONG_ECHO, _SHORT_ECHO = 60.0, 40.0  # ms
_LONG_REPETITION, _SHORT_REPETITION = 1500.0, 1300.0
_STIR_INVERSION = (60.0, 350.0)
_NAMED = re.compile(r"(?<![a-z0-9])(stir|tirm|flair|t1|t2|pd)(?![0-9*])", re.IGNORECASE)
_SUPPRESSED = re.compile(r"(?<![a-z])(fs|fatsat|fat.?sat|spair|spir|dixon)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Weighting:
    """`kind` is T2, T1, PD, STIR, FLAIR, T2* or unknown; `why` says what it rests on, in words."""

    kind: str
    fat_suppressed: bool
    why: str


def weigh(image: ImageHeader) -> Weighting:
    """Tell an image's weighting from echo, repetition and inversion time.

    A name that says otherwise is mentioned and not believed.
    """
    kind, why = _from_times(image)
    named = _named(image)
    if kind == "unknown" and named and not (image.echo_time and image.repetition_time):
        kind, why = named[0], f"{why}; {named[0]} by its name"
    elif named and kind not in named and (kind, named) != ("STIR", ["T2"]):
        why = f"{why}, against the name"
    return Weighting(kind, image.fat_suppressed or bool(_SUPPRESSED.search(image.names)), why)


def _named(image: ImageHeader) -> list[str]:
    """Give the weightings that the names speak of."""
    found = _NAMED.findall(image.description) or _NAMED.findall(image.names)
    return ["STIR" if name.upper() == "TIRM" else name.upper() for name in found]


def _from_times(image: ImageHeader) -> tuple[str, str]:
    echo, repetition, inversion = image.echo_time, image.repetition_time, image.inversion_time
    if inversion and "IR" in image.scanning:
        low, high = _STIR_INVERSION
        kind = "STIR" if low <= inversion <= high else "FLAIR"
        return kind, f"inversion time {inversion:g} ms ({kind})"
    if not echo or not repetition:
        return "unknown", "echo or repetition time is missing"
    times = f"TR {repetition:g} ms, TE {echo:g} ms"
    if "GR" in image.scanning and "SE" not in image.scanning:
        return "T2*" if echo >= 10 and repetition < _LONG_REPETITION else "unknown", f"{times}, gradient echo"
    if echo >= _LONG_ECHO and repetition >= _SHORT_REPETITION:
        return "T2", f"{times}: times of a T2"
    if echo < _SHORT_ECHO and repetition < _SHORT_REPETITION:
        return "T1", f"{times}: times of a T1"
    if echo < _LONG_ECHO and repetition >= _LONG_REPETITION:
        return "PD", f"{times}: times of a proton density"
    return "unknown", f"{times}: times of no usual weighting"
