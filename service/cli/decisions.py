"""What a person decides by hand: what belongs together, and what is tried again."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from config.settings import load_settings
from service.candidates import pair_by_hand
from service.cli import ConfigFile, app, console
from service.errors import UnknownItem
from service.second_tries import accept_study, try_again
from service.store.columns import utc_now
from service.store.database import open_database, reading, writing
from service.store.states import UNDELIVERED, DeliveryState
from service.store.tables import Delivery
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


@app.command()
def retry(config: ConfigFile = None) -> None:
    """Try again whatever labelling, reading and writing failed.

    Example: spinelabel retry --config site.yaml
    """
    with writing(_database(config)) as session:
        again = try_again(session)
    console.print(f"{again} failures are tried again.")


@outbox.command("list")
def list_outbox(config: ConfigFile = None) -> None:
    """List the deliveries that have not been made.

    Example: spinelabel outbox list --config site.yaml
    """
    with reading(_database(config)) as session:
        for row in session.exec(select(Delivery).where(col(Delivery.state).in_(UNDELIVERED))):
            line = f"{row.id} to {row.destination}: {row.state}, {row.attempts} attempts. {row.answer}"
            console.print(line, markup=False, soft_wrap=True)


@outbox.command("retry")
def send_again(
    delivery: Annotated[int | None, typer.Argument(help="Number of the delivery; else all refused ones.")] = None,
    config: ConfigFile = None,
) -> None:
    """Send again what a destination refused, or what waits for its next attempt.

    Example: spinelabel outbox retry 7 --config site.yaml
    """
    with writing(_database(config)) as session:
        chosen = _chosen(session, delivery)
        for row in chosen:
            row.state, row.next_attempt = DeliveryState.WAITING, utc_now()
            session.add(row)
    console.print(f"{len(chosen)} deliveries are tried again.")


def _database(config: Path | None) -> Engine:
    data = load_settings(config).data
    upgrade_database(data)
    return open_database(data)


def _chosen(session: Session, number: int | None) -> list[Delivery]:
    if number is None:
        return list(session.exec(select(Delivery).where(Delivery.state == DeliveryState.REFUSED)))
    tried = (DeliveryState.REFUSED, DeliveryState.WAITING)
    found = session.exec(select(Delivery).where(Delivery.id == number, col(Delivery.state).in_(tried))).all()
    if not found:
        raise UnknownItem(f"No delivery {number} waits or was refused. See `spinelabel outbox list`.")
    return list(found)
