"""The weighting of an MR image, from its times and what it is; names only where these are missing."""

import re
from dataclasses import dataclass

from pipeline.images.headers import ImageHeader
from pipeline.images.image_kinds import kind_of

_LONG_ECHO, _SHORT_ECHO = 60.0, 40.0  # ms
_FLUID_ECHO = 400.0  # from here on only fluid is left, as in a myelogram
_LONG_REPETITION, _SHORT_REPETITION = 1500.0, 1300.0
_STIR_INVERSION = (60.0, 350.0)
_INVERSION_OPTIONS = {"IR", "IR_GEMS", "STIR", "TIR"}
_INVERSION_SEQUENCE = re.compile(r"^\*?(tir|stir|ir)(b?\d|[_-]|$)", re.IGNORECASE)
_NAMED = re.compile(r"(?<![a-z0-9])(stir|tirm|flair|t1|t2|pd)(?![0-9*])", re.IGNORECASE)
_SUPPRESSED = re.compile(r"(?<![a-z])(fs|fatsat|fat.?sat|spair|spir|stir|tirm)(?![a-z])", re.IGNORECASE)
_DIXON = re.compile(r"(?<![a-z])(dixon|flex|ideal)(?![a-z])", re.IGNORECASE)
_DIXON_PARTS = {
    "water": re.compile(r"(?<![a-z])(w|water)(?![a-z])", re.IGNORECASE),
    "fat": re.compile(r"(?<![a-z])(f|fat)(?![a-z])", re.IGNORECASE),
    "opposed phase": re.compile(r"(?<![a-z])(opp|op|opposed|out)(?![a-z])", re.IGNORECASE),
    "in phase": re.compile(r"(?<![a-z])(in|ip|inphase)(?![a-z])", re.IGNORECASE),
}
_SUPPRESSION = {
    "water": "a Dixon water image, so fat-suppressed",
    "unknown": "a Dixon image that does not say of which kind, so taken for fat-suppressed",
}


@dataclass(frozen=True)
class Weighting:
    """`kind` is T2, T1, PD, STIR, FLAIR, T2*, none or unknown; `why` says what it rests on, in words.

    It is none where the image is no picture of its own, such as a subtraction.
    """

    kind: str
    fat_suppressed: bool
    why: str


def weigh(image: ImageHeader) -> Weighting:
    """Tell an image's weighting from Image Type and from echo, repetition and inversion time.

    A name that says otherwise is mentioned and not believed, except for the parts of a Dixon series whose Image Type
    does not tell them apart. A water image is a fat-suppressed one, an in-phase image is as one without Dixon.
    """
    made = kind_of(image.image_type)
    dixon = made.dixon or _dixon_part(image)
    if made.refusal or dixon in {"fat", "opposed phase"}:
        return Weighting("none", fat_suppressed=False, why=made.refusal or f"a Dixon {dixon} image by its name")
    kind, why = _from_times(image)
    named = _named(image)
    if kind == "unknown" and named and not (image.echo_time and image.repetition_time):
        kind, why = named[0], f"{why}; {named[0]} by its name"
    elif named and kind not in named and (kind, named) != ("STIR", ["T2"]):
        why = f"{why}, against the name"
    suppressed = _suppression(image, dixon)
    return Weighting(kind, bool(suppressed), f"{why}, {suppressed}" if suppressed and kind == "T2" else why)


def _suppression(image: ImageHeader, dixon: str) -> str:
    """Say what suppresses fat; empty where nothing does."""
    if dixon in _SUPPRESSION:
        return _SUPPRESSION[dixon]
    if image.fat_suppressed:
        return "fat-suppressed"
    return "fat-suppressed by its name" if _SUPPRESSED.search(image.names) else ""


def _dixon_part(image: ImageHeader) -> str:
    """Tell a part of a Dixon series by its name: unknown where that does not say, empty where it is none."""
    if not _DIXON.search(image.names):
        return ""
    return next((part for part, name in _DIXON_PARTS.items() if name.search(image.description)), "unknown")


def _named(image: ImageHeader) -> list[str]:
    """Give the weightings that the names speak of."""
    found = _NAMED.findall(image.description) or _NAMED.findall(image.names)
    return ["STIR" if name.upper() == "TIRM" else name.upper() for name in found]


def _from_times(image: ImageHeader) -> tuple[str, str]:
    echo, repetition = image.echo_time, image.repetition_time
    if inverted := _inverted(image):
        return inverted
    if not echo or not repetition:
        return "unknown", "echo or repetition time is missing"
    times = f"TR {repetition:g} ms, TE {echo:g} ms"
    if "EP" in image.scanning:
        return "unknown", f"{times}, echo planar, as for diffusion"
    if "GR" in image.scanning and "SE" not in image.scanning:
        return "T2*" if echo >= 10 and repetition < _LONG_REPETITION else "unknown", f"{times}, gradient echo"
    if echo >= _FLUID_ECHO:
        return "unknown", f"{times}: times of a myelogram"
    if echo >= _LONG_ECHO and repetition >= _SHORT_REPETITION:
        return "T2", f"{times}: times of a T2"
    if echo < _SHORT_ECHO and repetition < _SHORT_REPETITION:
        return "T1", f"{times}: times of a T1"
    if echo < _LONG_ECHO and repetition >= _LONG_REPETITION:
        return "PD", f"{times}: times of a proton density"
    return "unknown", f"{times}: times of no usual weighting"


def _inverted(image: ImageHeader) -> tuple[str, str] | None:
    """Tell an inversion recovery by its technique; by its inversion time alone where fat is not suppressed otherwise.

    Some makers state the inversion time of a spectral fat suppression too.
    """
    low, high = _STIR_INVERSION
    inversion = image.inversion_time
    is_short = inversion is not None and low <= inversion <= high
    if "IR" in image.scanning:
        known_by = "scanning sequence"
    elif _INVERSION_OPTIONS & set(image.options):
        known_by = "scan options"
    elif _INVERSION_SEQUENCE.match(image.sequence):
        known_by = "sequence name"
    elif is_short and not image.fat_suppressed and not _SUPPRESSED.search(image.names):
        known_by = "inversion time"
    else:
        return None
    if inversion is None:
        return "STIR", f"inversion recovery by its {known_by}, without an inversion time (taken for a STIR)"
    kind = "STIR" if is_short else "FLAIR"
    return kind, f"inversion time {inversion:g} ms ({kind})"
