"""The slice through the middle of the discs, with discs, names and scores, for page, command, PDF and PACS."""

import textwrap
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.images.errors import UnreadablePixels
from pipeline.images.headers import ImageHeader
from pipeline.images.series import read_headers
from pipeline.images.volume import decode_image
from pipeline.values import Disc, Finding, Source, StudyReading

LIMITS = "Machine-made, and reviewed by no person. A level may be misnamed. Not for diagnosis."
"""What discs on a picture cannot do, whatever detector found them."""

_HEIGHT, _PANEL = 900, 420  # pixels of the slice's height, and of the panel beside it
_COLOUR, _INFERRED_COLOUR, _TEXT_COLOUR = (255, 200, 0), (120, 160, 255), (255, 255, 255)
_WHITE_PERCENTILE = 99.5
_FONT_SIZE, _LINE, _MARGIN = 16, 21, 12
_CHARACTERS = 44  # of a line in the panel


@dataclass(frozen=True)
class Captions:
    """What a picture says: of its levels, beside each level, of the patient as a whole, and where its limits are."""

    levels: str
    beside: Mapping[str, str]
    whole: tuple[str, ...] = ()
    limits: str = ""


def caption(findings: Sequence[Finding], levels: str, limits: str = "") -> Captions:
    """Word the findings from images for a picture.

    Args:
        findings: of any source; those from images are shown.
        levels: from what the levels were counted, or why they are unknown.
        limits: what the models behind the findings cannot do.
    """
    beside: dict[str, list[str]] = defaultdict(list)
    whole = []
    for finding in findings:
        if finding.source is not Source.IMAGE:
            continue
        said = finding.state.value if finding.answer is not None else f"{finding.state.value}, not read"
        if finding.probability is not None:
            said += f" ({finding.probability:.2f})"
        words = f"{finding.condition} {said}"
        if finding.level is None:
            whole.append(words)
        elif finding.disc is not None:
            beside[finding.level].append(words)
    return Captions(levels, {level: ", ".join(words) for level, words in beside.items()}, tuple(whole), limits)


def found_by(detector: str) -> str:
    """Say what found the discs: its name, with its licence where it is another project's, without its digest."""
    return f"Discs found by {detector.partition('@')[0]}."


def find_shown(reading: StudyReading, paths: Sequence[Path]) -> ImageHeader:
    """Find the image to draw a reading's discs on, among the files that `read_study` was given.

    Raises:
        UnreadablePixels: the reading has no discs, or their image is not among the files.
    """
    if not reading.discs:
        raise UnreadablePixels(f"there are no discs to draw: {reading.levels_reason}")
    shown = shown_image(reading.discs)
    for header in read_headers(paths)[0]:
        if (header.instance_uid, header.frame) == shown:
            return header
    raise UnreadablePixels("the image that shows the discs is not among the files; give those that were read")


def shown_image(discs: Sequence[Disc]) -> tuple[str, int | None]:
    """Give the one image that shows the middle of most discs: its SOP Instance UID, and its frame if it has several."""
    return Counter((disc.sop_instance_uid, disc.frame) for disc in discs).most_common(1)[0][0]


def draw_discs(image: ImageHeader, discs: Sequence[Disc], captions: Captions) -> Image.Image:
    """Draw discs on an image, with their names and scores in a panel beside it.

    Discs whose place was inferred are drawn in another colour.

    Returns:
        An RGB picture, 900 pixels high, or higher where the words need more.

    Raises:
        UnreadablePixels: the image cannot be decoded.
    """
    pixels = decode_image(image)
    white = max(float(np.percentile(pixels, _WHITE_PERCENTILE)), 1e-6)
    grey = Image.fromarray((np.clip(pixels / white, 0, 1) * 255).astype(np.uint8))
    row_mm, column_mm = image.plane.spacing if image.plane else (1.0, 1.0)
    down = _HEIGHT / grey.height
    across = down * column_mm / row_mm
    width = round(grey.width * across)
    picture = Image.new("RGB", (width + _PANEL, 2 * _HEIGHT))
    picture.paste(grey.resize((width, _HEIGHT), Image.Resampling.BICUBIC), (0, 0))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(_FONT_SIZE)
    top = _write(draw, font, (width + _MARGIN, _MARGIN), captions.levels)
    beside = _draw_each(draw, font, discs, (captions, (across, down), (width, top)))
    foot = [*captions.whole, captions.limits]
    lines = sum(len(textwrap.wrap(text, _CHARACTERS)) for text in foot)
    row = max(_HEIGHT - _MARGIN - lines * _LINE, beside + _LINE / 2)
    for text in foot:
        row = _write(draw, font, (width + _MARGIN, row), text)
    return picture.crop((0, 0, picture.width, max(_HEIGHT, round(row) + _MARGIN)))


def _draw_each(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    discs: Sequence[Disc],
    layout: tuple[Captions, tuple[float, float], tuple[float, float]],
) -> float:
    """Draw the outlines, each with a line to its words, which move down where they would lie over each other.

    Give where the next words can stand.
    """
    captions, (across, down), (width, free) = layout
    for number, disc in enumerate(discs, 1):
        colour = _INFERRED_COLOUR if disc.confidence == 0 else _COLOUR
        outline = [(column * across, row * down) for column, row in disc.outline]
        draw.line(outline, fill=colour, width=2)
        middle = (disc.row + 0.5) * down
        at = max(middle - _LINE / 2, free)
        draw.line([(max(column for column, _ in outline), middle), (width + 6, at + _LINE / 2)], fill=colour, width=1)
        words = disc.level or f"disc {number}, level unknown"
        if said := captions.beside.get(disc.level or ""):
            words += f": {said}"
        free = _write(draw, font, (width + _MARGIN, at), words)
    return free


def _write(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    place: tuple[float, float],
    text: str,
) -> float:
    """Write text in lines of the panel's width; give where the next line begins."""
    column, row = place
    for line in textwrap.wrap(text, _CHARACTERS):
        draw.text((column, row), line, fill=_TEXT_COLOUR, font=font)
        row += _LINE
    return row
