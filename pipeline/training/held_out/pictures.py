"""Contact sheets of drawn studies, for people to judge the drawings and the finds by."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from pipeline.images.detectors.protocol import DetectedDiscs
from pipeline.training.held_out.study import HeldOutStudy

_HEIGHT = 460
_TRUE, _UNSURE, _FOUND = (70, 220, 90), (200, 200, 60), (255, 80, 70)


def contact_sheet(studies: Sequence[tuple[HeldOutStudy, DetectedDiscs]]) -> Image.Image:
    """Set studies side by side: true discs as green rings (yellow where they do not count), found ones as red crosses.

    Each study shows the slice nearest to the middle of its discs, at the same height.
    """
    tiles = [_tile(study, found) for study, found in studies]
    sheet = Image.new("RGB", (sum(tile.width for tile in tiles), _HEIGHT))
    left = 0
    for tile in tiles:
        sheet.paste(tile, (left, 0))
        left += tile.width
    return sheet


def _tile(study: HeldOutStudy, found: DetectedDiscs) -> Image.Image:
    volume = study.volume
    places = [disc.centre[0] for disc in study.discs] or [(len(volume.voxels) - 1) / 2]
    image = volume.voxels[int(np.clip(round(float(np.median(places))), 0, len(volume.voxels) - 1))]
    grey = np.clip(image / max(float(np.percentile(volume.voxels, 99.3)), 1e-6), 0, 1) * 255
    _, row_mm, column_mm = volume.spacing_mm
    down = _HEIGHT / image.shape[0]
    across = down * column_mm / row_mm
    size = (max(1, round(image.shape[1] * across)), _HEIGHT)
    tile = Image.fromarray(grey.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC).convert("RGB")
    draw = ImageDraw.Draw(tile)
    for true in study.discs:
        x, y = (true.centre[2] + 0.5) * across, (true.centre[1] + 0.5) * down
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), outline=_TRUE if true.sure else _UNSURE)
        draw.text((x + 22, y - 6), true.level or "?", fill=_TRUE if true.sure else _UNSURE)
    for disc in found.discs:
        x, y = (disc.centre[2] + 0.5) * across, (disc.centre[1] + 0.5) * down
        draw.line((x - 3, y, x + 3, y), fill=_FOUND)
        draw.line((x, y - 3, x, y + 3), fill=_FOUND)
        draw.text((x - 52, y - 6), disc.level or "", fill=_FOUND)
    return tile
