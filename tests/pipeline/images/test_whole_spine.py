"""A study with a lumbar series and one of the whole spine: each classifier is asked of the one that shows its discs."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless

from config.conditions import DISC_LEVELS
from pipeline.images.numbering import AS_COUNTED, NO_LEVELS, NamedDisc, Numbering
from pipeline.images.reader import Classification, ImageReader
from pipeline.images.reading import read_study
from pipeline.values import State, StudyReading
from tests.pipeline.images.invented import CLASSIFIERS, classifier
from tests.pipeline.images.phantom import mr_image, positions
from tests.pipeline.training.labelled_studies import FixedDetector

CONDITIONS = ("rust", "woodworm", "mould")
LUMBAR, WHOLE = "2.25.2", "2.25.5"


class HeightEncoder:
    """Gives the number of slices that the cut has, which tells the two series apart."""

    name = CLASSIFIERS.encoder

    def encode(self, cut):  # type: ignore[no-untyped-def]
        """Encode a disc volume to four features."""
        return cut[:4, 0, 0] * 0 + cut.any(axis=(1, 2)).sum()


def read(tmp_path: Path, *, spoilt: bool = False, numbering: Numbering = AS_COUNTED) -> StudyReading:
    paths = []
    for uid, pixel, count in ((LUMBAR, 10.0, 5), (WHOLE, 20.0, 7)):
        for number, place in enumerate(positions(count), 1):
            ds = mr_image(number, place)
            ds.SeriesInstanceUID, ds.SOPInstanceUID, ds.SeriesDescription = uid, f"{uid}.{number}", f"T2 {pixel:g}"
            ds.PixelSpacing = [pixel, pixel]
            # its lower edge lies lowest, so that the lumbar series is the chosen one
            ds.ImagePositionPatient = [place[0], -80.0, 120.0 if uid == LUMBAR else 400.0]
            if spoilt and uid == WHOLE:
                ds.PixelData = encapsulate([b"no picture"])
                ds.file_meta.TransferSyntaxUID = JPEG2000Lossless
            paths.append(tmp_path / f"{uid}-{number}.dcm")
            ds.save_as(paths[-1], enforce_file_format=True)
    classifiers = replace(
        CLASSIFIERS,
        classifiers=(
            *CLASSIFIERS.classifiers,
            classifier("mould", DISC_LEVELS[-3:], per_disc=False),
        ),
    )
    reader = ImageReader(FixedDetector(), Classification(HeightEncoder(), classifiers, "0"), "test")
    return read_study(reader, paths, CONDITIONS, numbering)


def test_a_condition_of_the_whole_spine_is_read_from_its_series_and_says_so(tmp_path: Path) -> None:
    reading = read(tmp_path)

    scores = {finding.condition: finding.log_odds for finding in reading.findings}
    assert reading.series_uid == LUMBAR
    assert scores == {"rust": 5, "mould": 5, "woodworm": 7}
    assert [finding.reason for finding in reading.findings if finding.condition == "woodworm"] == [
        "read from 3 discs of the series T2 20"
    ]
    assert {finding.condition: finding.series_uid for finding in reading.findings} == {
        "rust": None,
        "mould": None,
        "woodworm": WHOLE,
    }


def test_a_series_of_the_whole_spine_that_cannot_be_decoded_costs_only_its_own_condition(tmp_path: Path) -> None:
    findings = {finding.condition: finding for finding in read(tmp_path, spoilt=True).findings}

    assert (findings["woodworm"].state, findings["woodworm"].answer) == (State.NOT_IMAGED, None)
    assert "cannot be decoded" in findings["woodworm"].reason
    assert findings["woodworm"].series_uid == WHOLE
    assert findings["mould"].answer is True


@pytest.mark.parametrize(
    ("numbering", "reason"),
    [
        pytest.param(Numbering(NO_LEVELS), "a person says that they cannot be told", id="by a person"),
        pytest.param(Numbering(doubt="the report says L6"), "the report says L6", id="by the report"),
        pytest.param(
            Numbering("L4-L5", NamedDisc(LUMBAR, (0.0, 0.0, 60.0))),
            "a person named discs of other images",
            id="by a person elsewhere",
        ),
    ],
)
def test_names_that_are_withheld_on_the_chosen_scan_are_withheld_on_that_of_the_whole_spine(
    tmp_path: Path, numbering: Numbering, reason: str
) -> None:
    findings = {finding.condition: finding for finding in read(tmp_path, numbering=numbering).findings}

    expected = f"levels unknown: {reason}, so all 3 discs found of the series T2 20 were read"
    assert findings["woodworm"].reason == expected
