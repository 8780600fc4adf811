import csv
import hashlib
import json
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import Engine

from service.cohort_columns import COLUMNS
from service.cohort_files import EXAMPLE_COHORTS, Cohort, find_cohort, load_cohorts
from service.errors import UnknownCohort, UnusableCohort
from service.exports import export_cohort
from service.store.database import writing
from service.store.tables import Patient
from tests.service.rows import NOW, add_study


@pytest.fixture
def cohort() -> Cohort:
    return find_cohort(EXAMPLE_COHORTS, "all-findings")


def test_a_run_holds_a_row_per_current_finding_in_each_format(engine: Engine, tmp_path: Path, cohort: Cohort) -> None:
    add_study(engine)

    run = export_cohort(engine, tmp_path, cohort, NOW)

    table = pl.read_parquet(run.folder / "findings.parquet")
    assert table.select("condition", "level", "source", "standing").rows() == [
        ("stenosis", "L4-L5", "image", "demonstration"),
        ("stenosis", None, "report", "uncalibrated"),
    ]
    with (run.folder / "findings.csv").open() as file:
        assert [row["source"] for row in csv.DictReader(file)] == ["image", "report"]


def test_the_dictionary_explains_each_column_in_its_place(engine: Engine, tmp_path: Path, cohort: Cohort) -> None:
    add_study(engine)

    run = export_cohort(engine, tmp_path, cohort, NOW)

    dictionary = pl.read_csv(run.folder / "data-dictionary.csv")
    assert dictionary["column"].to_list() == pl.read_parquet(run.folder / "findings.parquet").columns
    assert all(dictionary["meaning"].str.len_chars() > 0)
    assert len(COLUMNS) == dictionary.height


def test_no_identity_is_in_any_file(engine: Engine, tmp_path: Path, cohort: Cohort) -> None:
    add_study(engine)

    run = export_cohort(engine, tmp_path, cohort, NOW)

    decoded = pl.read_parquet(run.folder / "findings.parquet").write_csv()
    content = decoded + "".join(path.read_text() for path in run.folder.iterdir() if path.suffix != ".parquet")
    for canary in ("CANARY", "19310704", "1.2.3.1", "2026-03-01", "2026-03-02T12:00:00.000000+0000"):
        assert canary not in content


def test_ages_over_89_are_one_group(engine: Engine, tmp_path: Path, cohort: Cohort) -> None:
    add_study(engine)

    run = export_cohort(engine, tmp_path, cohort, NOW)

    assert pl.read_parquet(run.folder / "findings.parquet")["age"].to_list() == [90, 90]


def test_the_same_patient_has_the_same_pseudonym_in_every_run(engine: Engine, tmp_path: Path, cohort: Cohort) -> None:
    add_study(engine)
    add_study(engine, 2)

    tables = [
        pl.read_parquet(export_cohort(engine, tmp_path, cohort, now).folder / "findings.parquet")
        for now in (NOW, NOW.replace(hour=13))
    ]

    assert tables[0].equals(tables[1])
    assert tables[0]["patient"].n_unique() == 2


def test_the_manifest_names_each_file_by_its_content(engine: Engine, tmp_path: Path, cohort: Cohort) -> None:
    add_study(engine)

    run = export_cohort(engine, tmp_path, cohort, NOW)

    manifest = json.loads((run.folder / "manifest.json").read_text())
    assert manifest["rows"] == 2
    for name, sha256 in manifest["sha256"].items():
        assert hashlib.sha256((run.folder / name).read_bytes()).hexdigest() == sha256


def test_a_cohort_takes_only_what_it_asks_for(engine: Engine, tmp_path: Path, cohort: Cohort) -> None:
    add_study(engine)

    run = export_cohort(engine, tmp_path, cohort.model_copy(update={"sources": ("image",)}), NOW)

    assert pl.read_parquet(run.folder / "findings.parquet")["source"].to_list() == ["image"]


def test_a_run_that_fails_leaves_no_folder(
    engine: Engine, tmp_path: Path, cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise OSError

    monkeypatch.setattr("service.exports._write_manifest", fail)

    with pytest.raises(OSError, match=r"^$"):
        export_cohort(engine, tmp_path, cohort, NOW)

    assert list((tmp_path / "exports" / "all-findings").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "what"),
    [
        pytest.param("name: x\nsorces: [report]", "sorces", id="an unknown key"),
        pytest.param("name: Not A Name", "name", id="a name that is none"),
        pytest.param("name: x\nschedule: sometimes", "schedule", id="a schedule that is none"),
        pytest.param("name: [", "not YAML", id="no YAML"),
    ],
)
def test_an_unusable_cohort_file_is_named_with_its_key(tmp_path: Path, content: str, what: str) -> None:
    (tmp_path / "x.yaml").write_text(content)

    with pytest.raises(UnusableCohort, match=what) as refusal:
        load_cohorts(tmp_path)

    assert "x.yaml" in str(refusal.value)


def test_an_unknown_cohort_is_answered_with_those_there() -> None:
    with pytest.raises(UnknownCohort, match="it has all-findings"):
        find_cohort(EXAMPLE_COHORTS, "everything")


def test_the_order_of_rows_says_nothing_about_the_order_of_arrival(
    engine: Engine, tmp_path: Path, cohort: Cohort
) -> None:
    for number in range(1, 21):
        add_study(engine, number)

    run = export_cohort(engine, tmp_path, cohort, NOW)

    studies = pl.read_parquet(run.folder / "findings.parquet")["study"].to_list()
    assert studies == sorted(studies)


def test_what_a_sender_wrote_for_the_sex_comes_out_only_if_it_is_one(
    engine: Engine, tmp_path: Path, cohort: Cohort
) -> None:
    add_study(engine)
    with writing(engine) as session:
        session.get_one(Patient, 1).sex = "CANARYNAME"

    run = export_cohort(engine, tmp_path, cohort, NOW)

    assert pl.read_parquet(run.folder / "findings.parquet")["sex"].to_list() == [None, None]


def test_a_cohort_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"name: \xff\xfe")

    with pytest.raises(UnusableCohort, match=r"x\.yaml is not YAML"):
        load_cohorts(tmp_path)
