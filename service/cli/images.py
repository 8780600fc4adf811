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
    found = discs_json(reading)
    if picture is not None and reading.discs:
        _save(reading, files, picture, settings.dicom.charset)
    if as_json:
        typer.echo(json.dumps(found))
        return
    console.print(f"{reading.reason}. {reading.levels_reason}.", markup=False, soft_wrap=True)
    console.print(f"Found by {reader.detector.name}.", markup=False, soft_wrap=True)
    for disc in reading.discs:
        name = disc.level or "level unknown"
        confidence = "" if disc.confidence is None else f", confidence {disc.confidence:.2f}"
        console.print(f"{name}: row {disc.row:.0f}, column {disc.column:.0f}{confidence}")


def _save(reading: "StudyReading", files: Sequence[Path], target: Path, charset: str) -> None:
    from pydicom import dcmread

    from integrations.captures import write_capture
    from pipeline.images.picture import caption, draw_discs, find_shown
    from service.installation import SOFTWARE

    shown = find_shown(reading, files)
    drawn = draw_discs(shown, reading.discs, caption(reading.findings, reading.levels_reason))
    if target.suffix.lower() == ".dcm":
        image = dcmread(shown.path, stop_before_pixels=True)
        capture = write_capture(drawn, image, SOFTWARE, datetime.now(UTC).astimezone(), charset)
        capture.save_as(target, enforce_file_format=True)
    else:
        drawn.save(target)
