"""`spinelabel reconcile`: the receipt ledger."""

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from config.settings import load_settings
from service.cli import AsJson, ConfigFile, app, console
from service.cli.decisions import database_of
from service.compared import Comparison, compare
from service.ledger import Chapter, Ledger, account
from service.ledger_places import PLACES, Standing
from service.store.database import reading
from service.store.objects import ObjectStore


@app.command()
def reconcile(
    config: ConfigFile = None,
    destination: Annotated[
        str | None, typer.Option("--with", help="Also ask this destination by C-FIND what it has; it must be a peer.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Account for everything that was received: each object and message has one outcome, or is open and listed.

    Ends with status 1 where something is unaccounted for, or the destination has less than it took or more than came.

    Example: spinelabel reconcile --with pacs --config site.yaml
    """
    settings = load_settings(config)
    engine = database_of(config)
    with reading(engine) as session:
        ledger = account(session)
    compared = (
        compare(engine, ObjectStore(settings.data), settings.peer(destination), settings.dicom.ae_title)
        if destination
        else None
    )
    if as_json:
        typer.echo(json.dumps(_as_values(ledger, compared)))
    else:
        _show(ledger)
        if compared is not None:
            _show_comparison(compared)
    if not ledger.is_closed or (compared is not None and not compared.agrees):
        raise typer.Exit(1)


def _as_values(ledger: Ledger, compared: Comparison | None) -> dict[str, object]:
    values: dict[str, object] = {"closed": ledger.is_closed}
    for chapter in Chapter:
        lines = [line for line in ledger.lines if line.chapter == chapter]
        places: dict[str, dict[str, int]] = {str(standing): {} for standing in Standing}
        for line in lines:
            place = PLACES[line.place]
            places[place.standing][place.words] = line.count
        values[chapter] = {"count": sum(line.count for line in lines), **places}
    values["named"] = list(ledger.unaccounted)
    if compared is not None:
        values["compared"] = {
            "documents": compared.documents,
            "studies": compared.studies,
            "lacking": list(compared.lacking),
            "fuller": list(compared.fuller),
            "unanswered": compared.unanswered,
        }
    return values


def _show(ledger: Ledger) -> None:
    table = Table("What", "Standing", "Where it stands", "Count")
    for line in ledger.lines:
        place = PLACES[line.place]
        table.add_row(line.chapter, place.standing, place.words, str(line.count))
    console.print(table)
    for name in ledger.unaccounted:
        console.print(escape(name), style="red")
    unaccounted = ledger.count(Standing.UNACCOUNTED)
    console.print(
        f"{unaccounted} are unaccounted for; `spinelabel check --deep` looks for the cause."
        if unaccounted
        else f"The ledger is closed: nothing is unaccounted for, {ledger.count(Standing.OPEN)} are open."
    )


def _show_comparison(compared: Comparison) -> None:
    for sentence in (*compared.lacking, *compared.fuller, compared.unanswered):
        if sentence:
            console.print(escape(sentence), style="red")
    if compared.agrees:
        console.print(
            f"It has all {compared.documents} reports that it took, and no more of {compared.studies} studies."
        )
