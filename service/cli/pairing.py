"""`spinelabel pair`: which study a report is about, decided by a person, and what rules would make of numbers."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from config.settings import load_settings
from service.accession_rules import RulesPreview, preview_numbers, preview_rules
from service.cli import AsJson, ConfigFile, app, console
from service.cli.decisions import database_of
from service.decisions import pair_by_hand, undo_pairing
from service.store.columns import utc_now
from service.store.database import reading, writing

SHOWN = 20


@app.command()
def pair(
    report: Annotated[int | None, typer.Argument(help="Number of the report, as the page lists it.")] = None,
    study: Annotated[
        str | None,
        typer.Argument(help="Its Study Instance UID or accession number, or the ID of its patient."),
    ] = None,
    config: ConfigFile = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take the pairing back, whoever made it; the two stay apart.")
    ] = False,
    preview: Annotated[
        bool,
        typer.Option("--preview", help="Show what `rules.accession` would change; change nothing."),
    ] = False,
    file: Annotated[
        Path | None,
        typer.Option(exists=True, help="With --preview: accession numbers, one a line."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Pair a report with a study, and with no other; the structured reports of both studies follow.

    With --undo the report is left to the rules, which pair it with none of the studies that it was taken from. STUDY
    takes it from that one alone.

    Example: spinelabel pair 12 A123456 --config site.yaml
    """
    if preview:
        _preview(config, file, as_json=as_json)
        return
    if report is None or (study is None and not undo):
        raise typer.BadParameter("say REPORT and STUDY, REPORT and --undo, or --preview")
    if undo:
        with writing(database_of(config)) as session:
            came = undo_pairing(session, report, load_settings(config), utc_now(), study)
        console.print(f"Report {report} is left to the rules again. It is {came}", markup=False, soft_wrap=True)
        return
    with writing(database_of(config)) as session:
        pair_by_hand(session, report, study or "", utc_now())
    console.print(f"Report {report} is paired; the structured report follows.")


def _preview(config: Path | None, file: Path | None, *, as_json: bool) -> None:
    rules = load_settings(config).rules.accession
    if file is not None:
        lines = (line.strip("\r\n") for line in file.read_text(encoding="utf-8-sig").splitlines())
        found = preview_numbers([line for line in lines if line], rules)
    else:
        with reading(database_of(config)) as session:
            found = preview_rules(session, rules)
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    for line in _described(found):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _described(found: RulesPreview) -> list[str]:
    return [
        f"{found.looked_at} accession numbers; the rules change {len(found.changes)}.",
        *_first(f"  {number} is compared as {key}" for number, key in found.changes.items()),
        f"{len(found.collisions)} are then alike that were written differently.",
        *_first(f"  {key}: {', '.join(alike)}" for key, alike in found.collisions.items()),
        f"{len(found.pairs)} unpaired reports would find a study.",
        *_first(f"  report {report}: {', '.join(studies)}" for report, studies in found.pairs.items()),
    ]


def _first(lines: Iterable[str]) -> list[str]:
    every = list(lines)
    return every[:SHOWN] + ([f"  and {len(every) - SHOWN} more (--json lists all)"] if len(every) > SHOWN else [])
