"""Each threat on the page of security has a test, or says plainly that nothing is done."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "security.md").read_text(encoding="utf-8")
TABLES = [
    [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.splitlines()]
    for table in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE)
]
THREATS = [row for table in TABLES if table[0] == ["threat", "what is done", "test"] for row in table[2:]]


@pytest.mark.parametrize("row", THREATS, ids=lambda row: row[0])
def test_each_threat_has_a_test_or_says_that_it_is_not_covered(row: list[str]) -> None:
    assert len(row) == 3
    is_covered = row[2] != ""

    assert is_covered != row[1].startswith("not covered: ")
    assert not is_covered or "::" in row[2]


def test_the_page_has_threats_of_everybody_who_may_attack() -> None:
    (attackers,) = [table for table in TABLES if table[0][0] == "who"]

    assert len(THREATS) > 40
    assert len(attackers) - 2 == 9
    assert PAGE.count("| threat | what is done | test |") == 6
