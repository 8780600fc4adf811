"""Secondary captures, also of images whose headers are incomplete or unusual."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image
from pydicom import Dataset, dcmread

from integrations.captures import patient_orientation, write_capture
from tests.integrations.sr.studies import as_received, mr_image

MADE_AT = datetime(2024, 3, 11, 9, 30, tzinfo=UTC)


def captured(**attributes: object) -> Dataset:
    """Give the capture of an image with these attributes."""
    image = as_received(mr_image(1, **attributes))
    return write_capture(Image.new("RGB", (20, 10)), image, "spinelabel test", MADE_AT)


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        pytest.param({}, "Doe^Jane", id="a plain header"),
        pytest.param({"PatientSex": "U"}, "Doe^Jane", id="a sex that is no defined term"),
        pytest.param({"SpecificCharacterSet": ""}, "Doe^Jane", id="an empty character set"),
        pytest.param(
            {"SpecificCharacterSet": ["", "ISO 2022 IR 87"], "PatientName": "Sato^Hanako=佐藤^花子"},
            "Sato^Hanako=佐藤^花子",
            id="several character sets",
        ),
        pytest.param(
            {"SpecificCharacterSet": "ISO 2022 IR 100", "PatientName": "Müller^Jörg"},
            "Müller^Jörg",
            id="one character set with extensions",
        ),
        pytest.param(dict.fromkeys(["PatientBirthDate", "StudyTime", "PatientSex", "StudyID"]), "Doe^Jane", id="gaps"),
    ],
)
def test_a_capture_of_any_header_is_written_and_valid(attributes: dict[str, object], name: str, tmp_path: Path) -> None:
    path = tmp_path / "capture.dcm"
    captured(**attributes).save_as(path, enforce_file_format=True)

    assert dcmread(path).PatientName == name
    assert verdicts(path, attributes.get("PatientSex")) == []


def verdicts(path: Path, sex: object) -> list[str]:
    """Give what dciodvfy finds wrong, but for the sex that the image states and what a DICOMDIR would want."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is missing; install dicom3tools")
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, errors="replace", check=False)
    lines = (done.stdout + done.stderr).splitlines()
    return [
        line
        for line in lines
        if line.startswith(("Error", "Warning")) and "DICOMDIR" not in line and not (sex and f"<{sex}>" in line)
    ]


def test_issuer_and_time_zone_go_along_and_times_are_those_of_that_zone() -> None:
    capture = captured(IssuerOfPatientID="NORTHMOOR", TimezoneOffsetFromUTC="+0200")

    assert capture.IssuerOfPatientID == "NORTHMOOR"
    assert capture.TimezoneOffsetFromUTC == "+0200"
    for keyword in ("InstanceCreation{}", "Content{}", "{}OfSecondaryCapture"):
        assert str(capture[keyword.format("Date")].value) == "20240311"
        assert str(capture[keyword.format("Time")].value).startswith("113000")


@pytest.mark.parametrize("said", ["YES", "NO", None])
def test_a_capture_says_of_burned_in_names_what_its_image_says(said: str | None) -> None:
    assert captured(BurnedInAnnotation=said).get("BurnedInAnnotation") == said


@pytest.mark.parametrize(
    ("cosines", "letters"),
    [
        pytest.param([0, 1, 0, 0, 0, -1], ["P", "F"], id="as usual"),
        pytest.param([0, -1, 0, 0, 0, -1], ["A", "F"], id="flipped"),
        pytest.param([0, 0, -1, 0, 1, 0], ["F", "P"], id="transposed"),
        pytest.param([0.2, 0.97, 0.1, 0.1, 0.1, 0.98], ["P", "H"], id="upside down and oblique"),
        pytest.param([1, 0, 0, 0, 1, 0], ["L", "P"], id="axial"),
    ],
)
def test_a_capture_is_oriented_as_the_image_that_it_shows(cosines: list[float], letters: list[str]) -> None:
    assert list(captured(ImageOrientationPatient=cosines).PatientOrientation) == letters


def test_an_image_that_does_not_say_how_it_lies_has_no_orientation() -> None:
    assert patient_orientation(mr_image(1, ImageOrientationPatient=None)) == []
