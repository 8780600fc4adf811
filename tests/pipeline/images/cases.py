"""Invented cases of tests/odd/dicom, and changes to whole series, as the tests of series and volumes need them."""

from collections.abc import Iterable
from pathlib import Path

from pipeline.images.series import SeriesChoice, choose_series, read_headers
from pipeline.images.volume import Volume, load_volume
from tests.odd.dicom.make_cases import write_case


def files_of(folder: Path) -> list[Path]:
    """Give all files below a folder, in the order of their names."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def write(case: str, folder: Path) -> Path:
    """Write a case once, and give its folder."""
    target = folder / case
    if not target.exists():
        write_case(case, target)
    return target


def choose(paths: Iterable[Path]) -> SeriesChoice:
    """Choose the series among files."""
    return choose_series(read_headers(paths)[0])


def volume_of(choice: SeriesChoice) -> Volume:
    """Load the chosen stack."""
    assert choice.stack is not None, choice.reason
    return load_volume(choice.stack)
