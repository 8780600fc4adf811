"""`spinelabel init` and `check`: what comes before the daemon runs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from config.errors import SpinelabelError
from config.settings import load_settings
from config.settings_file import write_settings_file
from service.checks import check_installation
from service.cli import AsJson, ConfigFile, app, console
from service.deep_checks import check_deeply
from service.health import Check


@app.command()
def init(file: Annotated[Path, typer.Argument(help="The file to write.")] = Path("site.yaml")) -> None:
    """Write a settings file in which every key stands at its default, with what it means.

    Example: spinelabel init /etc/spinelabel/site.yaml
    """
    write_settings_file(file)
    console.print(f"{file} is written. Edit it, then run `spinelabel check --config {file}`.", markup=False)


@app.command()
def check(
    config: ConfigFile = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also load the models and read every stored object; takes minutes.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="With --deep: set right what can be set right without losing anything.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look before going live: settings, disk, database, ports, models, calibration, destinations.

    Nothing is changed without --repair.

    Example: spinelabel check --config site.yaml --deep
    """
    if repair and not deep:
        raise typer.BadParameter("--repair goes with --deep")
    found = list(_look(config, deep=deep, repairs=repair))
    if as_json:
        typer.echo(json.dumps([{"name": one.name, "ok": one.is_well, "reason": one.reason} for one in found]))
    else:
        table = Table("What", "", "Found, or what to do")
        for one in found:
            table.add_row(one.name, "ok" if one.is_well else "[red]not ok[/red]", escape(one.reason))
        console.print(table)
    if not all(one.is_well for one in found):
        raise typer.Exit(1)


def _look(config: Path | None, *, deep: bool, repairs: bool) -> Iterator[Check]:
    try:
        settings = load_settings(config)
    except SpinelabelError as error:
        yield Check("settings", is_well=False, reason=str(error))
        return
    yield Check("settings", is_well=True, reason=str(config or "no file; the embedded defaults hold"))
    yield from check_installation(settings)
    if deep:
        yield from check_deeply(settings, repairs=repairs)
