"""From DICOM files and a table of labels to classifiers and the paper's Table 5, on invented images: the machinery."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.conditions import Condition
from pipeline.images.classifiers import load_classifiers
from pipeline.images.detectors.protocol import DetectedDiscs, Detector
from pipeline.images.errors import UnusableModel
from pipeline.images.series import SeriesChoice, read_headers
from pipeline.images.volume import Volume
from pipeline.reports.errors import UnusableTable
from pipeline.training import encoded_scans
from pipeline.training.encoded_scans import ScanReader, read_study_discs
from pipeline.training.errors import NothingFitted
from pipeline.training.image_release import ImageSources, ImageTraining, release_classifiers
from pipeline.training.scan_discs import NO_LEVELS, NO_SERIES, NO_STUDY, StudyDiscs
from pipeline.values import Standing
from tests.pipeline.training.labelled_studies import (
    CONDITIONS,
    LEVELS,
    RUSTINESS,
    BrightDetector,
    CoarseEncoder,
    FixedDetector,
    Invented,
    invent,
    patients,
    write_table,
)

STUDIES = invent()
TRAINING = ImageTraining("site", Standing.DEMONSTRATION, "balanced")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies")
    for study in STUDIES:
        study.write(folder)
    return folder


def train(
    labels: Path,
    root: Path,
    out: Path,
    reader: ScanReader | None = None,
    conditions: Sequence[Condition] = CONDITIONS,
    training: ImageTraining = TRAINING,
) -> dict[str, Any]:
    reader = reader or ScanReader(FixedDetector(), CoarseEncoder())
    sources = (ImageSources(labels, root), conditions)
    return release_classifiers(reader, sources, training, out, lambda _read, _total: None)


def rows_by_method(values: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["condition"], row["method"]): row for row in values["rows"]}


@pytest.fixture(scope="module")
def table(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("trained")
    labels = write_table(folder / "labels.csv", [study.row for study in STUDIES])
    return train(labels, root, folder / "out"), folder / "out"


@pytest.fixture
def out(table: tuple[dict[str, Any], Path], tmp_path: Path) -> Path:
    """A folder for a set in which all studies have been read already."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "encodings").symlink_to(table[1] / "encodings")
    return tmp_path / "out"


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


def test_levels_are_counted_with_the_other_scans_of_the_study(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def count_none(_detector: Detector, choice: SeriesChoice, volume: Volume) -> DetectedDiscs:
        asked.append(choice)
        return FixedDetector().detect(volume).without_levels("the localizer says otherwise")

    monkeypatch.setattr(encoded_scans, "count_levels", count_none)
    images, _ = read_headers(sorted((root / STUDIES[0].patient).iterdir()))

    discs = read_study_discs(ScanReader(FixedDetector(), CoarseEncoder()), images, tmp_path)

    assert isinstance(discs, StudyDiscs)
    assert discs.chosen.levels == (None, None, None)
    assert len(asked) == 1


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


def test_a_table_without_a_condition_is_refused(root: Path, out: Path, tmp_path: Path) -> None:
    labels = write_table(tmp_path / "labels.csv", [{"study": "a", "patient": "b", "rusty": "1"}])

    with pytest.raises(UnusableTable, match="has no labels"):
        train(labels, root, out)


def test_a_table_without_patients_is_refused(root: Path, out: Path, tmp_path: Path) -> None:
    labels = write_table(tmp_path / "labels.csv", [{"study": "a", "woodworm": "1"}])

    with pytest.raises(UnusableTable, match="`study` and `patient`"):
        train(labels, root, out)


@pytest.mark.parametrize("name", ["demonstration", "none", "../up", ""])
def test_a_name_that_settings_could_not_mean_is_refused(name: str, root: Path, out: Path, tmp_path: Path) -> None:
    labels = write_table(tmp_path / "labels.csv", [study.row for study in STUDIES])

    with pytest.raises(UnusableModel, match="cannot be called"):
        train(labels, root, out, training=replace(TRAINING, name=name))
