"""`spinelabel cohort`: cohorts of findings for research."""

from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table
from rich.text import Text
from sqlmodel import Session, col, select

from config.settings import load_settings
from service.calendar import next_slot
from service.cli import ConfigFile, app, console
from service.cohort_files import Cohort, find_cohort, read_cohorts
from service.exports import export_cohort
from service.store.columns import utc_now
from service.store.database import open_database, reading
from service.store.rights import keep_private
from service.store.states import RunState
from service.store.tables import CohortRun
from service.store.upgrade import upgrade_database

cohort = typer.Typer(help="Cohorts of findings for research.", no_args_is_help=True)
app.add_typer(cohort, name="cohort")


@cohort.command("list")
def list_cohorts(config: ConfigFile = None) -> None:
    """List the cohorts that have a file: what each holds, when it runs next, and how its last run ended.

    Example: spinelabel cohort list --config site.yaml
    """
    settings = load_settings(config)
    keep_private()
    cohorts, faults = read_cohorts(settings.exports.cohorts)
    upgrade_database(settings.data)
    table = Table("Cohort", "Holds", "Schedule", "Next run (UTC)", "Last run (UTC)")
    with reading(open_database(settings.data)) as session:
        for found in cohorts:
            cells = (found.name, found.description, *_schedule(found), _last_run(session, found.name))
            table.add_row(*map(Text, cells))  # brackets in them are no markup
    console.print(table)
    for fault in faults:
        console.print(str(fault), style="red", markup=False, soft_wrap=True)


def _schedule(found: Cohort) -> tuple[str, str]:
    if found.schedule is None:
        return "when asked", ""
    upcoming = next_slot(found.schedule, ZoneInfo(found.time_zone), utc_now())
    return f"{found.schedule} {found.time_zone}", f"{upcoming:%Y-%m-%d %H:%M}" if upcoming else "never"


def _last_run(session: Session, name: str) -> str:
    newest = select(CohortRun).where(CohortRun.cohort == name).order_by(col(CohortRun.started).desc())
    run = session.exec(newest).first()
    if run is None:
        return "none"
    what = f"{run.rows} rows" if run.state == RunState.DONE else run.reason
    return f"{run.started:%Y-%m-%d %H:%M} {run.state}, {what}"


@cohort.command()
def export(name: Annotated[str, typer.Argument(help="Name of the cohort.")], config: ConfigFile = None) -> None:
    """Run a cohort now.

    Example: spinelabel cohort export all-findings --config site.yaml
    """
    settings = load_settings(config)
    keep_private()
    upgrade_database(settings.data)
    found = find_cohort(settings.exports.cohorts, name)
    run = export_cohort(open_database(settings.data), settings.data, found, utc_now())
    console.print(f"{run.rows} rows in {run.folder}", markup=False, soft_wrap=True)
