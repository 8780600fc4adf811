"""`spinelabel discs`: the discs of a study, from files."""

import json
from pathlib import Path
from typing import Annotated

import typer

from config.settings import ImageSettings, Settings
from service.cli import AsJson, app, console


@app.command()
def discs(
    folder: Annotated[Path, typer.Argument(help="Folder with the DICOM files of one study.", exists=True)],
    picture: Annotated[Path | None, typer.Option(help="Draw the discs on their slice into this PNG file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find the discs of the sagittal T2 series and say where they are, storing nothing.

    Example: spinelabel discs FOLDER --picture discs.png
    """
    from pipeline.images.picture import discs_json, draw_discs
    from pipeline.images.reading import load_image_reader, read_study
    from service.installation import SOFTWARE

    files = sorted(path for path in folder.rglob("*") if path.is_file())
    reading = read_study(load_image_reader(ImageSettings(), Settings().data, SOFTWARE), files, ())
    found = discs_json(reading)
    if picture is not None and reading.discs:
        draw_discs(reading, files).save(picture, format="PNG")
    if as_json:
        typer.echo(json.dumps(found))
        return
    console.print(f"{reading.reason}. {reading.levels_reason}.", markup=False, soft_wrap=True)
    for disc in reading.discs:
        name = disc.level or "level unknown"
        console.print(f"{name}: row {disc.row:.0f}, column {disc.column:.0f}, confidence {disc.confidence:.2f}")
