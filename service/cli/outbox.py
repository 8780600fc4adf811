"""`spinelabel outbox`: structured reports on their way to a destination."""

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from sqlmodel import col, select

from config.settings import load_settings
from service.cli import AsJson, ConfigFile, app, console
from service.cli.decisions import database_of
from service.destinations import Outlook, outlook, silent_destinations
from service.late_destinations import send_current
from service.outbox import cancel, cancel_all, send_again, send_lost
from service.store.columns import utc_now
from service.store.database import reading, writing
from service.store.states import UNDELIVERED
from service.store.tables import Delivery, Document, Study

outbox = typer.Typer(help="Structured reports on their way to a destination.", no_args_is_help=True)
app.add_typer(outbox, name="outbox")

ToDestination = Annotated[str | None, typer.Option("--to", help="Only what is for this destination.")]


@outbox.command("list")
def list_outbox(
    config: ConfigFile = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was delivered, kept, replaced or cancelled.")
    ] = False,
    to: ToDestination = None,
    as_json: AsJson = False,
) -> None:
    """List the deliveries that have not been made or are not kept, with what the destination said.

    Example: spinelabel outbox list --config site.yaml
    """
    peers = {peer.name for peer in load_settings(config).peers}
    found = select(Delivery, Study).join(Document, col(Document.id) == Delivery.document_id).join(Study)
    if not everything:
        found = found.where(col(Delivery.state).in_(UNDELIVERED))
    if to is not None:
        found = found.where(Delivery.destination == to)
    with reading(database_of(config)) as session:
        silent = silent_destinations(session)
        rows = [
            _line(delivery, study, outlook(delivery, silent, peers))
            for delivery, study in session.exec(found.order_by(col(Delivery.id)))
        ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table("Number", "Accession", "Destination", "State", "Attempts", "Next (UTC)", "Answer")
    for row in rows:
        table.add_row(*(escape(str(value if value is not None else "")) for value in row.values()))
    console.print(table if rows else "Everything has been delivered.")


def _line(delivery: Delivery, study: Study, view: Outlook) -> dict[str, object]:
    return {
        "number": delivery.id,
        "accession": study.accession,
        "destination": delivery.destination,
        "state": str(delivery.state),
        "attempts": delivery.attempts,
        "next_attempt": f"{view.until:%Y-%m-%dT%H:%M:%SZ}" if view.until else None,
        "answer": view.sentence,
    }


@outbox.command("retry")
def retry_delivery(
    delivery: Annotated[
        int | None, typer.Argument(help="Number of the delivery; else all that are refused or not kept.")
    ] = None,
    to: ToDestination = None,
    lost: Annotated[
        bool, typer.Option("--lost", help="The destination took this delivery and has lost it since.")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Send again what destinations refused or do not keep, one delivery that waits or was cancelled, or all for one.

    Example: spinelabel outbox retry 7 --config site.yaml
    """
    _choose_one(delivery, to)
    if lost and delivery is None:
        raise typer.BadParameter("--lost goes with the number of one delivery")
    with writing(database_of(config)) as session:
        if lost and delivery is not None:
            send_lost(session, delivery, utc_now())
            again = 1
        else:
            again = send_again(session, delivery, utc_now(), destination=to)
    console.print(f"{again} deliveries are tried again.")


@outbox.command("cancel")
def cancel_delivery(
    delivery: Annotated[int | None, typer.Argument(help="Number of the delivery.")] = None,
    to: ToDestination = None,
    config: ConfigFile = None,
) -> None:
    """Send a structured report no more to a destination, or nothing of what is left for it.

    Example: spinelabel outbox cancel 7 --config site.yaml
    """
    _choose_one(delivery, to)
    with writing(database_of(config)) as session:
        if delivery is not None:
            cancel(session, delivery)
            console.print(f"Delivery {delivery} is cancelled; `spinelabel outbox retry {delivery}` revives it.")
        elif to is not None:
            console.print(f"{cancel_all(session, to)} deliveries to {to} are cancelled.", markup=False)
        else:
            raise typer.BadParameter("name a delivery by its number, or a destination with --to")


@outbox.command("send")
def send_to_destination(
    destination: Annotated[str, typer.Argument(help="Peer of an entry of `destinations`.")],
    study: Annotated[str | None, typer.Argument(help="Study Instance UID or accession number; else all.")] = None,
    config: ConfigFile = None,
) -> None:
    """Send a destination that was added later the current structured reports, which it has not got yet.

    Example: spinelabel outbox send archive --config site.yaml
    """
    with writing(database_of(config)) as session:
        sent = send_current(session, load_settings(config), destination, study, utc_now())
    console.print(f"{sent} structured reports are sent to {destination}.", markup=False)


def _choose_one(delivery: int | None, to: str | None) -> None:
    if delivery is not None and to is not None:
        raise typer.BadParameter("name a delivery or a destination, not both")
