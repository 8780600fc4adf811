"""Discs for people and programs: drawn on their slice, and as JSON."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.images.errors import UnreadablePixels
from pipeline.images.series import read_headers
from pipeline.images.volume import decode_image
from pipeline.values import StudyReading

_LONG_SIDE = 900  # pixels of the picture
_COLOUR, _TEXT_COLOUR = (255, 200, 0), (255, 255, 255)
_WHITE_PERCENTILE = 99.5


def draw_discs(reading: StudyReading, paths: Sequence[Path]) -> Image.Image:
    """Draw a reading's discs, with their names, on the one image that shows the middle of most of them.

    Args:
        reading: what `read_study` gave.
        paths: the files that it was given.

    Raises:
        UnreadablePixels: the reading has no discs, or their image is not among the files.
    """
    if not reading.discs:
        raise UnreadablePixels(f"there are no discs to draw: {reading.levels_reason}")
    shown = Counter(disc.sop_instance_uid for disc in reading.discs).most_common(1)[0][0]
    headers, _ = read_headers(paths)
    header = next((header for header in headers if header.instance_uid == shown), None)
    if header is None:
        raise UnreadablePixels("the image that shows the discs is not among the files; give those that were read")
    pixels = decode_image(header)
    white = max(float(np.percentile(pixels, _WHITE_PERCENTILE)), 1e-6)
    grey = Image.fromarray((np.clip(pixels / white, 0, 1) * 255).astype(np.uint8))
    factor = _LONG_SIDE / max(grey.size)
    picture = grey.resize((round(grey.width * factor), round(grey.height * factor))).convert("RGB")
    _draw_outlines(picture, reading, factor)
    return picture


def _draw_outlines(picture: Image.Image, reading: StudyReading, factor: float) -> None:
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(16)
    for number, disc in enumerate(reading.discs, 1):
        outline = [(column * factor, row * factor) for column, row in disc.outline]
        draw.line(outline, fill=_COLOUR, width=2)
        right = max(column for column, _ in outline)
        place = (right + 8, (disc.row + 0.5) * factor)
        draw.text(
            place,
            disc.level or f"{number} (level unknown)",
            fill=_TEXT_COLOUR,
            font=font,
            anchor="lm",
            stroke_width=2,
            stroke_fill=0,
        )
    draw.text((8, 8), reading.levels_reason, fill=_TEXT_COLOUR, font=font, stroke_width=2, stroke_fill=0)


def discs_json(reading: StudyReading) -> dict[str, Any]:
    """Give a reading's discs as `spinelabel discs --json` prints them, from head to foot."""
    return {
        "series_uid": reading.series_uid,
        "levels_known": reading.levels_known,
        "reason": reading.levels_reason,
        "discs": [
            {
                "level": disc.level,
                "centre": {
                    "sop_instance_uid": disc.sop_instance_uid,
                    "row": round(disc.row, 2),
                    "column": round(disc.column, 2),
                },
                "centre_mm": [round(value, 2) for value in disc.centre_mm],
                "angle_deg": round(disc.angle_deg, 2),
                "confidence": None if disc.confidence is None else round(disc.confidence, 4),
            }
            for disc in reading.discs
        ],
    }
