"""What a person decides by hand: which study a report is about, and that a document is sent again."""

from typing import Annotated

import typer
from sqlmodel import Session, col, select

from config.settings import load_settings
from service.candidates import pair_by_hand
from service.cli import ConfigFile, app, console
from service.errors import UnknownItem
from service.store.columns import utc_now
from service.store.database import open_database, reading, writing
from service.store.states import DeliveryState
from service.store.tables import Delivery

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
    with writing(open_database(load_settings(config).data)) as session:
        pair_by_hand(session, report, study, utc_now())
    console.print(f"Report {report} is paired; the structured report follows.")


@outbox.command("list")
def list_outbox(config: ConfigFile = None) -> None:
    """List the deliveries that have not been made.

    Example: spinelabel outbox list --config site.yaml
    """
    with reading(open_database(load_settings(config).data)) as session:
        for row in session.exec(select(Delivery).where(Delivery.state != DeliveryState.DELIVERED)):
            line = f"{row.id} to {row.destination}: {row.state}, {row.attempts} attempts. {row.answer}"
            console.print(line, markup=False, soft_wrap=True)


@outbox.command()
def retry(
    delivery: Annotated[int | None, typer.Argument(help="Number of the delivery; else all refused ones.")] = None,
    config: ConfigFile = None,
) -> None:
    """Send again what a destination refused, or what waits for its next attempt.

    Example: spinelabel outbox retry 7 --config site.yaml
    """
    with writing(open_database(load_settings(config).data)) as session:
        chosen = _chosen(session, delivery)
        for row in chosen:
            row.state, row.next_attempt = DeliveryState.WAITING, utc_now()
            session.add(row)
    console.print(f"{len(chosen)} deliveries are tried again.")


def _chosen(session: Session, number: int | None) -> list[Delivery]:
    if number is None:
        return list(session.exec(select(Delivery).where(Delivery.state == DeliveryState.REFUSED)))
    tried = (DeliveryState.REFUSED, DeliveryState.WAITING)
    found = session.exec(select(Delivery).where(Delivery.id == number, col(Delivery.state).in_(tried))).all()
    if not found:
        raise UnknownItem(f"No delivery {number} waits or was refused. See `spinelabel outbox list`.")
    return list(found)
