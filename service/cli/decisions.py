"""What a person decides by hand: what belongs together, and what is tried again."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy import Engine
from sqlmodel import col, select

from config.settings import load_settings
from service.candidates import pair_by_hand
from service.cli import AsJson, ConfigFile, app, console
from service.outbox import cancel, send_again
from service.second_tries import accept_study, complete_study, try_again
from service.store.columns import utc_now
from service.store.database import open_database, reading, writing
from service.store.states import UNDELIVERED, DeliveryState
from service.store.tables import Delivery, Document, Study
from service.store.upgrade import upgrade_database

study = typer.Typer(help="Studies that wait for a person.", no_args_is_help=True)
app.add_typer(study, name="study")
outbox = typer.Typer(help="Structured reports on their way to a destination.", no_args_is_help=True)
app.add_typer(outbox, name="outbox")


@app.command()
def pair(
    report: Annotated[int, typer.Argument(help="Number of the report, as the page lists it.")],
    study: Annotated[str, typer.Argument(help="Study Instance UID or accession number.")],
    config: ConfigFile = None,
) -> None:
    """Pair a report with a study.

    Example: spinelabel pair 12 A123456 --config site.yaml
    """
    with writing(_database(config)) as session:
        pair_by_hand(session, report, study, utc_now())
    console.print(f"Report {report} is paired; the structured report follows.")


@study.command()
def accept(
    name: Annotated[str, typer.Argument(help="Study Instance UID or accession number.")], config: ConfigFile = None
) -> None:
    """Go on with a study whose objects carry two patient IDs, under the first of them.

    Example: spinelabel study accept A123456 --config site.yaml
    """
    with writing(_database(config)) as session:
        accept_study(session, name)
    console.print("The study goes on under its first patient ID.")


@study.command()
def complete(
    name: Annotated[str, typer.Argument(help="Study Instance UID or accession number.")], config: ConfigFile = None
) -> None:
    """Wait for nothing more of a study: read and write up what is there; what comes later supersedes.

    Example: spinelabel study complete A123456 --config site.yaml
    """
    with writing(_database(config)) as session:
        undecided = complete_study(session, name, utc_now())
    console.print(undecided or "The study is read and written up with what there is.", markup=False)


@app.command()
def retry(config: ConfigFile = None) -> None:
    """Try again whatever labelling, reading and writing failed.

    Example: spinelabel retry --config site.yaml
    """
    with writing(_database(config)) as session:
        again = try_again(session)
    console.print(f"{again} failures are tried again.")


@outbox.command("list")
def list_outbox(
    config: ConfigFile = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what was delivered, replaced or cancelled.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the deliveries that have not been made, with what the destination said.

    Example: spinelabel outbox list --config site.yaml
    """
    found = select(Delivery, Study).join(Document, col(Document.id) == Delivery.document_id).join(Study)
    if not everything:
        found = found.where(col(Delivery.state).in_(UNDELIVERED))
    with reading(_database(config)) as session:
        rows = [_delivery(delivery, study) for delivery, study in session.exec(found.order_by(col(Delivery.id)))]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table("Number", "Accession", "Destination", "State", "Attempts", "Next (UTC)", "Answer")
    for row in rows:
        table.add_row(*(str(row[name] or "") for name in row))
    console.print(table if rows else "Everything has been delivered.")


def _delivery(delivery: Delivery, study: Study) -> dict[str, object]:
    waits = delivery.state == DeliveryState.WAITING
    return {
        "number": delivery.id,
        "accession": study.accession,
        "destination": delivery.destination,
        "state": str(delivery.state),
        "attempts": delivery.attempts,
        "next_attempt": f"{delivery.next_attempt:%Y-%m-%dT%H:%M:%SZ}" if waits else None,
        "answer": delivery.answer,
    }


@outbox.command("retry")
def retry_delivery(
    delivery: Annotated[int | None, typer.Argument(help="Number of the delivery; else all refused ones.")] = None,
    config: ConfigFile = None,
) -> None:
    """Send again what a destination refused, or one delivery that waits or was cancelled.

    Example: spinelabel outbox retry 7 --config site.yaml
    """
    with writing(_database(config)) as session:
        again = send_again(session, delivery, utc_now())
    console.print(f"{again} deliveries are tried again.")


@outbox.command("cancel")
def cancel_delivery(
    delivery: Annotated[int, typer.Argument(help="Number of the delivery.")], config: ConfigFile = None
) -> None:
    """Send a structured report no more to a destination.

    Example: spinelabel outbox cancel 7 --config site.yaml
    """
    with writing(_database(config)) as session:
        cancel(session, delivery)
    console.print(f"Delivery {delivery} is cancelled; `spinelabel outbox retry {delivery}` revives it.")


def _database(config: Path | None) -> Engine:
    data = load_settings(config).data
    upgrade_database(data)
    return open_database(data)
