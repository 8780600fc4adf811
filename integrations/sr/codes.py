"""Every code that our structured reports use, but for those of conditions, which come from the conditions file.

SCT codes pass SNOMED CT's check digit. The scheme 99SPINELABEL is ours: a value is never reused nor redefined.
"""

import hashlib
import re
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import yaml

from config.conditions import Code, Condition

PRIVATE_SCHEME = "99SPINELABEL"
PRIVATE_SCHEME_NAME = "Spinelabel concepts"
PRIVATE_SCHEME_VERSION = "1"

# Document and procedure
TITLE = Code("126000", "DCM", "Imaging Measurement Report")
PROCEDURE = Code("241645008", "SCT", "Magnetic resonance imaging of spine")
COMMENT = Code("121106", "DCM", "Comment")
SOURCE_REPORT = Code("128225", "DCM", "Source report")
REPLACED_REPORT = Code("121360", "DCM", "Replaced report")
DEVICE = Code("121007", "DCM", "Device")

# Measurement group
MEASUREMENT_GROUP = Code("125007", "DCM", "Measurement Group")
FROM_REPORT = Code("113868", "DCM", "Derived From Human-Readable Reports")
FROM_IMAGE = Code("IMAGE_CLASSIFIER", PRIVATE_SCHEME, "Derived from image by classifier")
SPINE = Code("421060004", "SCT", "Spine")

# Values of a group
PROBABILITY = Code("122157", "DCM", "Probability")
THRESHOLD = Code("DECISION_THRESH", PRIVATE_SCHEME, "Decision threshold")
NO_UNITS = Code("1", "UCUM", "no units")
PRESENCE = Code("121052", "DCM", "Presence of property")
PRESENT = Code("52101004", "SCT", "Present")
ABSENT = Code("272519000", "SCT", "Absent")
UNDETERMINED = Code("373068000", "SCT", "Undetermined")

# Algorithm (TID 4019); highdicom writes the names of the items
ALGORITHM_NAME = Code("111001", "DCM", "Algorithm Name")
ALGORITHM_PARAMETERS = Code("111002", "DCM", "Algorithm Parameters")
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")


class DiscCodes(NamedTuple):
    """A disc as a structure (CID 7604), and the level that it marks (CID 1003)."""

    structure: Code
    level: Code


def _disc_codes() -> dict[str, DiscCodes]:
    rows = yaml.safe_load(Path(__file__).with_name("disc_levels.yaml").read_text(encoding="utf-8"))
    return {
        level: DiscCodes(
            Code(structure, "SCT", f"{level.replace('-', '/')} disc"),
            Code(plane, "SCT", f"Level of {level.replace('-', '/')} intervertebral disc"),
        )
        for level, (structure, plane) in rows.items()
    }


DISCS = MappingProxyType(_disc_codes())
"""The codes of each disc level, from head to foot."""

_OLDER_L5_S1 = ("75782005", "SCT")
"""Intervertebral disc structure of fifth lumbar vertebra, which older writers use for L5-S1."""


def disc_level(value: str, scheme: str) -> str | None:
    """Name the level of a disc structure's code, None where the code is no disc's."""
    if (value, scheme) == _OLDER_L5_S1:
        return "L5-S1"
    return next((level for level, codes in DISCS.items() if codes.structure[:2] == (value, scheme)), None)


def finding_code(name: str, condition: Condition | None) -> Code:
    """Give the code of a condition, a private one where the conditions file has none.

    A private value is the beginning of the name and a digest of the whole name, 16 characters at most, so that old
    readers take it and two conditions never share one.
    """
    if condition is not None and condition.finding is not None:
        return condition.finding
    beginning = re.sub(r"[^A-Z0-9]", "", name.upper())[:7]
    digest = hashlib.sha256(name.encode()).hexdigest()[:8].upper()
    return Code(f"{beginning}_{digest}", PRIVATE_SCHEME, name[:64])
