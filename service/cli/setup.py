"""`spinelabel init` and `check`: what comes before the daemon runs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from config.conditions import load_conditions
from config.errors import SpinelabelError
from config.settings import Settings, load_settings
from config.settings_file import write_settings_file
from service.checks import check_installation, check_stored_objects
from service.cli import AsJson, ConfigFile, app, console
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
    as_json: AsJson = False,
) -> None:
    """Look before going live: settings, disk, database, ports, model files, destinations; nothing is changed.

    Example: spinelabel check --config site.yaml --deep
    """
    settings = load_settings(config)
    found = [Check("settings", is_well=True, reason=str(config or "embedded defaults")), *check_installation(settings)]
    if deep:
        found += [check_stored_objects(settings), *_check_models(settings)]
    if as_json:
        typer.echo(json.dumps([{"name": one.name, "ok": one.is_well, "reason": one.reason} for one in found]))
    else:
        table = Table("What", "", "Found, or what to do")
        for one in found:
            table.add_row(one.name, "ok" if one.is_well else "[red]not ok[/red]", escape(one.reason))
        console.print(table)
    if not all(one.is_well for one in found):
        raise typer.Exit(1)


def _check_models(settings: Settings) -> Iterator[Check]:
    """Load each model, which checks its files against their cards, and ask the language model about one report."""
    from pipeline.images.reading import load_image_reader
    from pipeline.reports.labelling import Report, label_reports, load_labeller
    from service.installation import SOFTWARE

    try:
        labeller = load_labeller(settings.reports.model, settings.reports.prompt, settings.data, SOFTWARE)
        (condition, *_) = load_conditions(settings.conditions)
        label_reports(labeller, [Report("check", "Normal alignment. No stenosis.")], (condition,))
        yield Check("language model answers", is_well=True, reason=labeller.engine.name)
    except SpinelabelError as error:
        yield Check("language model answers", is_well=False, reason=str(error))
    try:
        load_image_reader(settings.images.classifiers, SOFTWARE)
        yield Check("image models load", is_well=True, reason="they are what their cards say")
    except SpinelabelError as error:
        yield Check("image models load", is_well=False, reason=str(error))
