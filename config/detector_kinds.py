"""The disc detectors of other projects that a site can select, and the licence of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

DetectorKind = Literal["embedded", "spinenet", "totalspineseg", "spineps"]


@dataclass(frozen=True)
class DetectorPackage:
    """Another project's detector.

    `licence` is said in words wherever its results go. `is_restricted` tells that the licence also limits what may be
    done with the results.
    """

    title: str
    licence: str
    is_restricted: bool


DETECTOR_PACKAGES: Mapping[str, DetectorPackage] = {
    "spinenet": DetectorPackage(
        "SpineNet", "University of Oxford, non-commercial research only, its output included", is_restricted=True
    ),
    "totalspineseg": DetectorPackage("TotalSpineSeg", "LGPL-3.0", is_restricted=False),
    "spineps": DetectorPackage("SPINEPS", "Apache-2.0", is_restricted=False),
}
"""By the kind that `images.detector` names."""
