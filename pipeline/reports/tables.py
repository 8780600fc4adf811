"""Files of reports in, files of labels out."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.reports.errors import UnusableTable
from pipeline.reports.labelling import Report, UnlabelledReport
from pipeline.values import Finding, ReportLabels

Row = dict[str, Any] | None
NO_REPORT = "The row has no `id` and `text`."


@dataclass(frozen=True)
class ReportTable:
    """The reports of a file, and its rows that hold none, named by their place."""

    reports: tuple[Report, ...]
    unreadable: tuple[UnlabelledReport, ...]


def read_reports(path: Path) -> ReportTable:
    """Read reports from CSV, JSON Lines or Parquet with the columns `id` and `text`; other columns are passed over.

    Raises:
        UnusableTable: the file cannot be read, is of another kind, or lacks a column.
    """
    reports: list[Report] = []
    unreadable: list[UnlabelledReport] = []
    for number, row in enumerate(read_rows(path, (pl.col("id", "text"),)), 1):
        report = report_of(row)
        if report is None:
            unreadable.append(UnlabelledReport(f"row {number}", NO_REPORT))
        else:
            reports.append(report)
    return ReportTable(tuple(reports), tuple(unreadable))


def read_rows(path: Path, columns: Sequence[pl.Expr]) -> list[Row]:
    """Read the rows of a file of reports, None for one that is broken; of JSON Lines always with all columns.

    Raises:
        UnusableTable: as `read_reports`.
    """
    if path.suffix.lower() not in _READERS:
        raise UnusableTable(f"{path} is none of CSV, JSON Lines and Parquet. Name it .csv, .jsonl or .parquet.")
    try:
        return list(_READERS[path.suffix.lower()](path, columns))
    except OSError as error:
        raise UnusableTable(f"{path}: {error.strerror or 'cannot be read'}. Name a readable file.") from error
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise UnusableTable(f"{path} is no {path.suffix[1:]} file in UTF-8 with columns `id` and `text`.") from error


def report_of(row: Row) -> Report | None:
    """Give the report of a row; None where it holds none."""
    if row is None or row.get("id") is None or not isinstance(row.get("text"), str):
        return None
    return Report(str(row["id"]), row["text"])


def write_labels(path: Path, labels: Iterable[ReportLabels]) -> None:
    """Write JSON Lines: a line per report, condition and level."""
    with path.open("w", encoding="utf-8") as file:
        for report in labels:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in label_rows(report))


def label_rows(labels: ReportLabels) -> Iterator[dict[str, Any]]:
    """Give a report's labels as the rows that `spinelabel label` prints."""
    for finding in labels.findings:
        yield {"id": labels.report_id, **_label(finding)}


def _label(finding: Finding) -> dict[str, Any]:
    return {
        "condition": finding.condition,
        "level": finding.level,
        "answer": finding.answer,
        "probability": finding.probability,
        "log_odds": finding.log_odds,
        "threshold": finding.threshold,
        "standing": finding.standing.value,
        "decision": finding.state.value,
        "reason": finding.reason,
        "logits": None if finding.logits is None else list(finding.logits),
        "prompt": finding.provenance.prompt,
        "model": finding.provenance.model,
        "adapter": finding.provenance.adapter,
        "evidence": finding.evidence,
    }


def _csv_rows(path: Path, columns: Sequence[pl.Expr]) -> Iterator[Row]:
    yield from pl.read_csv(path, infer_schema=False).select(columns).iter_rows(named=True)


def _parquet_rows(path: Path, columns: Sequence[pl.Expr]) -> Iterator[Row]:
    yield from pl.scan_parquet(path).select(columns).collect().iter_rows(named=True)


def _json_rows(path: Path, _columns: Sequence[pl.Expr]) -> Iterator[Row]:
    """Read line by line, so that one broken line costs no other."""
    with path.open(encoding="utf-8-sig") as file:
        for line in file:
            if line.strip():
                yield _json_row(line)


def _json_row(line: str) -> Row:
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        return None
    return row if isinstance(row, dict) else None


_READERS = {".csv": _csv_rows, ".jsonl": _json_rows, ".ndjson": _json_rows, ".parquet": _parquet_rows}
