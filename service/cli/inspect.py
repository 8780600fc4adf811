"""`spinelabel inspect`: what we would make of messages and studies, storing nothing."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from config.settings import load_settings
from service.cli import AsJson, ConfigFile, app, console

inspect = typer.Typer(help="Say what would be made of files, storing nothing.", no_args_is_help=True)
app.add_typer(inspect, name="inspect")
_AS_IT_IS: dict[str, Any] = {"markup": False, "soft_wrap": True, "highlight": False}


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
        _print_message(message)
    for report in found["reports"]:
        _print_report(report)
    for one in found["identities"]:
        console.print(f"Patient {one['id']} ({one['authority']}) is now {one['current']}.", **_AS_IT_IS)


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


def _print_message(message: dict[str, Any]) -> None:
    acks = [ack for ack in (message["commit_ack"], message["ack"]) if ack]
    code = " and ".join(ack["code"] for ack in acks) or "no acknowledgement"
    kind = message["message_type"] or "no message that can be read"
    console.print(f"{message['file']}: {kind} {message['control_id'] or ''}: answered with {code}.", **_AS_IT_IS)
    if err := next((ack["err"] for ack in acks if ack["err"]), None):
        place = f"{err['segment']}-{err['field']}" if err["field"] else err["segment"]
        console.print(f"  Refused: {err['problem']} (ERR at {place}, code {err['code']} of table 0357)", **_AS_IT_IS)
    if message["sender_entry"]:
        changes = "; ".join(message["changed"]) or "nothing of this message"
        console.print(f"  hl7.senders entry {message['sender_entry']!r} changed: {changes}", **_AS_IT_IS)
    for note in message["noted"]:
        console.print(f"  noted: {note}", **_AS_IT_IS)


def _print_report(report: dict[str, Any]) -> None:
    name = report["accession"] or report["study_uid"] or "without a number"
    console.print(f"Report {name}: {report['status']}. {' '.join(report['why'])}", **_AS_IT_IS)
    for reason in report["review"]:
        console.print(f"  for a person: {reason}", **_AS_IT_IS)
    for key, value in report.items():
        if value and key not in {"text", "why", "review", "status", "sections"}:
            console.print(f"  {key.replace('_', ' ')}: {value}", **_AS_IT_IS)
    for line in report["text"].split("\n"):
        console.print(f"  | {line}", **_AS_IT_IS)


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
