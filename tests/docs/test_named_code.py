"""What the documents name of code and tests is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
_CODE = re.compile(r"`([\w/]+\.py):([\w.]+)`")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)(?:\[[^\]`]*\])?`")


@cache
def names_in(path: str) -> set[str]:
    """Give the functions and classes of a module, and methods by their class."""
    names = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
    return names


def named(pattern: re.Pattern[str]) -> list[tuple[str, str, str]]:
    """Give what the documents name, with the document that does."""
    found = {
        (path, name, document.name)
        for document in DOCUMENTS
        for path, name in pattern.findall(document.read_text(encoding="utf-8"))
    }
    return sorted(found)


@pytest.mark.parametrize(("path", "name", "document"), [*named(_CODE), *named(_TEST)])
def test_what_a_document_names_is_there(path: str, name: str, document: str) -> None:
    assert (ROOT / path).is_file(), document
    assert name in names_in(path), document


def test_every_step_that_is_promised_to_last_has_a_test() -> None:
    text = (ROOT / "docs" / "reference" / "durability.md").read_text(encoding="utf-8")
    steps = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| step")]

    assert len(steps) > 15
    for step in steps:
        assert _CODE.search(step), step
        assert _TEST.search(step), step
