"""Reports from files and folders."""

from pathlib import Path

import pytest

from pipeline.reports.labelling import Report
from pipeline.training.errors import UnusableFolder
from pipeline.training.report_sources import read_source


def test_a_folder_gives_its_texts_and_names_those_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("Slip.")
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe")
    (tmp_path / "c.pdf").write_text("no text")

    table = read_source(tmp_path)

    assert table.reports == (Report("b", "Slip."),)
    assert [row.report_id for row in table.unreadable] == ["file 1"]


def test_a_file_is_read_as_for_labelling(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id,text\n1,Slip.\n")

    assert read_source(tmp_path / "r.csv").reports == (Report("1", "Slip."),)


def test_a_folder_without_texts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableFolder, match=r"no \.txt file"):
        read_source(tmp_path)
