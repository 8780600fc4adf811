"""Each page's server time beside its bare SQL: python -m benchmarks.web [--json] [--studies N].

Ours is the application in process, from the request to the last byte of the page. Theirs is the same SQL, as that page
sends it, run plainly by Python's sqlite3 on the same file and fetched. The store is seeded by program: for each study
30 objects, a message, a report, eight findings of it and five of the images, a structured report that was delivered,
and the changes of state in between. The goal is under 100 ms a page; the ratio is printed beside it.
"""

import argparse
import json
import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import Engine, event, insert
from sqlmodel import SQLModel, select

from config.settings import Settings
from service.store.columns import utc_now
from service.store.database import DATABASE, open_database, reading
from service.store.states import DeliveryState, MessageState, ObjectState, PairingState, RoleState, WorkState
from service.store.tables import (
    Change,
    Delivery,
    Document,
    FindingRow,
    Instance,
    Message,
    Pairing,
    Patient,
    ProvenanceRow,
    Report,
    RoleRow,
    Series,
    Study,
)
from service.store.upgrade import upgrade_database
from service.web.pages import make_pages

GOAL_MS = 100.0
REPEATS = 15
OBJECTS = 30
FINDINGS = 13
AT_A_TIME = 2000
TABLES = (Patient, Study, Series, Instance, Message, Report, Pairing, FindingRow, Document, Delivery, Change)
Rows = list[dict[str, Any]]


def seed(engine: Engine, studies: int) -> None:
    """Fill the store; the newest studies of the last day are still on their way."""
    start = utc_now() - timedelta(days=60)
    with engine.execution_options(writes=True).begin() as connection:
        provenance = {"id": 1, "digest": "0", "model": "m", "input_sha256": "0", "software": "s"}
        connection.execute(insert(ProvenanceRow), [provenance])
        beat = utc_now()
        roles = ("receive", "listen", "work", "web", "clock")
        up = {"host": "a", "pid": 1, "state": RoleState.UP, "reason": "", "started": beat, "beat": beat, "restarts": 0}
        connection.execute(insert(RoleRow), [{"role": role, **up} for role in roles])
        for first in range(1, studies + 1, AT_A_TIME):
            numbers = range(first, min(first + AT_A_TIME, studies + 1))
            for table, rows in _rows(numbers, studies, start).items():
                connection.execute(insert(SQLModel.metadata.tables[table_name(table)]), rows)


def table_name(table: type[SQLModel]) -> str:
    """Give the name of a table."""
    return str(table.__tablename__)


def _rows(numbers: Sequence[int], studies: int, start: Any) -> dict[type[SQLModel], Rows]:
    """Give the rows of some studies, in the order in which tables name each other."""
    made: dict[type[SQLModel], Rows] = {
        table: []
        for table in (
            Patient,
            Study,
            Series,
            Instance,
            Message,
            Report,
            Pairing,
            FindingRow,
            Document,
            Delivery,
            Change,
        )
    }
    for n in numbers:
        at = start + timedelta(days=60) * (n / studies)
        fresh = n > studies - studies // 60
        who = {"name": f"NAME{n}^ADA", "birth_date": "19500101", "sex": "F", "authority": ""}
        made[Patient].append({"id": n, "identifier": f"ID{n}", **who})
        made[Study].append(_study(n, at, fresh=fresh))
        made[Series].append({"id": n, "study_id": n, "series_uid": "1.2", "modality": "MR", "description": "T2 SAG"})
        made[Instance] += [_instance(n, number, at) for number in range(OBJECTS)]
        made[Message].append(_message(n, at))
        made[Report].append(_report(n, at, unpaired=n % 200 == 0))
        if n % 200:
            how = {"how": "accession number", "evidence": "accession number fits one study"}
            made[Pairing].append({"report_id": n, "study_id": n, "created": at, **how})
        made[FindingRow] += [_finding(n, number, at) for number in range(FINDINGS)]
        if not fresh:
            files = {"file": f"d{n}", "sha256": "0", "inputs": "0", "accepts": "calibrated"}
            uid = {"sop_instance_uid": f"2.25.{n}", "created": at}
            made[Document].append({"id": n, "study_id": n, "predecessor": None, **uid, **files})
            made[Delivery].append(_delivery(n, at))
        steps = ("images", "labels", "pairing", "delivery")
        states = ("waiting", "queued", "done")
        made[Change] += [
            {"at": at, "kind": kind, "subject": n, "state": state, "reason": ""} for kind in steps for state in states
        ]
    return made


def _study(n: int, at: Any, *, fresh: bool) -> dict[str, Any]:
    state = WorkState.WAITING if fresh else WorkState.DONE
    return {
        "id": n,
        "link": f"{n:024x}",
        "study_uid": f"1.2.3.{n}",
        "patient_id": n,
        "accession": f"A{n}",
        "description": "MR LUMBAR SPINE",
        "first_received": at,
        "last_image": at,
        "images": WorkState.DONE,
        "document": state,
        "discs": [],
        "review_reason": "two patient IDs" if n % 500 == 0 else "",
    }


def _instance(n: int, number: int, at: Any) -> dict[str, Any]:
    return {
        "sop_instance_uid": f"1.{n}.{number}",
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.4",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "series_id": n,
        "sha256": f"{n:032x}{number:032x}",
        "file": f"f{n}.{number}",
        "bytes": 500_000,
        "received": at,
        "calling_ae": "PACS",
        "address": "192.0.2.1",
        "state": ObjectState.STORED,
        "reason": "",
    }


