"""`spinelabel object` and `spinelabel reprocess objects`: received objects that wait for a person."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from config.settings import load_settings
from service.cli import AsJson, ConfigFile, app, console
from service.cli.decisions import database_of
from service.cli.reprocess import reprocess
from service.object_decisions import conflicts_of, dismiss, reopen, take_into_use
from service.receiving import Receiving
from service.refused_objects import Prospect, go_through_again, kept_objects, prospect, refused_numbers
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.states import ObjectState

object_commands = typer.Typer(
    help="Received objects that wait for a person: refused ones, and those that came again with other content.",
    no_args_is_help=True,
)
app.add_typer(object_commands, name="object")

Numbers = Annotated[list[int] | None, typer.Argument(help="Numbers of the objects, as they are listed.")]
OfStudy = Annotated[
    str, typer.Option("--study", help="Study Instance UID or accession number: all that waits of that study.")
]
WAITING = (ObjectState.REFUSED, ObjectState.CONFLICT)


@object_commands.command("list")
def list_objects(
    config: ConfigFile = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what was dismissed.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the objects that wait for a person, with the reason and the file to look at.

    Example: spinelabel object list --config site.yaml
    """
    receiving = receiving_of(config)
    states = (*WAITING, ObjectState.DISMISSED) if everything else WAITING
    with reading(receiving.engine) as session:
        kept = kept_objects(session, receiving, states)
    rows = [
        {
            "number": each.number,
            "state": str(each.state),
            "received": f"{each.received:%Y-%m-%dT%H:%M:%SZ}",
            "from": f"{each.calling_ae} at {each.address}",
            "reason": each.reason,
            "file": str(each.file),
        }
        for each in kept
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table("Number", "State", "Received (UTC)", "From", "Reason", "File")
    for row in rows:
        table.add_row(*(escape(str(value)) for value in row.values()))
    console.print(table if rows else "No object waits for a person.")


@object_commands.command()
def use(numbers: Numbers = None, study: OfStudy = "", config: ConfigFile = None) -> None:
    """Take objects into use in place of those that came before; the study is read again. Using the first undoes it.

    Example: spinelabel object use --study A123456 --config site.yaml
    """
    receiving = receiving_of(config)
    chosen = _chosen(receiving, numbers, study)
    take_into_use(receiving, chosen)
    console.print(f"{len(chosen)} objects are in use; what they replace is kept. The study is read again.")


@object_commands.command("dismiss")
def dismiss_objects(
    numbers: Numbers = None,
    study: OfStudy = "",
    undo: Annotated[bool, typer.Option("--undo", help="Let them wait for a decision again.")] = False,
    config: ConfigFile = None,
) -> None:
    """Leave things as they are for refused objects and conflicts: they are kept, and wait for nobody any more.

    Example: spinelabel object dismiss 12 13 --config site.yaml
    """
    receiving = receiving_of(config)
    chosen = _chosen(receiving, numbers, study)
    with writing(receiving.engine) as session:
        (reopen if undo else dismiss)(session, chosen)
    console.print(f"{len(chosen)} objects {'wait for a decision again' if undo else 'are dismissed'}.")


@reprocess.command("objects")
def reprocess_objects(
    numbers: Annotated[list[int] | None, typer.Argument(help="Numbers of refused objects; else all of them.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Let refused objects go through again, as their data sets say, after showing what would happen.

    Example: spinelabel reprocess objects 12 13 --dry-run --config site.yaml
    """
    if as_json and not (dry_run or yes):
        raise typer.BadParameter("with --json nobody is asked; say --yes to go on, or --dry-run")
    receiving = receiving_of(config)
    if not numbers:
        with reading(receiving.engine) as session:
            numbers = refused_numbers(session)
    prospects = [prospect(receiving, number) for number in numbers]
    if not dry_run and not yes and any(each.is_taken for each in prospects):
        _show(prospects, as_json=False, heading="What would happen")
        typer.confirm("Go on?", abort=True)
    if not dry_run:
        prospects = [go_through_again(receiving, each.number) if each.is_taken else each for each in prospects]
    _show(prospects, as_json=as_json, heading="What would happen" if dry_run else "What happened")


def receiving_of(config: Path | None) -> Receiving:
    """Open an installation as its receiver has it, without listening."""
    settings = load_settings(config)
    store = ObjectStore(settings.data, keep_free_bytes=int(settings.storage.keep_free_gb * 1e9))
    return Receiving(database_of(config), store, settings)


def _chosen(receiving: Receiving, numbers: Sequence[int] | None, study: str) -> list[int]:
    if bool(numbers) == bool(study):
        raise typer.BadParameter("name objects by their numbers, or a study with --study")
    if numbers:
        return list(numbers)
    with reading(receiving.engine) as session:
        return conflicts_of(session, study)


def _show(prospects: Sequence[Prospect], *, as_json: bool, heading: str) -> None:
    if as_json:
        typer.echo(json.dumps([vars(each) for each in prospects]))
        return
    if not prospects:
        console.print("No object was refused.")
        return
    table = Table("Number", heading)
    for each in prospects:
        table.add_row(str(each.number), escape(each.sentence))
    console.print(table)
