"""The search for canaries finds what was let out on purpose, wherever and in whatever form."""

import base64
import pickle
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from tests.peers.canaries import BIRTH, BIRTH_DATES, MARK, OF_OBJECTS, PHONE, find, search

NAME = OF_OBJECTS["PatientName"]


def ran(program: str, log: Path) -> None:
    """Run a program as a role runs, with its standard error in a log."""
    with log.open("wb") as out:
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)], stderr=out, stdout=out, check=False, timeout=60
        )


def in_a_log(folder: Path) -> None:
    ran(f"from service.log import configure_log; configure_log('work').info('read', patient={NAME!r})", folder / "log")


def in_an_exception(folder: Path) -> None:
    ran(f"int({NAME!r})", folder / "log")


def in_a_metric(folder: Path) -> None:
    registry = CollectorRegistry()
    Gauge("studies", "Studies", ["patient"], registry=registry).labels(NAME).set(1)
    (folder / "metrics").write_bytes(generate_latest(registry))


def in_a_file_name(folder: Path) -> None:
    (folder / "sent").mkdir()
    (folder / "sent" / f"{NAME.upper()}.dcm").touch()


def in_a_table(folder: Path) -> None:
    pl.DataFrame({"patient": [NAME], "n": [1]}).write_parquet(folder / "findings.parquet", compression="zstd")


def in_a_date_of_a_table(folder: Path) -> None:
    pl.DataFrame({"born": [BIRTH.date()]}).write_parquet(folder / "findings.parquet", compression="zstd")


def in_a_text_table(folder: Path) -> None:
    pl.DataFrame({"telephone": [PHONE]}).write_csv(folder / "findings.csv")


def in_an_argument_of_pending_work(folder: Path) -> None:
    with sqlite3.connect(folder / "workflows.sqlite") as connection:
        connection.execute("create table workflow_status (inputs text)")
        inputs = base64.b64encode(pickle.dumps({"args": (7, NAME)})).decode()
        connection.execute("insert into workflow_status values (?)", (inputs,))


def in_a_file_that_only_a_reader_shows(folder: Path) -> None:
    with sqlite3.connect(folder / "notices.sqlite") as connection:
        connection.execute("create table notice (body blob)")
        connection.execute("insert into notice values (?)", (NAME.encode("utf-16-le"),))


PLACES = (
    in_a_log,
    in_an_exception,
    in_a_metric,
    in_a_file_name,
    in_a_table,
    in_a_date_of_a_table,
    in_a_text_table,
    in_an_argument_of_pending_work,
    in_a_file_that_only_a_reader_shows,
)


@pytest.mark.parametrize("leak", PLACES, ids=lambda leak: leak.__name__.replace("_", " "))
def test_a_canary_that_was_let_out_on_purpose_is_found(leak: Callable[[Path], None], tmp_path: Path) -> None:
    leak(tmp_path)

    assert search(tmp_path)


FORMS: Mapping[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "upper": lambda text: text.upper().encode(),
    "lower": lambda text: text.lower().encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16 big endian": lambda text: text.encode("utf-16-be"),
    "percent": lambda text: quote(text, safe="").encode(),
    "percent throughout": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()).encode(),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 of utf-16": lambda text: base64.b64encode(text.encode("utf-16-le")),
    "base64 in lines": lambda text: base64.encodebytes(b"-" * 50 + text.encode()),
    "JSON with escapes": lambda text: repr({"name": [text]}).encode(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("canary", [NAME, PHONE, *BIRTH_DATES[:3]])
def test_a_canary_is_found_in_each_form_wherever_it_begins(form: str, before: int, canary: str) -> None:
    assert find(b"...." + FORMS[form]("x" * before + canary + "yz") + b"....")


def test_what_holds_no_canary_is_not_taken_for_one(tmp_path: Path) -> None:
    for module in ("service", "integrations"):
        assert search(Path(__file__).parents[2] / module) == {}
    assert not find(MARK[:-1].encode())
