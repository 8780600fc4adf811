"""Volumes written as the files of a study, lying in the patient as their place says."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tests.pipeline.images.phantom import mr_image, save_all

Place = tuple[float, float, float]


def write_study(
    voxels: np.ndarray,
    folder: Path,
    *,
    spacing: tuple[float, float, float] = (4.4, 1.0, 1.0),
    at: Place = (-26.4, -90.0, 150.0),
    changes: Mapping[str, object] | None = None,
    name: str = "1",
) -> list[Path]:
    """Write voxels (slices, rows, columns) as a sagittal T2 series, its first voxel's middle at a place in the patient.

    `changes` are elements of the images by keyword; series of one study have names of their own.
    """
    scale = 1000 / max(float(np.percentile(voxels, 99)), 1e-6)
    images = []
    for number, plane in enumerate(voxels, 1):
        ds = mr_image(number, (at[0] + (number - 1) * spacing[0], at[1], at[2]))
        ds.SeriesInstanceUID = f"2.25.7{name}"
        ds.SOPInstanceUID = f"2.25.7{name}.{number}"
        ds.FrameOfReferenceUID = "2.25.77"
        ds.Rows, ds.Columns = plane.shape
        ds.PixelSpacing = [spacing[1], spacing[2]]
        ds.PixelData = np.clip(plane * scale, 0, 4095).astype(np.uint16).tobytes()
        for keyword, value in (changes or {}).items():
            setattr(ds, keyword, value)
        images.append(ds)
    target = folder / name
    target.mkdir()
    return save_all(images, target)
