"""Structured reports as dciodvfy, dsrdump and highdicom see them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from config.conditions import Condition
from integrations.sr.identifiers import derived_uid
from integrations.sr.reading import read_findings
from integrations.sr.values import PreviousSr, SrStudy
from pipeline.values import Finding, State
from tests.integrations.sr.judges import verdicts
from tests.integrations.sr.studies import (
    BOTH,
    FROM_IMAGES,
    FROM_REPORT,
    INSTALLATION,
    INSTANCE,
    as_received,
    finding,
    mr_study,
    undetermined,
    written,
)
from tests.odd.dicom.enhanced import enhanced
from tests.odd.dicom.make_cases import write_case
from tests.odd.dicom.phantom import t2_series

# A slice of a real series lies in a folder beside the project's, which a copy of the project may lack.
REAL_SERIES = Path(__file__).resolve().parents[4] / "shared" / "samples" / "lumbar-t2"
JAPANESE = {
    "SpecificCharacterSet": ["", "ISO 2022 IR 87"],
    "PatientName": "Sato^Hanako=佐藤^花子=さとう^はなこ",
}
MISSING = (
    "StudyID",
    "StudyTime",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
    "PatientBirthDate",
    "PatientSex",
    "Manufacturer",
    "SeriesNumber",
)
EMPTY = {"PatientName": "", "PatientID": "", "PatientBirthDate": "", "AccessionNumber": ""}


@pytest.mark.parametrize(
    ("findings", "study"),
    [
        pytest.param(BOTH, {}, id="a full study"),
        pytest.param(FROM_REPORT, {}, id="a report only"),
        pytest.param(FROM_IMAGES, {}, id="images only"),
        pytest.param(
            [undetermined("stenosis", State.NOT_MENTIONED, "")],
            {},
            id="nothing but an abstention",
        ),
        pytest.param([finding("vertebral fracture")], {}, id="a condition without a code"),
        pytest.param([finding("骨折")], {}, id="a condition in another script"),
        pytest.param(BOTH, JAPANESE, id="a Japanese name in three groups"),
        pytest.param(BOTH, {"PatientName": "Müller-Lüdenscheidt^Jörg"}, id="a Latin-1 name"),
        pytest.param(BOTH, {"SpecificCharacterSet": None}, id="no character set"),
        pytest.param(BOTH, {"TimezoneOffsetFromUTC": "-0330"}, id="a time zone"),
    ],
)
def test_the_judges_find_nothing_and_every_finding_is_read_back(
    findings: list[Finding], study: dict[str, Any], tmp_path: Path
) -> None:
    document = written(findings, mr_study(**study))

    assert verdicts(document, tmp_path) == []
    assert [_essence_of(found) for found in findings] == [
        (found.condition, found.level, found.source, found.presence, found.probability, found.threshold)
        for found in read_findings(dcmread(tmp_path / "sr.dcm"))
    ]


def _essence_of(wanted: Finding) -> tuple[object, ...]:
    decided = wanted.state in (State.PRESENT, State.ABSENT)
    answer = (wanted.answer, wanted.probability, wanted.threshold) if decided else (None, None, None)
    return (wanted.condition, wanted.level, wanted.source, *answer)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(dict.fromkeys(MISSING), id="attributes of type 2 not there at all"),
        pytest.param(EMPTY, id="patient and accession number empty"),
    ],
)
def test_what_a_study_lacks_stands_empty_and_is_no_error(changes: dict[str, Any], tmp_path: Path) -> None:
    document = written(study=mr_study(**changes), report=None)

    # dciodvfy warns that a DICOMDIR would want some of it; making it up would be worse.
    assert [line for line in verdicts(document, tmp_path) if "DICOMDIR" not in line] == []
    assert len(read_findings(dcmread(tmp_path / "sr.dcm"))) == len(BOTH)
    assert "StudyDescription" not in document or "StudyDescription" not in changes
    for keyword in changes.keys() - {"StudyDescription", "Manufacturer", "SeriesNumber"}:
        assert keyword in document
        assert document[keyword].is_empty


def test_images_with_little_in_them_get_a_valid_report(tmp_path: Path) -> None:
    write_case("sr-01", tmp_path / "case")
    images = tuple(dcmread(path, stop_before_pixels=True) for path in sorted((tmp_path / "case").glob("*.dcm")))
    document = written(FROM_REPORT, SrStudy(images, str(images[0].SeriesInstanceUID)), report=None)

    assert [line for line in verdicts(document, tmp_path) if "DICOMDIR" not in line] == []
    assert document.StudyInstanceUID == images[0].StudyInstanceUID
    assert all(document[keyword].is_empty for keyword in ("StudyID", "AccessionNumber", "PatientSex", "StudyTime"))
    assert len(read_findings(dcmread(tmp_path / "sr.dcm"))) == len(FROM_REPORT)


def test_a_disc_on_a_frame_is_cited_with_its_frame(tmp_path: Path) -> None:
    image = as_received(enhanced("sr-frames", [t2_series("sr-frames")]))
    on_it = FROM_IMAGES[1].disc
    assert on_it is not None
    shown = replace(FROM_IMAGES[1], disc=replace(on_it, sop_instance_uid=str(image.SOPInstanceUID), frame=4))
    document = written([shown], SrStudy((image,), str(image.SeriesInstanceUID)), report=None)

    assert verdicts(document, tmp_path) == []
    cited = [
        int(item.ReferencedFrameNumber)
        for element in document.iterall()
        if element.keyword == "ReferencedSOPSequence"
        for item in element.value
        if "ReferencedFrameNumber" in item
    ]
    assert cited == [4]


def test_a_superseding_report_is_valid(tmp_path: Path) -> None:
    previous = PreviousSr(derived_uid("earlier series"), derived_uid("earlier"), 3)

    assert verdicts(written(instance=replace(INSTANCE, previous=previous)), tmp_path) == []


def test_a_report_without_an_order_is_valid(tmp_path: Path) -> None:
    assert verdicts(written(report=None), tmp_path) == []


def test_an_accession_number_too_long_is_carried_whole_and_nothing_else_is_blamed(tmp_path: Path) -> None:
    accession = "AREC03A-2024-03-11-00417"
    document = written(study=mr_study(AccessionNumber=accession), report=None)

    assert document.AccessionNumber == accession
    blamed = [line for line in verdicts(document, tmp_path) if "contains invalid data values" not in line]
    assert len(blamed) == 1
    assert "Accession Number" in blamed[0]


def test_a_site_s_own_condition_and_code_are_valid(tmp_path: Path) -> None:
    own = Condition.model_validate(
        {"name": "scoliosis", "definition": "A curve.", "finding": ["64217002", "SCT", "Curvature of spine"]}
    )
    document = written([finding("scoliosis")], installation=replace(INSTALLATION, conditions=(own,)))

    assert verdicts(document, tmp_path) == []
    assert read_findings(document)[0].finding.value == "64217002"


def test_a_real_series_gets_a_valid_report(tmp_path: Path) -> None:
    paths = sorted(REAL_SERIES.glob("*.dcm"))
    if not paths:
        pytest.skip("the real series is not beside the project")
    images = tuple(dcmread(path, stop_before_pixels=True) for path in paths)
    disc = FROM_IMAGES[1].disc
    assert disc is not None
    on_it = replace(FROM_IMAGES[1], disc=replace(disc, sop_instance_uid=str(images[18].SOPInstanceUID)))
    document = written((*FROM_REPORT, on_it), SrStudy(images, str(images[0].SeriesInstanceUID)))

    assert verdicts(document, tmp_path) == []
    assert document.StudyInstanceUID == images[0].StudyInstanceUID
