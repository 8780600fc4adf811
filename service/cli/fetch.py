"""`spinelabel fetch`: studies of an archive, named in a file, fetched at a rate that the archive can bear."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from sqlalchemy import Engine

from config.settings import Settings, load_settings
from service.asked_peers import queried_peers
from service.campaign_files import BadRow, Campaign, read_campaign
from service.campaigns import begin_campaign, campaign_rows, would_give
from service.cli import AsJson, ConfigFile, app, console
from service.cli.decisions import database_of
from service.errors import UnusableCampaign
from service.heartbeat import living_hosts
from service.store.columns import utc_now
from service.store.states import FetchState

LOOK_SECONDS = 1.0
ENDED = (FetchState.DONE, FetchState.GIVEN_UP)


@app.command()
def fetch(
    file: Annotated[Path, typer.Argument(help="CSV file with a column `accession` or `study_uid`.")],
    config: ConfigFile = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask the archives what they would give, and fetch nothing.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Stay and show how far it is; stopping this stops no fetching.")] = True,
    as_json: AsJson = False,
) -> None:
    """Fetch studies from the peers that may be queried: a back-load of an archive.

    Each row is kept, and fetched by the running service, no more than `fetch.campaign_per_hour` of them in an hour.
    The same file again goes on where it stopped, and asks once more for what was given up.

    Example: spinelabel fetch studies.csv --config site.yaml --dry-run
    """
    settings = load_settings(config)
    if not queried_peers(settings):
        raise UnusableCampaign("No entry of `peers` has `query` in its `may`. Add it to the archive's entry.")
    campaign = read_campaign(file)
    _report_bad(campaign.bad)
    if dry_run:
        _try_out(settings, campaign, as_json=as_json)
        return
    engine = database_of(config)
    begun = begin_campaign(engine, campaign.wanted, utc_now())
    if wait and _is_served(engine):
        _follow(engine, begun.fetches)
    elif not _is_served(engine):
        _say("The rows are kept. They are fetched once `spinelabel serve` runs.")
    _summarise(engine, begun.fetches, campaign.bad, as_json=as_json)


def _report_bad(bad: Sequence[BadRow]) -> None:
    for row in bad:
        _say(f"Line {row.line} is left out: {row.reason}")


def _try_out(settings: Settings, campaign: Campaign, *, as_json: bool) -> None:
    peers = queried_peers(settings)
    found = [would_give(settings, peers, wanted) for wanted in campaign.wanted]
    if as_json:
        bad = [vars(row) for row in campaign.bad]
        typer.echo(json.dumps({"studies": [vars(each) for each in found], "left_out": bad}))
        return
    table = Table("Asked for", "Archive", "Studies", "Objects", "Otherwise")
    for each in found:
        objects = "not told" if each.objects is None and each.studies else str(each.objects or 0)
        table.add_row(escape(each.wanted), each.peer, str(each.studies), objects, escape(each.sentence))
    console.print(table)
    console.print(f"{sum(bool(each.studies) for each in found)} of {len(found)} would be fetched; nothing was.")


def _is_served(engine: Engine) -> bool:
    return all(living_hosts(engine, role, utc_now()) for role in ("clock", "work"))


def _follow(engine: Engine, fetches: Sequence[int]) -> None:
    """Show how far the studies are until all have ended or a person stops looking."""
    columns = (TextColumn("Studies"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
    try:
        with bar:
            task = bar.add_task("", total=len(fetches))
            while True:
                ended = sum(row.state in ENDED for row in campaign_rows(engine, fetches))
                bar.update(task, completed=ended)
                if ended == len(fetches) or not _is_served(engine):
                    return
                time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        _say("The service goes on with it. The same command shows how far it is.")


def _summarise(engine: Engine, fetches: Sequence[int], bad: Sequence[BadRow], *, as_json: bool) -> None:
    rows = campaign_rows(engine, fetches)
    if as_json:
        studies = [{"wanted": row.wanted, "state": row.state, "answer": row.answer} for row in rows]
        typer.echo(json.dumps({"studies": studies, "left_out": [vars(row) for row in bad]}))
        return
    given_up = [row for row in rows if row.state == FetchState.GIVEN_UP]
    if given_up:
        table = Table("Given up", "Why")
        for row in given_up:
            table.add_row(escape(row.wanted), escape(row.answer))
        console.print(table)
    counts = {state: sum(row.state == state for row in rows) for state in FetchState}
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    left_out = f"; {len(bad)} rows left out" if bad else ""
    console.print(f"{len(rows)} studies: {told or 'none'}{left_out}.")


def _say(sentence: str) -> None:
    Console(stderr=True).print(sentence, markup=False, highlight=False, soft_wrap=True)
