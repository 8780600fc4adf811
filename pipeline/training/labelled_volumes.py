"""Real volumes with labelled vertebrae and discs, in the layout of the SPIDER data set, for sites that have such.

The layout: `images/` and `masks/` hold MetaImage files of the same names, `PATIENT_SERIES.mha`; `overview.csv`, where
there is one, says in its column `subset` which series are for training and which for validation. Labels in a mask are
1 to 25 for vertebrae from the last lumbar one up, 101 to 125 for those that are only partly in view, 100 for the spinal
canal, and 201 to 225 for discs from L5-S1 up.

Source: van der Graaf et al. 2024, Scientific Data 11:264 (data: CC BY 4.0).
"""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pipeline.images.errors import UnusableLabelledData

Part = Literal["training", "validation"]

CANAL = 100
FIRST_DISC, LAST_DISC = 201, 225
_VALIDATION_SHARE = 0.2  # of the patients, where nothing says which are for validation


@dataclass(frozen=True)
class LabelledVolume:
    """Voxels and labels (slices, rows, columns), lying as in a `Volume`; spacing in mm, in the same order."""

    name: str
    voxels: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]
    spacing_mm: tuple[float, float, float]


@dataclass(frozen=True)
class LabelledFiles:
    """An image with its mask; `name` is the file's name without its ending."""

    name: str
    image: Path
    mask: Path


def find_labelled(folder: Path, part: Part) -> tuple[LabelledFiles, ...]:
    """List the labelled series of a folder that belong to a part; a patient's series are all in one.

    A patient is what a name has before its first _. `overview.csv` may say in which part a series is, and with it all
    those of its patient.

    Raises:
        UnusableLabelledData: there are none, or the overview cannot be read or puts a patient in two parts.
    """
    subsets = _read_overview(folder / "overview.csv")
    found = []
    for image in sorted((folder / "images").glob("*.mha")):
        mask = folder / "masks" / image.name
        if mask.is_file() and _part_of(_patient_of(image.stem), subsets) == part:
            found.append(LabelledFiles(image.stem, image, mask))
    if not found:
        raise UnusableLabelledData(
            f"{folder} has no series for {part}. It needs images/NAME.mha with masks/NAME.mha, as SPIDER is published."
        )
    return tuple(found)


def _read_overview(path: Path) -> dict[str, str]:
    """Give the part of each patient of whom it says one."""
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnusableLabelledData(f"{path} is no CSV file in UTF-8. Save it as one.") from error
    if rows and not {"new_file_name", "subset"} <= rows[0].keys():
        raise UnusableLabelledData(f"{path} has no columns `new_file_name` and `subset`, with commas between.")
    subsets: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        name, subset = ((row[column] or "").strip() for column in ("new_file_name", "subset"))
        if name and subset and subsets.setdefault(_patient_of(name), subset) != subset:
            raise UnusableLabelledData(f"{path}, row {number}: the patient is in another subset above. Keep one.")
    return subsets


def _patient_of(name: str) -> str:
    return name.split("_")[0]


def _part_of(patient: str, subsets: dict[str, str]) -> str:
    if patient in subsets:
        return subsets[patient]
    digest = hashlib.sha256(patient.encode()).digest()
    return "validation" if digest[0] < 256 * _VALIDATION_SHARE else "training"


def read_labelled(files: LabelledFiles) -> LabelledVolume:
    """Read one series and turn it the way that volumes lie.

    Raises:
        UnusableLabelledData: SimpleITK is not installed, or image and mask cannot be read or do not fit.
    """
    try:
        import SimpleITK
    except ImportError as error:
        raise UnusableLabelledData("SimpleITK reads labelled volumes: pip install 'spinelabel[volumes]'.") from error
    try:
        both = [SimpleITK.ReadImage(str(path)) for path in (files.image, files.mask)]
        image, mask = (SimpleITK.DICOMOrient(each, "PIL") for each in both)
    except RuntimeError as error:
        raise UnusableLabelledData(f"{files.name}: image or mask cannot be read as a MetaImage file.") from error
    voxels: Any = SimpleITK.GetArrayFromImage(image)
    labels: Any = SimpleITK.GetArrayFromImage(mask)
    if voxels.shape != labels.shape or voxels.ndim != 3:
        raise UnusableLabelledData(f"{files.name}: image {voxels.shape} and mask {labels.shape} do not fit.")
    across, down, between = image.GetSpacing()
    return LabelledVolume(
        files.name, voxels.astype(np.float32), labels.astype(np.uint8), (float(between), float(down), float(across))
    )
