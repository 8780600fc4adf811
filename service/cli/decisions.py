"""What a person decides by hand: what belongs together, what is complete, and what is tried again."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine

from config.conditions import DISC_LEVELS
from config.settings import load_settings
from pipeline.images.numbering import NO_LEVELS
from service.cli import ConfigFile, app, console
from service.numbering import number_by_hand
from service.second_tries import accept_study, complete_study, try_again
from service.store.columns import utc_now
from service.store.database import open_database, writing
from service.store.rights import keep_private
from service.store.upgrade import upgrade_database

study = typer.Typer(help="Studies that wait for a person.", no_args_is_help=True)
app.add_typer(study, name="study")


@study.command()
def accept(
    name: Annotated[str, typer.Argument(help="Study Instance UID or accession number.")], config: ConfigFile = None
) -> None:
    """Go on with a study whose objects carry two patient IDs, under the first of them.

    Example: spinelabel study accept A123456 --config site.yaml
    """
    with writing(database_of(config)) as session:
        accept_study(session, name)
    console.print("The study goes on under its first patient ID.")


@study.command()
def complete(
    name: Annotated[str, typer.Argument(help="Study Instance UID or accession number.")], config: ConfigFile = None
) -> None:
    """Wait for nothing more of a study: read and write up what is there; what comes later supersedes.

    Example: spinelabel study complete A123456 --config site.yaml
    """
    with writing(database_of(config)) as session:
        undecided = complete_study(session, name, utc_now())
    console.print(undecided or "The study is read and written up with what there is.", markup=False)


@study.command()
def levels(
    name: Annotated[str, typer.Argument(help="Study Instance UID or accession number.")],
    lowest: Annotated[
        str, typer.Option(help="Level of the lowest disc found, as L5-S1; `none` where levels cannot be told.")
    ] = "",
    config: ConfigFile = None,
) -> None:
    """Name the discs of a study by hand; findings and the structured report follow. Without --lowest, as counted.

    Example: spinelabel study levels A123456 --lowest L4-L5 --config site.yaml
    """
    if lowest and lowest != NO_LEVELS and lowest not in DISC_LEVELS:
        raise typer.BadParameter(f"{lowest} is no level; say one from {DISC_LEVELS[0]} to {DISC_LEVELS[-1]}, or none")
    with writing(database_of(config)) as session:
        number_by_hand(session, name, lowest)
    console.print("The study is read again with these names.")


@app.command()
def retry(config: ConfigFile = None) -> None:
    """Try again whatever labelling, reading and writing failed.

    Example: spinelabel retry --config site.yaml
    """
    with writing(database_of(config)) as session:
        again = try_again(session)
    console.print(f"{again} failures are tried again.")


def database_of(config: Path | None) -> Engine:
    """Open the database of an installation, brought to this release's schema."""
    data = load_settings(config).data
    keep_private()
    upgrade_database(data)
    return open_database(data)
