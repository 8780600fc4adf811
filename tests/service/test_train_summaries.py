"""`spinelabel train summaries`, and labelling with what it made."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from service.store.database import writing
from service.store.tables import Report
from tests.pipeline.reports.conftest import MakeModel, make_model
from tests.service.rows import NOW, add_study
from tests.service.test_cli import spinelabel

__all__ = ["make_model"]
REPORTS = [
    f"HISTORY: CANARYNAME, pain for {number} weeks, worse since a fall.\nFINDINGS: L4 stands before L5.\n"
    "CONCLUSION: Slip at L4-5."
    for number in range(3)
]


@pytest.fixture(scope="module")
def model(make_model: MakeModel) -> Path:
    return make_model()


@pytest.mark.long
def test_an_adapter_is_trained_on_a_file_and_labels_are_made_with_it(model: Path, tmp_path: Path) -> None:
    lines = [json.dumps({"id": number, "text": text}) for number, text in enumerate(REPORTS)]
    (tmp_path / "reports.jsonl").write_text("\n".join(lines))
    (tmp_path / "slip.yaml").write_text("[{name: slip, definition: A slip.}]")

    trained = spinelabel(
        "train", "summaries", "reports.jsonl", "--out", "adapter", "--model", model, "--steps", "2", folder=tmp_path
    )
    labelled = spinelabel(
        "label", "reports.jsonl", "--model", model, "--adapter", "adapter", "--conditions", "slip.yaml", folder=tmp_path
    )

    assert trained.returncode == 0, trained.stderr
    assert labelled.returncode == 0, labelled.stderr
    card = json.loads((tmp_path / "adapter" / "model-card.json").read_text())
    assert (card["data"]["fitted"], card["data"]["held_out"]) == (2, 1)
    (first, *_) = (tmp_path / "labels.jsonl").read_text().splitlines()
    assert json.loads(first)["adapter"] == f"adapter@sha256:{card['sha256']}"
    assert "CANARY" not in trained.stdout + trained.stderr + json.dumps(card)


@pytest.mark.long
def test_the_reports_that_were_received_can_be_trained_on(engine: Engine, model: Path, tmp_path: Path) -> None:
    add_study(engine)
    with writing(engine) as session:
        for number, text in enumerate(REPORTS[:2]):
            session.add(Report(message_id=1, order_key=f"x{number}", received=NOW, status="final", text=text))
    (tmp_path / "site.yaml").write_text(f"data: {tmp_path}")

    done = spinelabel(
        "train", "summaries", "database", "--out", "adapter", "--model", model, "--steps", "1",
        "--config", "site.yaml", folder=tmp_path,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    card = json.loads((tmp_path / "adapter" / "model-card.json").read_text())
    assert (card["data"]["reports"], card["data"]["wrong_length"]) == (3, 1)


@pytest.mark.long
def test_too_few_summaries_say_so_by_the_exit_status(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Spine without a heading. " * 10)

    done = spinelabel("train", "summaries", ".", "--out", "adapter", folder=tmp_path)

    assert done.returncode == 1
    assert "Give more reports" in " ".join(done.stderr.split())
    assert not (tmp_path / "adapter").exists()
