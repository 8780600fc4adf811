"""`spinelabel patient`: which numbers are one patient, and undoing a merge that was wrong."""

from typing import Annotated

import typer
from sqlmodel import Session, col, select

from config.settings import load_settings
from service.cli import ConfigFile, app, console
from service.cli.decisions import database_of
from service.errors import UnknownItem
from service.identities import patients_with_number, relatives_of, same_patients
from service.identity_changes import BY_A_PERSON, Telling, unmerge
from service.store.columns import utc_now
from service.store.database import reading, writing
from service.store.tables import Patient, row_id

patient = typer.Typer(help="Patients, and which of their numbers are one patient.", no_args_is_help=True)
app.add_typer(patient, name="patient")


@patient.command()
def show(number: Annotated[str, typer.Argument(help="Patient ID.")], config: ConfigFile = None) -> None:
    """Say whom a patient ID means now, which others mean the same, and what merged or parted them.

    Example: spinelabel patient show 4472031 --config site.yaml
    """
    with reading(database_of(config)) as session:
        for line in _described(session, number):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


@patient.command(name="unmerge")
def part(
    number: Annotated[str, typer.Argument(help="Patient ID that was merged into another.")],
    authority: Annotated[str | None, typer.Option(help="Who gave the number out, where several have.")] = None,
    config: ConfigFile = None,
) -> None:
    """Undo a merge: what came under this number goes back to it, is paired anew, and its reports are corrected.

    Example: spinelabel patient unmerge 4472031 --config site.yaml
    """
    settings = load_settings(config)
    with writing(database_of(config)) as session:
        said = unmerge(Telling(session, settings, utc_now()), number, authority)
    console.print(f"The number stands for its own patient again; {said.removeprefix('identity: ')}.")


def _described(session: Session, number: str) -> list[str]:
    lines = []
    for current in patients_with_number(session, number):
        patients = {row_id(each): each for each in same_patients(session, [current])}
        lines.append(f"{number} means {_named(patients[current])}.")
        lines += [f"  so does {_named(each)}" for key, each in patients.items() if key != current]
        relatives = relatives_of(session, [current])
        every = session.exec(select(Patient).where(col(Patient.id).in_(relatives.patients)))
        names = {row_id(each): _named(each) for each in every}
        for step in relatives.steps:
            by = BY_A_PERSON if step.message_id is None else f"by message {step.message_id}"
            what = "was parted from" if step.is_parted else "became"
            lines.append(f"  {step.at:%Y-%m-%d %H:%M} UTC: {names[step.old_id]} {what} {names[step.new_id]}, {by}")
    if not lines:
        raise UnknownItem("No patient has or had this number.")
    return lines


def _named(patient: Patient) -> str:
    return f"{patient.identifier} of {patient.assigner}" if patient.assigner else str(patient.identifier)
