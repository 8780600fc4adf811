"""From DICOM files and a table of labels to classifiers and the paper's Table 5, on invented images: the machinery."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from pipeline.images.classifiers import load_classifiers
from pipeline.images.errors import UnusableModel
from pipeline.images.series import read_headers
from pipeline.splits import part_of_patient
from pipeline.training.encoded_scans import ScanReader, read_study_discs
from pipeline.training.errors import NothingFitted
from pipeline.training.scan_discs import StudyDiscs
from pipeline.values import Standing
from tests.pipeline.images.phantom import COLUMNS, ROWS, mr_image, positions
from tests.pipeline.training.labelled_studies import (
    CONDITIONS,
    LEVELS,
    RUSTINESS,
    STUDIES,
    TOP,
    TRAINING,
    BrightDetector,
    CoarseEncoder,
    FixedDetector,
    Invented,
    rows_by_method,
    train,
    write_table,
)


def test_each_condition_is_fitted_as_its_columns_ask_and_tested_on_other_patients(
    table: tuple[dict[str, Any], Path],
) -> None:
    rows = rows_by_method(table[0])

    assert {key: row["n"] for key, row in rows.items()} == {
        ("rust", "coarse+SVM"): 60,
        ("woodworm", "coarse+NSK-SVM"): 20,
    }
    assert all(row["auroc"] > 0.95 and row["interval"]["auroc"][0] > 0.9 for row in rows.values())


def test_the_stored_set_is_what_the_product_loads(table: tuple[dict[str, Any], Path]) -> None:
    loaded, _ = load_classifiers(table[1] / "site.npz", CoarseEncoder.name)

    rust, woodworm = loaded.classifiers
    assert (rust.per_disc, rust.levels, woodworm.per_disc) == (True, LEVELS, False)
    assert loaded.standing == Standing.DEMONSTRATION
    assert json.loads((table[1] / "site.table.json").read_text()) == table[0]


def test_the_card_tells_data_and_models_and_names_no_place(table: tuple[dict[str, Any], Path], root: Path) -> None:
    card = (table[1] / "site.json").read_text()

    assert {"detector", "encoder", "labels_sha256", "costs", "tested"} <= json.loads(card).keys()
    assert str(root) not in card
    assert not any(study.patient in card for study in STUDIES)


def test_a_run_goes_on_from_the_scans_that_were_read(root: Path, tmp_path: Path) -> None:
    labels = write_table(tmp_path / "labels.csv", [study.row for study in STUDIES])
    first, second = FixedDetector(), FixedDetector()

    one = train(labels, root, tmp_path / "out", ScanReader(first, CoarseEncoder()))
    other = train(labels, root, tmp_path / "out", ScanReader(second, CoarseEncoder()))

    assert (first.calls, second.calls) == (len(STUDIES), 0)
    assert one == other


def test_scans_that_another_encoder_read_are_read_again(root: Path, tmp_path: Path) -> None:
    labels = write_table(tmp_path / "labels.csv", [study.row for study in STUDIES])
    encoder, detector = CoarseEncoder(), FixedDetector()
    encoder.name = "coarse@sha256:1"

    train(labels, root, tmp_path / "out")
    train(labels, root, tmp_path / "out", ScanReader(detector, encoder))

    assert detector.calls == len(STUDIES)


def test_a_detector_s_own_grades_and_encodings_stand_beside_ours(root: Path, tmp_path: Path) -> None:
    labels = write_table(tmp_path / "labels.csv", [study.row for study in STUDIES])

    values = train(labels, root, tmp_path / "out", ScanReader(BrightDetector(), CoarseEncoder(), (RUSTINESS,)))

    rows = rows_by_method(values)
    assert set(rows) == {
        ("rust", "Bright 1"),
        ("rust", "Bright 1+SVM"),
        ("rust", "coarse+SVM"),
        ("woodworm", "Bright 1+NSK-SVM"),
        ("woodworm", "coarse+NSK-SVM"),
    }
    graded = rows["rust", "Bright 1"]
    assert (graded["balanced_accuracy"], graded["auroc"], graded["threshold"]) == (1.0, None, None)


def write_localizer(folder: Path, *, levels_known: bool) -> None:
    """Write another scan of a study, 60 mm further down, on which two of the three discs are seen again."""
    for number, place in enumerate(positions(3, top=60.0), 1):
        ds = mr_image(number, place)
        ds.SeriesInstanceUID, ds.SOPInstanceUID = "2.25.3", f"2.25.3.{number}"
        ds.EchoTime, ds.RepetitionTime = 5, 20
        pixels = np.full((ROWS, COLUMNS), 100)
        pixels[0, 0] = 0 if levels_known else TOP
        ds.PixelData = pixels.astype(np.uint16).tobytes()
        ds.save_as(folder / f"localizer {number}.dcm", enforce_file_format=True)
    for path in folder.iterdir():
        ds = dcmread(path)
        ds.FrameOfReferenceUID, ds.StudyInstanceUID = "2.25.77", "2.25.78"
        ds.save_as(path)


@pytest.mark.parametrize("known", [(True, False), (False, True)], ids=["then lost", "then seen"])
def test_levels_are_counted_with_the_other_scans_of_the_study_as_they_are_now(
    tmp_path: Path, known: tuple[bool, bool]
) -> None:
    Invented("somebody", (True, False, True), woodworm=False, levels_known=False).write(tmp_path)
    folder, reader = tmp_path / "somebody", ScanReader(FixedDetector(), CoarseEncoder())

    for levels_known in known:
        write_localizer(folder, levels_known=levels_known)
        discs = read_study_discs(reader, read_headers(sorted(folder.iterdir()))[0], tmp_path / "kept")

        assert isinstance(discs, StudyDiscs)
        assert discs.chosen.levels == (("L2-L3", "L3-L4", "L4-L5") if levels_known else (None, None, None))


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        pytest.param([study.row for study in STUDIES[:10]], "label more studies", id="ten studies"),
        pytest.param(
            [study.row | {"woodworm": "1"} | {f"rust {level}": "0" for level in LEVELS} for study in STUDIES],
            "0 present and 60 absent to fit on",
            id="one answer only",
        ),
        pytest.param(
            [study.row | {"woodworm": ""} | {f"rust {level}": "" for level in LEVELS} for study in STUDIES],
            "0 present and 0 absent to fit on",
            id="no labels",
        ),
    ],
)
def test_too_few_examples_replace_nothing_and_say_what_is_missing(
    rows: list[dict[str, str]], sentence: str, table: tuple[dict[str, Any], Path], root: Path, tmp_path: Path
) -> None:
    out = table[1]
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}

    with pytest.raises(NothingFitted, match=sentence):
        train(write_table(tmp_path / "labels.csv", rows), root, out)

    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


def test_one_condition_that_lacks_examples_leaves_the_other_its_classifier(
    root: Path, out: Path, tmp_path: Path
) -> None:
    labels = write_table(tmp_path / "labels.csv", [study.row | {"woodworm": "1"} for study in STUDIES])

    values = train(labels, root, out)

    assert [row["condition"] for row in values["rows"]] == ["rust"]
    assert [(note["condition"], note["fitted"]) for note in values["notes"]] == [("woodworm", False)]


def test_a_level_that_was_never_seen_is_judged_by_no_classifier(root: Path, out: Path, tmp_path: Path) -> None:
    higher = CONDITIONS[0].model_copy(update={"levels": ("L2-L3", *LEVELS)})
    labels = write_table(tmp_path / "labels.csv", [study.row | {"rust L2-L3": "1"} for study in STUDIES])

    values = train(labels, root, out, conditions=(higher,))

    loaded, _ = load_classifiers(out / "site.npz", CoarseEncoder.name)
    assert loaded.classifiers[0].levels == LEVELS
    assert "L2-L3" in values["notes"][0]["note"]


def test_a_level_that_was_never_seen_is_not_calibrated_or_tested_on(root: Path, out: Path, tmp_path: Path) -> None:
    low, *others = LEVELS
    blank = {f"rust {low}": ""}
    fitted = {study.patient for study in STUDIES if part_of_patient(study.patient) == "fitted"}
    known = [study.row | (blank if study.patient in fitted else {}) for study in STUDIES]
    unknown = [study.row | blank for study in STUDIES]

    values, same = (train(write_table(tmp_path / "labels.csv", rows), root, out) for rows in (known, unknown))

    assert {row["condition"]: row["n"] for row in values["rows"]} == {"rust": 20 * len(others), "woodworm": 20}
    assert values == same
    assert low in values["notes"][0]["note"]


def test_a_condition_needs_its_examples_without_the_levels_that_were_never_seen(
    root: Path, out: Path, tmp_path: Path
) -> None:
    low, *others = LEVELS
    rows = []
    for study in STUDIES:
        part = part_of_patient(study.patient)
        unlabelled = {"fitted": [low], "calibrated": others, "tested": []}[part]
        rows.append(study.row | {f"rust {level}": "" for level in unlabelled})

    values = train(write_table(tmp_path / "labels.csv", rows), root, out)

    (note,) = values["notes"]
    assert (note["condition"], note["fitted"]) == ("rust", False)
    assert "0 present and 0 absent to calibrate on" in note["note"]


@pytest.mark.parametrize("name", ["demonstration", "none", "../up", ""])
def test_a_name_that_settings_could_not_mean_is_refused(name: str, root: Path, out: Path, tmp_path: Path) -> None:
    labels = write_table(tmp_path / "labels.csv", [study.row for study in STUDIES])

    with pytest.raises(UnusableModel, match="cannot be called"):
        train(labels, root, out, training=replace(TRAINING, name=name))
