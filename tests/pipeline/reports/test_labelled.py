"""Tables of labelled reports, and answers set beside their labels."""

import json
from pathlib import Path

import polars as pl
import pytest

from config.conditions import Condition
from pipeline.reports.errors import UnusableTable
from pipeline.reports.labelled import LabelledReport, answer_labelled, read_labelled
from pipeline.reports.labelling import Labeller, Report, UnlabelledReport
from pipeline.reports.prompts import load_prompt
from tests.pipeline.reports.fixed_engines import ReadingEngine

SLIP = Condition(name="slip", definition="A slip.")
STENOSIS = Condition(name="stenosis", definition="A narrowing.", levels=("L3-L4", "L4-L5"))
CONDITIONS = (SLIP, STENOSIS)
FLAT = {"id": ["7"], "text": ["Slip of L4."], "slip": [1], "stenosis": [None], "stenosis L4-L5": [0], "note": ["x"]}
NESTED = {"id": "7", "text": "Slip of L4.", "labels": {"slip": 1, "stenosis": None}, "levels": {"L4-L5": 0, "T1-T2": 1}}
PRESENT = {("slip", None): True, ("stenosis", "L4-L5"): False}


def write(path: Path, kind: str) -> Path:
    nested, name = kind.startswith("nested "), path / f"r.{kind.split()[-1]}"
    if nested and name.suffix == ".jsonl":
        name.write_text(json.dumps(NESTED) + "\n")
    else:
        rows = pl.DataFrame([NESTED]) if nested else pl.DataFrame(FLAT)
        getattr(rows, {".csv": "write_csv", ".jsonl": "write_ndjson", ".parquet": "write_parquet"}[name.suffix])(name)
    return name


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "nested jsonl", "nested parquet"])
def test_labels_are_read_from_every_kind_of_file(tmp_path: Path, kind: str) -> None:
    (labelled,) = read_labelled(write(tmp_path, kind), CONDITIONS).reports

    assert labelled == LabelledReport(1, Report("7", "Slip of L4."), None, PRESENT)


@pytest.mark.parametrize(
    ("cell", "present"),
    [
        pytest.param("1", True, id="1"),
        pytest.param("0.0", False, id="a float"),
        pytest.param("True", True, id="a word"),
        pytest.param(" no ", False, id="a word with spaces"),
        pytest.param("", None, id="empty"),
        pytest.param("NA", None, id="not available"),
    ],
)
def test_a_label_is_present_or_absent_or_left_out(tmp_path: Path, cell: str, present: bool | None) -> None:
    (tmp_path / "r.csv").write_text(f"id,text,Slip\n1,Slip.,{cell}\n")

    (labelled,) = read_labelled(tmp_path / "r.csv", CONDITIONS).reports

    assert labelled.present.get(("slip", None)) is present


def test_a_row_with_a_label_that_cannot_be_read_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id,text,slip,patient\n1,Slip.,maybe,a\n2,,1,b\n3,No slip.,0,c\n")

    table = read_labelled(tmp_path / "r.csv", CONDITIONS)

    assert [(labelled.row, labelled.patient) for labelled in table.reports] == [(3, "c")]
    assert table.unreadable == (
        UnlabelledReport("row 1", "The row's label of slip is neither 1, 0 nor empty."),
        UnlabelledReport("row 2", "The row has no `id` and `text`."),
    )


def test_a_table_without_a_column_of_any_condition_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id,text,slipped\n1,Slip.,1\n")

    with pytest.raises(UnusableTable, match="such as `slip`"):
        read_labelled(tmp_path / "r.csv", CONDITIONS)


def test_only_questions_with_a_known_label_become_examples() -> None:
    engine = ReadingEngine(lambda report, question: 2.0 if "slip?" in question and "Slip" in report else -3.0)
    reports = [
        LabelledReport(1, Report("7", "Slip of L4."), None, PRESENT),
        LabelledReport(2, Report("7", "Stable."), None, {("slip", None): False}),
        LabelledReport(3, Report("8", ""), None, PRESENT),
    ]

    examples, unlabelled = answer_labelled(Labeller(engine, load_prompt("direct"), "test"), reports, CONDITIONS)

    assert [(e.report, e.condition, e.level, e.present, e.log_odds) for e in examples] == [
        (reports[0].digest, "slip", None, True, 2.0),
        (reports[0].digest, "stenosis", "L4-L5", False, -3.0),
        (reports[1].digest, "slip", None, False, -3.0),
    ]
    assert [each.report_id for each in unlabelled] == ["8"]
