import re
from pathlib import Path

import pytest

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
