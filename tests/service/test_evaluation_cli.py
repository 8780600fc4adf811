"""`spinelabel evaluate`, `calibrate` and `label --calibration`, with a stand-in for the language model."""

import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from config.errors import SpinelabelError
from pipeline.errors import TestedOnCalibration as OnCalibration
from pipeline.reports.labelling import Labeller
from pipeline.reports.prompts import PromptName, load_prompt
from service.cli import load_commands
from tests.pipeline.reports.fixed_engines import ReadingEngine


def read(report: str, question: str) -> float:
    """Score slips at -20 and their absence at -30, give or take a figure drawn from the report; all else at 0."""
    if "spondylolisthesis?" not in question:
        return 0.0
    return (-20 if "Slip of L4" in report else -30) + zlib.crc32(report.encode()) % 8


@pytest.fixture(autouse=True)
def prompts_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Let a stand-in answer, and give the prompts that it is asked by; it knows the shared layout as `direct`."""
    asked: list[str] = []

    def load(_model: str, prompt: PromptName, _data: Path, software: str, *_: object) -> Labeller:
        asked.append(prompt)
        return Labeller(ReadingEngine(read), load_prompt("direct" if prompt == "shared" else prompt), software)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.reports.site_labeller.load_labeller", load)
    return asked


def write_reports(name: str, first: int, count: int = 80) -> str:
    """Write reports of which every second has a slip, every one no cancer, and one only a label of stenosis L4-L5."""
    lines = []
    for n in range(first, first + count):
        words = "Slip of L4." if n % 2 else "No slip."
        row: dict[str, Any] = {"id": str(n), "text": f"FINDINGS: Case {n}. {words}", "labels": {}}
        row["labels"] = {"spondylolisthesis": n % 2, "cancer": 0, "stenosis": None}
        lines.append(json.dumps({**row, "levels": {"L4-L5": 1} if n == first else {}}) + "\n")
    Path(name).write_text("".join(lines))
    return name


def run(*arguments: str) -> Result:
    return CliRunner().invoke(load_commands(), list(arguments))


def rows_of(result: Result) -> dict[tuple[str, str | None, str], dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return {(row["condition"], row["level"], row["prompt"]): row for row in json.loads(result.stdout)["rows"]}


def test_evaluate_gives_a_row_for_every_prompt_and_question_with_a_label() -> None:
    result = run("evaluate", write_reports("r.jsonl", 0), "--prompts", "direct,summary", "--json")

    asked = [("cancer", None), ("stenosis", "L4-L5"), ("spondylolisthesis", None)]
    rows = rows_of(result)
    assert list(rows) == [(*question, prompt) for prompt in ("direct/1", "summary/1") for question in asked]
    row = rows["spondylolisthesis", None, "summary/1"]
    assert (row["n"], row["positives"], row["threshold"], row["balanced_accuracy"]) == (80, 40, 0.5, 0.5)
    assert row["summary_model"] == row["model"] == "reading@sha256:0"
    assert rows["spondylolisthesis", None, "direct/1"]["summary_model"] is None
    assert set(row["interval"]) >= {"balanced_accuracy", "eer", "auroc", "f1"}
    assert rows["cancer", None, "direct/1"]["balanced_accuracy"] is None
    assert rows["cancer", None, "direct/1"]["false_positives"] == 80
    assert {row["model"] for row in json.loads(result.stdout)["baselines"]} == {"majority", "rules"}


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        pytest.param(["label"], ["shared"], id="label"),
        pytest.param(["label", "--model", "llama"], ["direct"], id="label, a model by path"),
        pytest.param(["label", "--model", "llama", "--prompt", "shared"], ["shared"], id="label, as it is told"),
        pytest.param(["calibrate"], ["shared"], id="calibrate"),
        pytest.param(["calibrate", "--model", "llama"], ["direct"], id="calibrate, a model by path"),
        pytest.param(["calibrate", "--model", "llama", "--prompt", "summary"], ["summary"], id="as it is told"),
        pytest.param(["evaluate", "--models", "embedded,llama"], ["shared", "direct"], id="evaluate, one of each"),
    ],
)
def test_a_command_asks_each_model_by_the_prompt_that_suits_it_unless_one_is_named(
    prompts_asked: list[str], command: list[str], asked: list[str]
) -> None:
    result = run(command[0], write_reports("r.jsonl", 0, 4), *command[1:])

    assert result.exit_code == 0, result.output
    assert prompts_asked == asked


@pytest.mark.parametrize("command", ["label", "calibrate", "evaluate"])
def test_the_help_says_which_prompt_is_taken_where_none_is_named(command: str) -> None:
    shown = " ".join(run(command, "--help").stdout.replace("│", " ").split())

    assert "Without one it is `shared` for the embedded model" in shown


def test_a_server_that_the_environment_names_is_asked_directly(
    prompts_asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPINELABEL__reports__server__url", "http://127.0.0.1:8000/v1")
    monkeypatch.setenv("SPINELABEL__reports__server__model", "llama")

    assert run("label", write_reports("r.jsonl", 0, 1)).exit_code == 0
    assert prompts_asked == ["direct"]


def test_a_split_finds_the_threshold_on_the_other_half() -> None:
    row = rows_of(run("evaluate", write_reports("r.jsonl", 0), "--split", "--json"))[
        "spondylolisthesis", None, "direct/1"
    ]

    assert (row["n"], row["positives"], row["balanced_accuracy"]) == (40, 20, 1.0)


def test_thresholds_that_were_fitted_here_serve_evaluate_and_label() -> None:
    fitted = run("calibrate", write_reports("fit.jsonl", 0), "--out", "c.json", "--name", "ours")
    row = rows_of(run("evaluate", write_reports("test.jsonl", 1000), "--calibration", "c.json", "--json"))[
        "spondylolisthesis", None, "direct/1"
    ]
    labelled = run("label", "test.jsonl", "--calibration", "c.json")

    assert fitted.exit_code == 0, fitted.output
    assert "cancer stays uncalibrated: 0 positives and 80 negatives" in fitted.stdout
    assert "ours@sha256:" in fitted.stdout
    assert (row["standing"], row["balanced_accuracy"]) == ("calibrated here", 1.0)
    assert "no thresholds for exactly this model" in labelled.stdout
    labels = [json.loads(line) for line in Path("labels.jsonl").read_text().splitlines()]
    answers = [label["answer"] for label in labels if label["condition"] == "spondylolisthesis"]
    assert answers == [bool(n % 2) for n in range(1000, 1080)]
    assert all(label["answer"] == (label["probability"] >= label["threshold"]) for label in labels)


def test_labelling_with_thresholds_of_another_prompt_is_refused() -> None:
    run("calibrate", write_reports("fit.jsonl", 0), "--prompt", "summary", "--out", "c.json")

    refused = run("label", "fit.jsonl", "--calibration", "c.json")

    assert refused.exit_code == 1
    assert "c.json was fitted for another prompt (summary/1, here direct/1)" in str(refused.exception)
    assert not Path("labels.jsonl").exists()


def test_evaluating_on_reports_that_were_calibrated_on_is_refused() -> None:
    run("calibrate", write_reports("fit.jsonl", 0), "--out", "c.json")

    refused = run("evaluate", write_reports("test.jsonl", 78), "--calibration", "c.json")

    assert refused.exit_code == 1
    assert isinstance(refused.exception, OnCalibration)
    assert isinstance(refused.exception, SpinelabelError)
    assert refused.exception.rows == (1, 2)


def test_the_tables_of_the_paper_are_printed_with_its_figures_beside() -> None:
    shown = run("evaluate", write_reports("r.jsonl", 0)).stdout

    assert "Table 3" in shown
    assert "Table 4" in shown
    for said in ("spondylolisthesis", "majority", "BA 0.974", "stenosis L4-L5", "BA 0.908", "0.50-0.50"):
        assert said in shown, said


def test_calibrate_prints_its_file_as_one_json_value() -> None:
    printed = run("calibrate", write_reports("fit.jsonl", 0), "--json", "--standing", "demonstration").stdout

    assert json.loads(printed) == json.loads(Path("calibration.json").read_text())
    assert json.loads(printed)["standing"] == "demonstration"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(["--prompts", "direct,guess"], "no prompt is called guess", id="an unknown prompt"),
        pytest.param(["--split", "--calibration", "r.jsonl"], "thresholds of its own", id="two sources of thresholds"),
    ],
)
def test_wrong_use_is_refused(arguments: list[str], sentence: str) -> None:
    result = run("evaluate", write_reports("r.jsonl", 0), *arguments)

    assert result.exit_code == 2
    assert sentence in result.output
