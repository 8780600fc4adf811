"""`spinelabel statement`: what this installation speaks, for whoever connects to it."""

import typer

from config.settings import load_settings
from service.cli import ConfigFile, app

statement = typer.Typer(help="Print what this installation speaks, in Markdown.", no_args_is_help=True)
app.add_typer(statement, name="statement")


@statement.command()
def dicom(config: ConfigFile = None) -> None:
    """Print the DICOM conformance statement (PS3.2).

    Example: spinelabel statement dicom --config site.yaml > conformance.md
    """
    from integrations.dicom.statement import conformance_statement

    settings = load_settings(config)
    typer.echo(conformance_statement(settings.dicom, settings.peers), nl=False)


@statement.command()
def hl7(config: ConfigFile = None) -> None:
    """Print the HL7 profile.

    Example: spinelabel statement hl7 --config site.yaml > profile.md
    """
    from integrations.hl7.profile import hl7_profile

    typer.echo(hl7_profile(load_settings(config).hl7), nl=False)
