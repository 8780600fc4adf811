"""`spinelabel cohort`: cohorts of findings for research."""

from typing import Annotated

import typer

from config.settings import load_settings
from service.cli import ConfigFile, app, console
from service.cohort_files import find_cohort, load_cohorts
from service.exports import export_cohort
from service.store.columns import utc_now
from service.store.database import open_database
from service.store.upgrade import upgrade_database

cohort = typer.Typer(help="Cohorts of findings for research.", no_args_is_help=True)
app.add_typer(cohort, name="cohort")


@cohort.command("list")
def list_cohorts(config: ConfigFile = None) -> None:
    """List the cohorts that have a file.

    Example: spinelabel cohort list --config site.yaml
    """
    for found in load_cohorts(load_settings(config).exports.cohorts):
        console.print(f"{found.name}: {found.description} ({found.schedule or 'runs when asked'})", markup=False)


@cohort.command()
def export(name: Annotated[str, typer.Argument(help="Name of the cohort.")], config: ConfigFile = None) -> None:
    """Run a cohort now.

    Example: spinelabel cohort export all-findings --config site.yaml
    """
    settings = load_settings(config)
    upgrade_database(settings.data)
    found = find_cohort(settings.exports.cohorts, name)
    run = export_cohort(open_database(settings.data), settings.data, found, utc_now())
    console.print(f"{run.rows} rows in {run.folder}", markup=False, soft_wrap=True)
