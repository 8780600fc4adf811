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
_PIECE = 1000  # rows


@dataclass(frozen=True)
class ReportTable:
    """The reports of a file, and its rows that hold none, named by their place."""

    reports: tuple[Report, ...]
    unreadable: tuple[UnlabelledReport, ...]


def read_reports(path: Path) -> ReportTable:
    """Read the reports of a file at once; see `iter_reports`."""
    rows = list(iter_reports(path))
    return ReportTable(
        tuple(row for row in rows if isinstance(row, Report)),
        tuple(row for row in rows if isinstance(row, UnlabelledReport)),
    )


def iter_reports(path: Path) -> Iterator[Report | UnlabelledReport]:
    """Read reports from CSV, JSON Lines or Parquet with the columns `id` and `text`; other columns are passed over.

    A row without a report comes as unlabelled, named by its place. The file is read piece by piece.

    Raises:
        UnusableTable: the file cannot be read, is of another kind, or lacks a column.
    """
    for number, row in enumerate(read_rows(path, (pl.col("id", "text"),)), 1):
        yield report_of(row) or UnlabelledReport(f"row {number}", NO_REPORT)


def read_rows(path: Path, columns: Sequence[pl.Expr], needed: str = "`id` and `text`") -> Iterator[Row]:
    """Read the rows of a file, None for one that is broken; of JSON Lines always with all columns.

    `needed` names in words the columns without which `columns` cannot be read.

    Raises:
        UnusableTable: as `iter_reports`.
    """
    if path.suffix.lower() not in _READERS:
        raise UnusableTable(f"{path} is none of CSV, JSON Lines and Parquet. Name it .csv, .jsonl or .parquet.")
    try:
        yield from _READERS[path.suffix.lower()](path, columns)
    except OSError as error:
        raise UnusableTable(f"{path}: {error.strerror or 'cannot be read'}. Name a readable file.") from error
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise UnusableTable(f"{path} is no {path.suffix[1:]} file in UTF-8 with columns {needed}.") from error


def report_of(row: Row) -> Report | None:
    """Give the report of a row; None where it holds none."""
    if row is None or row.get("id") is None or not isinstance(row.get("text"), str):
        return None
    return Report(str(row["id"]), row["text"])


def write_labels(path: Path, labels: Iterable[ReportLabels]) -> None:
    """Write JSON Lines: a line per report, condition and level; the file is there when all of them are.

    Until then, and where the labels break off, they are in a file beside it whose name ends in `.partial`.
    """
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w", encoding="utf-8") as file:
        for report in labels:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in label_rows(report))
    partial.replace(path)


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
    yield from _in_pieces(pl.scan_csv(path, infer_schema=False), columns)


def _parquet_rows(path: Path, columns: Sequence[pl.Expr]) -> Iterator[Row]:
    yield from _in_pieces(pl.scan_parquet(path), columns)


def _in_pieces(rows: pl.LazyFrame, columns: Sequence[pl.Expr]) -> Iterator[Row]:
    for piece in rows.select(columns).collect_batches(chunk_size=_PIECE):
        yield from piece.iter_rows(named=True)


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
