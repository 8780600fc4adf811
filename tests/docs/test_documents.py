import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from config.settings import Settings
from service.cli import load_commands
from service.store.columns import utc_now
from service.store.database import open_database
from service.store.upgrade import upgrade_database
from service.web.metrics import render_metrics
from tests.service.busy_store import fill

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_document_links_to_exists(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)", document.read_text(encoding="utf-8"))

    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_document_has_a_gap_left_to_fill(document: Path) -> None:
    assert "@@" not in document.read_text(encoding="utf-8")


def test_the_walk_through_the_files_names_all_rooms() -> None:
    walk = (ROOT / "docs" / "follow-one-study.md").read_text(encoding="utf-8")

    assert {room for room in ("pipeline", "integrations", "service") if f"](../{room}/" in walk} == {
        "pipeline",
        "integrations",
        "service",
    }


def test_every_metric_is_described(tmp_path: Path) -> None:
    upgrade_database(tmp_path)
    engine = open_database(tmp_path)
    fill(engine)
    text = render_metrics(engine, Settings(data=tmp_path), utc_now()).decode()

    metrics = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")}
    described = re.findall(r"`(spinelabel_\w+)`", (ROOT / "docs" / "operate.md").read_text(encoding="utf-8"))
    assert metrics == set(described)


def test_every_command_is_in_the_table_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.split("## Commands")[1].split("## How")[0]
    commands = [*_commands(get_command(load_commands()), "")]

    assert [command for command in commands if command not in table] == []


def _commands(group: object, prefix: str) -> Iterator[str]:
    for name, command in getattr(group, "commands", {}).items():
        yield from _commands(command, f"{name} ") if hasattr(command, "commands") else [f"{prefix}{name}"]