def _message(n: int, at: Any) -> dict[str, Any]:
    sent = {"peer": "192.0.2.2", "sender": "RIS|HOSPITAL", "message_type": "ORU^R01", "ack_code": "AA", "notes": []}
    kept = {"sha256": "0", "raw": b"x" * 2000, "state": MessageState.REPORT, "reason": ""}
    return {"id": n, "link": f"{n:024x}", "received": at, "control_id": f"M{n}", **sent, **kept}


def _report(n: int, at: Any, *, unpaired: bool) -> dict[str, Any]:
    return {
        "id": n,
        "message_id": n,
        "order_key": f"a {n}",
        "accession": f"A{n}",
        "patient_identifier": f"ID{n}",
        "received": at,
        "status": "final",
        "text": "x" * 1500,
        "labels": WorkState.DONE,
        "pairing": PairingState.UNPAIRED if unpaired else PairingState.PAIRED,
        "pairing_reason": "No study with its accession number has arrived." if unpaired else "",
    }


def _finding(n: int, number: int, at: Any) -> dict[str, Any]:
    of_report = number < 8
    return {
        "work": f"{'label' if of_report else 'read'}-{n}",
        "ordinal": number,
        "report_id": n if of_report else None,
        "study_id": None if of_report else n,
        "condition": f"condition {number}",
        "source": "report" if of_report else "image",
        "state": "present",
        "answer": True,
        "probability": 0.75,
        "standing": "calibrated",
        "reason": "",
        "provenance_id": 1,
        "created": at,
    }


def _delivery(n: int, at: Any) -> dict[str, Any]:
    refused = n % 1000 == 0
    state = DeliveryState.REFUSED if refused else DeliveryState.DELIVERED
    tried = {"attempts": 1, "next_attempt": at, "answer": "A900H" if refused else ""}
    return {"id": n, "document_id": n, "destination": "pacs", "state": state, "delivered": at, **tried}


@contextmanager
def captured(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """Gather the statements that are run, with their values."""
    ran: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().lower().startswith("select"):
            ran.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    yield ran
    event.remove(engine, "before_cursor_execute", note)


def milliseconds(work: Callable[[], object]) -> float:
    """Time some repetitions of a piece of work, and give their median."""
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - started))
    return statistics.median(taken)


def measure_page(engine: Engine, ask: Callable[[], Any]) -> tuple[float, float]:
    """Give the milliseconds of a page and of its bare SQL, taken in turn."""
    with captured(engine) as statements:
        status = ask().status_code
    if status not in {200, 303}:
        raise RuntimeError(f"The page answered {status}.")
    bare = sqlite3.connect(str(engine.url.database))

    def run_bare() -> None:
        for statement, parameters in statements:
            bare.execute(statement, parameters).fetchall()

    run_bare()
    return milliseconds(ask), milliseconds(run_bare)


def measure(data: Path, studies: int) -> list[dict[str, object]]:
    """Seed a store and measure every page."""
    upgrade_database(data)
    engine = open_database(data)
    seed(engine, studies)
    client = TestClient(make_pages(Settings(data=data), engine), base_url="http://127.0.0.1", follow_redirects=False)
    with reading(engine) as session:
        study = session.exec(select(Study.link).where(Study.id == studies // 2 + 1)).one()
    pages: dict[str, Callable[[], Any]] = {
        address: lambda address=address: client.get(address)  # type: ignore[misc]
        for address in ("/", "/studies", "/studies?which=waiting", "/studies?which=for a person")
    }
    for address in ("/studies?which=delivered", "/unpaired", "/waiting", "/exports", "/metrics"):
        pages[address] = lambda address=address: client.get(address)  # type: ignore[misc]
    pages["/studies?after=…, the middle of the list"] = lambda: client.get("/studies", params={"after": study})
    pages["/studies/LINK"] = lambda: client.get(f"/studies/{study}")
    pages["/messages/LINK"] = lambda: client.get(f"/messages/{study}")
    for what, wanted in (("accession", f"A{studies // 3}"), ("patient ID", f"ID{studies // 3}"), ("nothing", "none")):
        pages[f"/search for {what}"] = lambda wanted=wanted: client.post("/search", data={"wanted": wanted})  # type: ignore[misc]
    return [row(name, *measure_page(engine, ask)) for name, ask in pages.items()]


def row(case: str, ours: float, theirs: float) -> dict[str, object]:
    """Give one row of the table; the goal is of ours, in milliseconds."""
    values = {"ours": round(ours, 2), "theirs": round(theirs, 2), "unit": "ms", "ratio": round(ours / theirs, 2)}
    return {"case": case, **values, "goal": GOAL_MS, "met": ours < GOAL_MS}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        rows = measure(Path(work), arguments.studies)
        size = (Path(work) / DATABASE).stat().st_size
    if arguments.json:
        print(json.dumps({"name": "web", "rows": rows}))
        return
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    print(f"{arguments.studies} studies, {size / 1e6:.0f} MB; a page and its bare SQL in ms, and how they compare")
    for each in rows:
        met = "met" if each["met"] else "MISSED"
        print(
            f"{each['case']:<45} {each['ours']:>8} {each['theirs']:>8}  x{each['ratio']:<6} goal {GOAL_MS:g} ms {met}"
        )


if __name__ == "__main__":
    main()
