"""`spinelabel reprocess`: what was received, through again with the present settings."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from config.settings import load_settings
from service.cli import AsJson, ConfigFile, app, console
from service.cli.decisions import database_of
from service.reprocessing import Chosen, choose, reprocess_messages
from service.store.states import MessageState

reprocess = typer.Typer(help="Send what was received through again with the present settings.", no_args_is_help=True)
app.add_typer(reprocess, name="reprocess")
_DAYS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M"]


@reprocess.command()
def messages(
    numbers: Annotated[list[int] | None, typer.Argument(help="Numbers of messages, as their pages name them.")] = None,
    state: Annotated[MessageState | None, typer.Option(help="All messages of a state.")] = None,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=_DAYS, help="Messages received from this day on.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=_DAYS, help="Messages received before this day.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would come of it.")] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Process stored messages again, such as those that were refused before the settings were corrected.

    Days and times are of the site's zone (hl7.time_zone). Look first with --dry-run.

    Example: spinelabel reprocess messages --state refused --dry-run --config site.yaml
    """
    if not numbers and state is None and since is None and until is None:
        raise typer.BadParameter("name messages by number, --state, --from or --to")
    settings = load_settings(config)
    zone = ZoneInfo(settings.hl7.time_zone)
    first, last = (day and day.replace(tzinfo=zone).astimezone(UTC) for day in (since, until))
    engine = database_of(config)
    chosen = choose(engine, Chosen(tuple(numbers or ()), state, first, last))
    done = list(reprocess_messages(engine, settings, chosen, dry_run=dry_run))
    if as_json:
        typer.echo(json.dumps({"dry_run": dry_run, "messages": [asdict(one) for one in done]}))
        return
    table = Table("Message", "Was", "Would be" if dry_run else "Is", "Why, or what changes")
    for one in done:
        table.add_row(str(one.message), one.before, one.after, one.what)
    console.print(table)
    if dry_run:
        console.print("Nothing was changed. Without --dry-run it is.")
