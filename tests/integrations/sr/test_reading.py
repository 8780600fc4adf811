from io import BytesIO

import pytest
from pydicom import Dataset, dcmread

from integrations.sr.errors import UnreadableSr
from integrations.sr.reading import read_findings
from tests.integrations.sr.studies import PROVENANCE, finding, mr_image, written


def _through_a_file(document: Dataset) -> Dataset:
    buffer = BytesIO()
    document.save_as(buffer, enforce_file_format=True)
    return dcmread(BytesIO(buffer.getvalue()))


def test_the_provenance_comes_back_under_its_names() -> None:
    (found,) = read_findings(_through_a_file(written([finding("stenosis")])))

    assert found.parameters["model"] == PROVENANCE.model
    assert found.parameters["calibration"] == PROVENANCE.calibration
    assert found.parameters["input_sha256"] == PROVENANCE.input_sha256


def test_a_condition_with_a_stroke_in_its_name_comes_back_whole() -> None:
    (found,) = read_findings(_through_a_file(written([finding("root/cord compression", level="L4-L5")])))

    assert (found.condition, found.level) == ("root/cord compression", "L4-L5")


def test_findings_come_back_in_their_order() -> None:
    document = written()

    assert [one.tracking_uid for one in read_findings(document)] == [
        one.tracking_uid for one in read_findings(_through_a_file(document))
    ]
    assert [one.source for one in read_findings(document)][:7] == ["report"] * 7


def test_an_image_is_no_report() -> None:
    with pytest.raises(UnreadableSr):
        read_findings(mr_image(1))


def test_a_report_of_another_maker_is_refused() -> None:
    document = _through_a_file(written([finding("stenosis")]))
    group = document.ContentSequence[-3].ContentSequence[0]
    group.ContentSequence = [
        item for item in group.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue != "112039"
    ]

    with pytest.raises(UnreadableSr):
        read_findings(document)
