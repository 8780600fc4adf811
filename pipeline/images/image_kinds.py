"""What Image Type says that an image is: a picture of the spine as acquired, a variant of one, or no such picture."""

from collections.abc import Iterable
from dataclasses import dataclass

_NO_PICTURES = {
    "a phase or complex image, no magnitude": {"P", "PHASE", "PHASE_MAP", "R", "REAL", "I", "IMAGINARY"},
    "a Dixon fat image": {"F", "FAT"},
    "an opposed-phase Dixon image, in which fat and water cancel": {
        "OP", "OPP", "OPP_PHASE", "OPPOSED_PHASE", "OUT_PHASE", "OUT_OF_PHASE", "OPPPHASE", "OUTPHASE",
    },
    "a subtraction": {"SUB", "SUBTRACTION", "SUBTRACT"},
    "a projection": {"PROJECTION_IMAGE", "PROJECTION", "MIP", "MINIP", "MAX_IP", "MIN_IP", "MAXIMUM", "MINIMUM"},
    "a computed map": {
        "ADC", "FA", "TRACEW", "FAT_FRACTION", "WATER_FRACTION", "T1_MAP", "T2_MAP", "T2_STAR_MAP", "R2_MAP",
        "R2_STAR_MAP", "B0_MAP", "B1_MAP", "DIFFUSION", "T1", "T2", "T2_STAR",
    },
    "a saved screen": {"SCREEN_SAVE", "SCREENSHOT", "SCREEN_CAPTURE", "CSA_REPORT", "POSDISP", "CSAPOSDISP"},
    "a mosaic of many slices in one picture": {"MOSAIC"},
}  # fmt: skip
_MAPS = {"T1", "T2", "T2_STAR"}  # a weighting as acquired, a map where derived (PS3.3 C.8.13.3.1.1)
_DIXON = {"water": {"W", "WATER"}, "in phase": {"IP", "IN", "IN_PHASE", "INPHASE"}}
_REFORMATTED = {"MPR", "REFORMATTED", "RESAMPLED", "CURVED", "MPR_THICK", "CSA_MPR"}
_COMPOSED = {"COMPOSED", "COMP_SP", "COMP_AD", "COMP_DIF", "MERGED", "STITCHED"}


@dataclass(frozen=True)
class ImageKind:
    """What an image is; a text is empty where there is nothing to say.

    `refusal` says why it is no picture that can be read. `dixon` is water or in phase. `variant` says what sets it
    apart from one as it was acquired: reformatted, composed, derived, or a localizer.
    """

    refusal: str
    dixon: str
    variant: str


def kind_of(image_type: Iterable[str]) -> ImageKind:
    """Read Image Type (0008,0008): defined terms of PS3.3 C.7.6.1.1.2 and C.8.3.1.1.1, and makers' own."""
    values = [value.upper().replace(" ", "_") for value in image_type]
    derived, terms = "DERIVED" in values[:1], set(values[2:])
    if not derived:
        terms -= _MAPS
    refusals = (refusal for refusal, named in _NO_PICTURES.items() if named & terms)
    parts = (part for part, named in _DIXON.items() if named & terms)
    return ImageKind(next(refusals, ""), next(parts, ""), _variant(terms, derived=derived))


def _variant(terms: set[str], *, derived: bool) -> str:
    if terms & _COMPOSED:
        return "composed of stations"
    if terms & _REFORMATTED:
        return "reformatted"
    if "LOCALIZER" in terms:
        return "a localizer"
    return "derived" if derived else ""
