"""Reports without labels from wherever a site has them as files."""

from pathlib import Path

from pipeline.reports.labelling import Report, UnlabelledReport
from pipeline.reports.tables import ReportTable, read_reports
from pipeline.training.errors import UnusableFolder


def read_source(source: Path) -> ReportTable:
    """Read the reports of a CSV, JSON Lines or Parquet file with `id` and `text`, or of a folder of .txt files.

    A text that cannot be read is named by its place in the folder's order and costs the others nothing.

    Raises:
        UnusableTable: the file cannot be read, is of another kind, or lacks a column.
        UnusableFolder: the folder holds no .txt file.
    """
    if not source.is_dir():
        return read_reports(source)
    files = sorted(source.glob("*.txt"))
    if not files:
        raise UnusableFolder(f"{source} holds no .txt file. Name a folder with one report a file.")
    reports: list[Report] = []
    unreadable: list[UnlabelledReport] = []
    for number, file in enumerate(files, 1):
        try:
            reports.append(Report(file.stem, file.read_text(encoding="utf-8-sig")))
        except (OSError, UnicodeDecodeError):
            unreadable.append(UnlabelledReport(f"file {number}", "The file cannot be read as UTF-8."))
    return ReportTable(tuple(reports), tuple(unreadable))
