"""`spinelabel inspect`: what we would make of messages and studies, storing nothing."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from config.settings import load_settings
from service.cli import AsJson, ConfigFile, app, console

inspect = typer.Typer(help="Say what would be made of files, storing nothing.", no_args_is_help=True)
app.add_typer(inspect, name="inspect")


@inspect.command()
def hl7(
    files: Annotated[list[Path], typer.Argument(help="Files of HL7 messages, with or without framing.", exists=True)],
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Say what the feed reader takes from messages, how each is acknowledged, and which reports are current after all.

    Example: spinelabel inspect hl7 message.hl7 --json
    """
    from integrations.hl7.inspection import inspect_messages

    found = inspect_messages(files, load_settings(config).hl7)
    if as_json:
        typer.echo(json.dumps(found))
        return
    for message in found["messages"]:
        ack = message["ack"] or message["commit_ack"] or {"code": "no acknowledgement"}
        notes = "; ".join(message["noted"])
        console.print(f"{message['file']}: {message['message_type']}, {ack['code']}. {notes}", markup=False)
    for report in found["reports"]:
        _print_all(report)


@inspect.command()
def study(
    folder: Annotated[Path, typer.Argument(help="Folder with DICOM files.", exists=True)], as_json: AsJson = False
) -> None:
    """Say which series are there, and which is chosen and why.

    Example: spinelabel inspect study FOLDER
    """
    from pipeline.images.inspection import inspect_study

    found = inspect_study(sorted(path for path in folder.rglob("*") if path.is_file()))
    if as_json:
        typer.echo(json.dumps(found))
        return
    for one in found["studies"]:
        console.print(f"Study {one['study_uid']}: {one['reason']}", markup=False, soft_wrap=True)
        for series in one["series"]:
            console.print(f"  {_series_line(series)}", markup=False, soft_wrap=True)
        for problem in one["problems"]:
            console.print(f"  {problem['file']}: {problem['reason']}", markup=False, soft_wrap=True)


def _series_line(series: dict[str, Any]) -> str:
    """Word one series: whether it is read, what a PACS shows of it, what we measured, and why."""
    mark = "READ  " if series["chosen"] else "usable" if series["usable"] else "no    "
    number = "-" if series["number"] is None else series["number"]
    parts = [f"{mark} series {number}, {series['description'] or 'without a name'}: {series['images']} images"]
    if series["shape"]:
        _, rows, columns = series["shape"]
        between, row, column = series["spacing_mm"]
        parts.append(f"{series['orientation']} {series['weighting']}{' fs' if series['fat_suppressed'] else ''}")
        apart = "no even spacing" if between is None else f"{between:g} mm apart"
        parts.append(f"{series['slices']} slices of {rows} x {columns}, {apart}, pixels {row:.3g} x {column:.3g} mm")
    return "; ".join([*parts, series["reason"], series["series_uid"]])


def _print_all(values: dict[str, Any]) -> None:
    console.print("; ".join(f"{name} {value}" for name, value in values.items() if value), markup=False, soft_wrap=True)
