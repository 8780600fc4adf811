"""Tables of labels with rows, studies and scans that cannot be used, on invented images."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

from pipeline.images.detectors.protocol import DetectedDiscs
from pipeline.images.errors import DetectorEnded, DetectorFailed, DetectorUnavailable
from pipeline.images.volume import Volume
from pipeline.reports.errors import UnusableTable
from pipeline.training.encoded_scans import ScanReader
from pipeline.training.errors import NothingFitted
from pipeline.training.image_release import ImageSources, release_classifiers
from pipeline.training.scan_discs import NO_LEVELS, NO_PIXELS, NO_SERIES, NO_STUDY
from tests.pipeline.training.labelled_studies import (
    CONDITIONS,
    STUDIES,
    TRAINING,
    CoarseEncoder,
    FixedDetector,
    Invented,
    patients,
    rows_by_method,
    train,
    write_table,
)


def test_what_cannot_be_read_is_left_out_with_its_reason_and_costs_the_others_nothing(
    root: Path, out: Path, tmp_path: Path
) -> None:
    tested = patients("tested")
    spare = [name for name, _ in zip(tested, range(30), strict=False)][20:]
    bad = [
        replace(STUDIES[0], patient=spare[0], slices=3),
        replace(STUDIES[0], patient=spare[1], levels_known=False),
    ]
    for study in bad:
        study.write(tmp_path / "bad")
        (root / study.patient).symlink_to(tmp_path / "bad" / study.patient)
    rows = [
        *(study.row for study in (*STUDIES, *bad)),
        STUDIES[0].row | {"study": "nowhere", "patient": spare[2]},
        STUDIES[0].row | {"patient": ""},
        STUDIES[0].row | {"woodworm": "perhaps"},
        STUDIES[0].row | {"patient": spare[3]},
    ]
    labels = write_table(tmp_path / "labels.csv", [row | {"rusty": "1"} for row in rows])

    values = train(labels, root, out)

    left = {entry["condition"]: entry["reasons"] for entry in values["left_out"]}
    assert left == {
        "rust": {NO_SERIES: 3, NO_LEVELS: 3, NO_STUDY: 3},
        "woodworm": {NO_SERIES: 1, NO_LEVELS: 1, NO_STUDY: 1},
    }
    first = len(STUDIES) + len(bad) + 1
    assert {entry["row"]: entry["reason"].split(";")[0] for entry in values["unread"]} == {
        first: "there is no such folder under --studies, nor a StudyInstanceUID in it",
        first + 1: "it has no `study` and `patient`",
        first + 2: "its label of woodworm is neither 1, 0 nor empty",
        first + 3: "its study is another patient's in a row above",
    }
    assert values["unknown_columns"] == ["rusty"]
    assert {key: row["n"] for key, row in rows_by_method(values).items()} == {
        ("rust", "coarse+SVM"): 60,
        ("woodworm", "coarse+NSK-SVM"): 20,
    }
    assert values["patients"]["tested"] == 20 + len([bad[1]])


class FailingDetector(FixedDetector):
    """Has no answer for any study, for a reason that is given."""

    def __init__(self, error: DetectorFailed) -> None:
        super().__init__()
        self._error = error

    def detect(self, volume: Volume) -> DetectedDiscs:
        """Fail."""
        super().detect(volume)
        raise self._error


def test_a_failed_detector_is_told_from_studies_that_cannot_be_used(root: Path, tmp_path: Path) -> None:
    labels = write_table(tmp_path / "labels.csv", [study.row for study in STUDIES])
    reader = ScanReader(FailingDetector(DetectorEnded("SpineNet", 1, "")), CoarseEncoder())

    with pytest.raises(NothingFitted) as refusal:
        train(labels, root, tmp_path / "out", reader)

    assert "left out: the detector failed 20" in str(refusal.value)
    assert "60 rows were left out: SpineNet ended with status 1. Run `spinelabel check`" in str(refusal.value)


def test_a_detector_that_cannot_be_started_ends_the_training(root: Path, tmp_path: Path) -> None:
    labels = write_table(tmp_path / "labels.csv", [study.row for study in STUDIES])
    reader = ScanReader(FailingDetector(DetectorUnavailable("SpineNet is not installed.")), CoarseEncoder())

    with pytest.raises(DetectorUnavailable):
        train(labels, root, tmp_path / "out", reader)


def test_pixels_that_cannot_be_read_are_a_reason_of_their_own(root: Path, out: Path, tmp_path: Path) -> None:
    broken = replace(STUDIES[0], patient=next(islice(patients("tested"), 40, None)))
    broken.write(tmp_path)
    for path in (tmp_path / broken.patient).iterdir():
        ds = dcmread(path)
        ds.file_meta.TransferSyntaxUID = RLELossless
        ds.PixelData = encapsulate([b"no run lengths"])
        ds.save_as(path)
    (root / broken.patient).symlink_to(tmp_path / broken.patient)
    rows = [study.row for study in (*STUDIES, broken)]

    values = train(write_table(tmp_path / "labels.csv", rows), root, out)

    assert [entry["reasons"] for entry in values["left_out"]] == [{NO_PIXELS: 3}, {NO_PIXELS: 1}]
    assert values["patients"] == {"calibrated": 20, "fitted": 20, "tested": 20}


def test_another_folder_of_studies_is_named_as_the_cause(tmp_path: Path) -> None:
    labels = write_table(tmp_path / "labels.csv", [study.row for study in STUDIES])
    (tmp_path / "empty").mkdir()

    with pytest.raises(NothingFitted, match="60 rows were left out: there is no such folder under --studies"):
        train(labels, tmp_path / "empty", tmp_path / "out")


def test_a_study_in_two_rows_counts_once(root: Path, out: Path, tmp_path: Path) -> None:
    uid = f"2.25.7{int.from_bytes(STUDIES[-1].patient.encode(), 'big')}"
    rows = [*(study.row for study in STUDIES), STUDIES[-1].row, STUDIES[-1].row | {"study": uid}]
    labels = ImageSources(write_table(tmp_path / "labels.csv", rows), root)
    reader, shown = ScanReader(FixedDetector(), CoarseEncoder()), []

    values = release_classifiers(reader, (labels, CONDITIONS), TRAINING, out, lambda *at: shown.append(at))

    assert {row["n"] for row in values["rows"]} == {60, 20}
    assert [(row["row"], row["reason"]) for row in values["unread"]] == [
        (61, "its study is in a row above"),
        (62, "its study is in a row above"),
    ]
    assert shown[-1] == (62, 62)


def test_a_cell_too_long_for_a_name_costs_the_others_nothing(root: Path, out: Path, tmp_path: Path) -> None:
    rows = [*(study.row for study in STUDIES), STUDIES[0].row | {"study": "9" * 300}]

    values = train(write_table(tmp_path / "labels.csv", rows), root, out)

    assert [entry["row"] for entry in values["unread"]] == [61]


def test_a_study_can_be_named_by_its_uid(root: Path, out: Path, tmp_path: Path) -> None:
    uid = f"2.25.7{int.from_bytes(STUDIES[0].patient.encode(), 'big')}"
    rows = [STUDIES[0].row | {"study": uid}, *(study.row for study in STUDIES[1:])]

    values = train(write_table(tmp_path / "labels.csv", rows), root, out)

    assert values["unread"] == []


def test_a_folder_outside_that_of_the_studies_is_never_read(root: Path, out: Path, tmp_path: Path) -> None:
    Invented("elsewhere", (True, True, True), woodworm=True).write(tmp_path)
    rows = [STUDIES[0].row | {"study": str(tmp_path / "elsewhere")}, *(study.row for study in STUDIES[1:])]

    values = train(write_table(tmp_path / "labels.csv", rows), root, out)

    assert [entry["row"] for entry in values["unread"]] == [1]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        pytest.param(None, "nothing below its header", id="header only"),
        pytest.param({"study": "a", "patient": "", "woodworm": "1"}, "1 row was left out: it has no", id="no patient"),
    ],
)
def test_a_table_without_a_row_that_can_be_used_is_refused(
    row: dict[str, str] | None, why: str, root: Path, out: Path, tmp_path: Path
) -> None:
    labels = write_table(tmp_path / "labels.csv", [row or STUDIES[0].row])
    if row is None:
        labels.write_text(labels.read_text().splitlines()[0] + "\n")

    with pytest.raises(UnusableTable, match=why):
        train(labels, root, out)


def test_a_table_without_a_condition_is_refused(root: Path, out: Path, tmp_path: Path) -> None:
    labels = write_table(tmp_path / "labels.csv", [{"study": "a", "patient": "b", "rusty": "1"}])

    with pytest.raises(UnusableTable, match="has no labels"):
        train(labels, root, out)


def test_a_table_without_patients_is_refused(root: Path, out: Path, tmp_path: Path) -> None:
    labels = write_table(tmp_path / "labels.csv", [{"study": "a", "woodworm": "1"}])

    with pytest.raises(UnusableTable, match="`study` and `patient`"):
        train(labels, root, out)
