"""`spinelabel train images --labels`: from folders and a table to the paper's Table 5, which tests the machinery only.

The quick tests read small invented images with stand-ins for detector and encoder. The long one draws whole spines,
writes them as DICOM and reads them with the real ones; its figures say nothing of patients.
"""

import json
from itertools import islice
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from config.errors import SpinelabelError
from config.image_settings import ImageSettings
from pipeline.images.reader import load_image_reader
from pipeline.images.reading import read_study
from pipeline.splits import Part
from pipeline.training.demonstration import drawn_labels, write_study
from pipeline.training.drawn_studies import drawn_study
from pipeline.values import Standing
from service.cli import load_commands
from tests.pipeline.training.labelled_studies import CoarseEncoder, FixedDetector, invent, patients, write_table

CONDITIONS = """
- {name: rust, definition: Rust is red., levels: [L3-L4, L4-L5, L5-S1]}
- {name: woodworm, definition: Woodworm makes holes., bag: [L3-L4, L5-S1]}
"""


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(load_commands(), ["train", "images", *map(str, arguments)])
    if isinstance(result.exception, SpinelabelError):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of studies with a table and settings beside them."""
    root = tmp_path_factory.mktemp("site")
    invented = invent()
    for study in invented:
        study.write(root)
    write_table(root / "labels.csv", [study.row | {"rusty": "1"} for study in invented])
    (root / "conditions.yaml").write_text(CONDITIONS)
    (root / "site.yaml").write_text(f"data: {root / 'data'}\nconditions: {root / 'conditions.yaml'}\n")
    return root


@pytest.fixture(autouse=True)
def stand_ins(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "long" in request.keywords:
        return
    monkeypatch.setattr("pipeline.images.detectors.chosen.load_chosen", lambda _settings, _data: FixedDetector())
    monkeypatch.setattr("pipeline.images.encoders.chosen.load_encoder", lambda _settings: CoarseEncoder())


def test_the_command_prints_table_5_and_how_to_use_the_set(studies: Path) -> None:
    out = studies / "data" / "classifiers"
    result = run("--labels", studies / "labels.csv", "--out", out, "--config", studies / "site.yaml")

    assert result.exit_code == 0
    for part in (
        "coarse+SVM",
        "coarse+NSK-SVM",
        "left out: none",
        "tested on 20",
        "rusty",
        "`images.classifiers: site`",
    ):
        assert part in result.stdout
    assert {path.name for path in out.iterdir()} == {"site.npz", "site.json", "site.table.json", "encodings"}


def test_the_json_is_the_table_and_nothing_else(studies: Path) -> None:
    arguments = ("--labels", studies / "labels.csv", "--out", studies / "other", "--config", studies / "site.yaml")

    values = json.loads(run(*arguments, "--json").stdout)

    assert [(row["condition"], row["method"], row["n"]) for row in values["rows"]] == [
        ("rust", "coarse+SVM", 60),
        ("woodworm", "coarse+NSK-SVM", 20),
    ]
    assert {"balanced_accuracy", "eer", "auroc", "f1", "interval", "threshold"} <= values["rows"][0].keys()


@pytest.mark.parametrize("arguments", [(), ("--demonstration", "--labels", __file__)])
def test_labels_or_the_demonstration_must_be_chosen(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert run("--out", tmp_path, *arguments).exit_code == 2


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_drawn_spines_go_from_dicom_to_table_5_and_into_the_product(tmp_path: Path) -> None:
    rows = []
    counts: dict[Part, int] = {"fitted": 26, "calibrated": 26, "tested": 16}
    names = [name for part, count in counts.items() for name in islice(patients(part), count)]
    for seed, name in enumerate(names, 50_000_000):
        levels = ["L3-L4", "L4-L5"] if seed % 2 else []
        study = drawn_study(seed, {"stenosis": levels, "spondylolisthesis": levels[1:], "cancer": []})
        (tmp_path / "studies" / name).mkdir(parents=True)
        write_study(study, tmp_path / "studies" / name)
        labels = drawn_labels(study)
        asked = {f"stenosis {level}": labels.get(("stenosis", level)) for level in ("L3-L4", "L4-L5", "L5-S1")}
        asked["spondylolisthesis"] = labels["spondylolisthesis", None]
        known = {column: "" if answer is None else str(int(answer)) for column, answer in asked.items()}
        rows.append({"study": name, "patient": name, **known})
    labels_file = write_table(tmp_path / "labels.csv", rows)
    given = ("--labels", labels_file, "--studies", tmp_path / "studies", "--out", tmp_path / "out")

    values = json.loads(run(*given, "--standing", "demonstration", "--json").stdout)

    methods = {row["condition"]: row["method"] for row in values["rows"]}
    assert methods == {"stenosis": "EfficientNet-Lite0+SVM", "spondylolisthesis": "EfficientNet-Lite0+NSK-SVM"}
    for row in values["rows"]:
        assert row["auroc"] > 0.6
        assert row["interval"]["auroc"][0] < row["auroc"] <= row["interval"]["auroc"][1]
    reader = load_image_reader(ImageSettings(classifiers=str(tmp_path / "out")), tmp_path, "test")
    reading = read_study(reader, sorted((tmp_path / "studies" / names[-1]).iterdir()), tuple(methods))
    assert {finding.condition for finding in reading.findings} == set(methods)
    assert {finding.standing for finding in reading.findings} == {Standing.DEMONSTRATION}
