"""The programs that judge a structured report: dciodvfy of dicom3tools and dsrdump of DCMTK."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from pydicom import Dataset

PRIVATE_SCHEME_WARNING = "Unrecognized defined term <99SPINELABEL>"
"""The only line that a report of a complete study may draw: the price of a private scheme."""


def verdicts(document: Dataset, folder: Path) -> list[str]:
    """Let both judges read a report; give their errors and warnings, but for those on the private scheme."""
    path = folder / "sr.dcm"
    document.save_as(path, enforce_file_format=True)
    lines = _lines("dciodvfy", str(path)) + _lines("dsrdump", "-q", str(path))
    return [
        line
        for line in lines
        if line.startswith(("Error", "Warning", "E:", "W:", "F:")) and PRIVATE_SCHEME_WARNING not in line
    ]


def _lines(program: str, *arguments: str) -> list[str]:
    if shutil.which(program) is None:
        if "CI" in os.environ:
            pytest.fail(f"{program} is missing")
        pytest.skip(f"{program} is missing; install dicom3tools and dcmtk")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, errors="replace", check=False)
    output = done.stdout + done.stderr
    assert output.strip(), f"{program} said nothing"
    if program == "dsrdump":
        assert done.returncode == 0, output
    return output.splitlines()
