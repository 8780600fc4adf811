"""`spinelabel discs`: the discs of a study, from files."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.settings import load_settings
from service.cli import AsJson, ConfigFile, app, console

if TYPE_CHECKING:
    from pipeline.values import StudyReading


@app.command()
def discs(
    folder: Annotated[Path, typer.Argument(help="Folder with the DICOM files of one study.", exists=True)],
    picture: Annotated[
        Path | None,
        typer.Option(help="Draw the discs on their slice into this file: .png, .pdf, or .dcm (secondary capture)."),
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Find the discs of the sagittal T2 series with the site's detector and say where they are, storing nothing.

    Example: spinelabel discs FOLDER --picture discs.png
    """
    from pipeline.images.disc_values import discs_json
    from pipeline.images.reader import load_image_reader
    from pipeline.images.reading import read_study
    from service.installation import SOFTWARE

    if picture is not None and picture.suffix.lower() not in {".png", ".pdf", ".dcm"}:
        raise typer.BadParameter(f"{picture.name} ends in none of .png, .pdf and .dcm")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    settings = load_settings(config)
    reader = load_image_reader(settings.images.model_copy(update={"classifiers": "none"}), settings.data, SOFTWARE)
    reading = read_study(reader, files, ())
    detector = reader.detector.name
    if picture is not None:
        _save(reading, files, (picture, detector, settings.dicom.charset))
    if as_json:
        typer.echo(json.dumps(discs_json(reading, detector)))
        return
    console.print(f"{reading.reason}. {reading.levels_reason}.", markup=False, soft_wrap=True)
    console.print(f"Found by {detector}.", markup=False, soft_wrap=True)
    for disc in reading.discs:
        name = disc.level or "level unknown"
        confidence = "" if disc.confidence is None else f", confidence {disc.confidence:.2f}"
        console.print(f"{name}: row {disc.row:.0f}, column {disc.column:.0f}{confidence}")


def _save(reading: "StudyReading", files: Sequence[Path], wanted: tuple[Path, str, str]) -> None:
    """Draw a reading into a file; `wanted` is the file, the detector's name, and the fallback character set."""
    from pydicom import dcmread

    from integrations.captures import write_capture
    from pipeline.images.picture import LIMITS, caption, draw_discs, find_shown, found_by
    from service.installation import SOFTWARE

    target, detector, charset = wanted
    shown = find_shown(reading, files)
    limits = f"{found_by(detector)} {LIMITS}"
    drawn = draw_discs(shown, reading.discs, caption(reading.findings, reading.levels_reason, limits))
    if target.suffix.lower() == ".dcm":
        image = dcmread(shown.path, stop_before_pixels=True)
        capture = write_capture(drawn, image, SOFTWARE, datetime.now(UTC).astimezone(), charset)
        capture.DerivationDescription = limits
        capture.save_as(target, enforce_file_format=True)
    else:
        drawn.save(target)
