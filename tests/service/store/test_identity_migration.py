"""Rows of a release before ADT was applied, as migration 0008 fills them."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, MetaData, Table
from sqlmodel import Session, col, select

from config.settings import Settings
from service.candidates import pair_waiting_reports
from service.listening import Listening
from service.log import configure_log
from service.store.database import open_database, reading, writing
from service.store.tables import OrderNumber, Pairing, Patient, Report, Study
from service.store.upgrade import MIGRATIONS, upgrade_database
from tests.service.messages import receive
from tests.service.test_identity_changes import merge

Fill = Callable[[Callable[..., None]], None]
SAID = {"name": "Marsh^Ada", "birth_date": "19610704", "sex": "F"}


def at_0007(data: Path, fill: Fill) -> Engine:
    """Give a database of the release before, with rows, brought to this one; what a row does not say is empty."""
    database, alembic = open_database(data), Config()
    alembic.set_main_option("script_location", str(MIGRATIONS))
    with database.execution_options(writes=True).begin() as connection:
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, "0007")
        tables = MetaData()
        tables.reflect(connection)
        fill(lambda table, **values: _insert(connection, tables.tables[table], values))
    upgrade_database(data)
    return database


def _insert(connection: Connection, table: Table, values: dict[str, Any]) -> None:
    empty: dict[type, object] = {str: "", int: 0, bool: False, datetime: datetime(2026, 3, 2, tzinfo=UTC), bytes: b""}
    needed = (each for each in table.columns if not (each.nullable or each.primary_key))
    filled = {each.name: [] if str(each.type) == "JSON" else empty[each.type.python_type] for each in needed}
    connection.execute(table.insert().values({**filled, **values}))


def patient(add: Callable[..., None], number: int, identifier: str | None, authority: str = "") -> None:
    """Add a patient with a study, whose number, UID and accession number are told by the patient's."""
    add("patient", id=number, identifier=identifier, authority=authority, **SAID)
    named = {"study_uid": f"1.2.{number}", "link": f"study{number}", "accession": f"A{number}"}
    add("study", id=number, patient_id=number, images="waiting", document="done", **named)


def report(add: Callable[..., None], number: int, identifier: str, authority: str = "", accession: str = "") -> None:
    add("message", id=number, link=f"message{number}", state="report", ack_code="AA")
    said = {"patient_identifier": identifier, "patient_authority": authority, "accession": accession}
    state = {"status": "final", "labels": "waiting", "pairing": "unpaired"}
    add("report", id=number, message_id=number, order_key=str(number), version=1, **said, **state)
    if accession:
        add("order_number", id=number, report_id=number, number=accession, is_accession=True)


def patients_of_reports(session: Session) -> list[tuple[int | None, int | None]]:
    reports = session.exec(select(Report).order_by(col(Report.id)))
    return [(each.patient_id, each.sent_patient_id) for each in reports]


def test_a_study_keeps_what_its_patient_was_called_and_its_numbers_are_compared(tmp_path: Path) -> None:
    def fill(add: Callable[..., None]) -> None:
        patient(add, 1, "P1", "NORTH")
        patient(add, 2, None)
        report(add, 1, "", accession="A1")

    with reading(at_0007(tmp_path, fill)) as session:
        first, nameless = session.exec(select(Study).order_by(col(Study.id))).all()
        assert session.get_one(Patient, 1).assigner == "NORTH"
        assert session.exec(select(OrderNumber.key)).one() == "A1"
    assert (first.sent_patient_id, first.patient_identifier, first.patient_authority) == (1, "P1", "NORTH")
    assert (first.patient_name, first.birth_date, first.sex) == ("Marsh^Ada", "19610704", "F")
    assert (first.accession_key, nameless.sent_patient_id, nameless.patient_identifier) == ("A1", 2, "")


@pytest.mark.parametrize(
    ("authorities", "said", "meant"),
    [
        pytest.param(["NORTH", ""], ["NORTH", ""], [1, 2], id="of the authority that it names, or of none"),
        pytest.param([""], ["NORTH"], [1], id="of the only authority that names this number"),
        pytest.param([""], ["NORTH", "SOUTH"], [None, None], id="of one of two authorities, and nobody knows which"),
        pytest.param(["NORTH"], [""], [1], id="of the only one who has this number"),
        pytest.param(["NORTH", "SOUTH"], [""], [None], id="of one of two who have this number"),
        pytest.param(["NORTH"], ["SOUTH"], [None], id="of somebody else with this number"),
    ],
)
def test_a_report_gets_the_patient_that_its_number_means(
    authorities: list[str], said: list[str], meant: list[int | None], tmp_path: Path
) -> None:
    def fill(add: Callable[..., None]) -> None:
        for number, authority in enumerate(authorities, start=1):
            patient(add, number, "P1", authority)
        for number, authority in enumerate(said, start=1):
            report(add, number, "P1", authority)

    with reading(at_0007(tmp_path, fill)) as session:
        assert patients_of_reports(session) == [(each, each) for each in meant]


def test_a_report_and_a_study_without_a_number_are_of_nobody_else(tmp_path: Path) -> None:
    def fill(add: Callable[..., None]) -> None:
        patient(add, 1, None)
        report(add, 1, "")

    with reading(at_0007(tmp_path, fill)) as session:
        assert patients_of_reports(session) == [(None, None)]


def test_what_came_before_is_paired_and_merged_as_what_comes_now(tmp_path: Path) -> None:
    def fill(add: Callable[..., None]) -> None:
        patient(add, 1, "P1")
        report(add, 1, "P1", "NORTH", "A1")

    database = at_0007(tmp_path, fill)
    with writing(database) as session:
        pair_waiting_reports(session, session.get_one(Study, 1), Settings(), datetime.now(UTC))

    receive(Listening(database, Settings(data=tmp_path), configure_log("listen")), merge("P1", "P2"))

    with reading(database) as session:
        assert session.exec(select(Pairing.how)).all() == ["accession number"]
        study, said = session.get_one(Study, 1), session.get_one(Report, 1)
        assert session.get_one(Patient, study.patient_id).identifier == "P2"
        assert said.patient_id == study.patient_id
