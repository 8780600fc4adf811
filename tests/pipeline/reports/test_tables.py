"""Reports read from files, and labels written."""

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from pipeline.reports.errors import UnusableTable
from pipeline.reports.labelling import Report, UnlabelledReport
from pipeline.reports.tables import iter_reports, read_reports, write_labels
from pipeline.values import Finding, Provenance, ReportLabels, Source, Standing, State

ROWS = pl.DataFrame({"id": ["007", "8"], "text": ["L4-5: bulge,\nno slip.", 'A "quote".'], "other": [1, 2]})
REPORTS = (Report("007", "L4-5: bulge,\nno slip."), Report("8", 'A "quote".'))


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_reports_are_read_from_every_kind_of_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"reports.{kind}"
    getattr(ROWS, {"csv": "write_csv", "jsonl": "write_ndjson", "parquet": "write_parquet"}[kind])(path)

    table = read_reports(path)

    assert table.reports == REPORTS
    assert table.unreadable == ()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("r.jsonl", '{"id": 1, "text": "Slip."}\n{broken\n{"id": 3}\n[4]\n', id="JSON Lines"),
        pytest.param("r.csv", "id,text\n1,Slip.\n,no id\n3,\n4,\n", id="CSV"),
    ],
)
def test_a_row_without_a_report_is_named_and_the_rest_is_read(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)

    table = read_reports(tmp_path / name)

    assert table.reports == (Report("1", "Slip."),)
    assert table.unreadable == tuple(UnlabelledReport(f"row {n}", "The row has no `id` and `text`.") for n in (2, 3, 4))


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        pytest.param("r.csv", b"id,report\n1,Slip.\n", "columns `id` and `text`", id="a missing column"),
        pytest.param("r.parquet", b"id,text\n", "is no parquet file", id="another kind of file"),
        pytest.param("r.xlsx", b"", "none of CSV", id="an unknown kind"),
        pytest.param("r.jsonl", b'{"id": "\xff"}', "in UTF-8", id="another encoding"),
        pytest.param("r.csv", b"", "is no csv file", id="an empty file"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(UnusableTable, match=problem):
        read_reports(tmp_path / name)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableTable, match="Name a readable file"):
        read_reports(tmp_path / "none.csv")


def test_labels_are_written_with_the_promised_keys(tmp_path: Path) -> None:
    provenance = Provenance("m@sha256:0", None, "direct/1", "1", None, "0", "test")
    finding = Finding(
        condition="stenosis",
        level="L4-L5",
        source=Source.REPORT,
        state=State.NOT_MENTIONED,
        answer=True,
        probability=0.7311,
        log_odds=1.0,
        logits=(3.0, 2.0),
        threshold=0.5,
        standing=Standing.UNCALIBRATED,
        reason="Silent.",
        evidence=None,
        disc=None,
        provenance=provenance,
    )

    write_labels(tmp_path / "labels.jsonl", [ReportLabels("Ä", (finding, finding))])

    lines = (tmp_path / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0]) == {
        "id": "Ä",
        "condition": "stenosis",
        "level": "L4-L5",
        "answer": True,
        "probability": 0.7311,
        "log_odds": 1.0,
        "threshold": 0.5,
        "standing": "uncalibrated",
        "decision": "not mentioned",
        "reason": "Silent.",
        "logits": [3.0, 2.0],
        "prompt": "direct/1",
        "model": "m@sha256:0",
        "adapter": None,
        "evidence": None,
    }


def test_labels_that_break_off_replace_no_file(tmp_path: Path) -> None:
    def breaking() -> Iterator[ReportLabels]:
        yield ReportLabels("1", ())
        raise UnusableTable("broken")

    (tmp_path / "labels.jsonl").write_text("of the last run")

    with pytest.raises(UnusableTable):
        write_labels(tmp_path / "labels.jsonl", breaking())

    assert (tmp_path / "labels.jsonl").read_text() == "of the last run"


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_file_of_any_length_is_read_piece_by_piece(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"reports.{kind}"
    many = pl.DataFrame({"id": [str(n) for n in range(60_000)], "text": ["L4-5 slip. " * 40] * 60_000})
    getattr(many, {"csv": "write_csv", "jsonl": "write_ndjson", "parquet": "write_parquet"}[kind])(path)

    tracemalloc.start()
    ids = [row.id for row in iter_reports(path) if isinstance(row, Report)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert ids == [str(n) for n in range(60_000)]
    assert peak < 15_000_000  # the texts together are 26 million characters
