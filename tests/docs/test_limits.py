"""The page of limits says what the code has, and leaves out no limit and no cache."""

import ast
import importlib
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "limits.md").read_text(encoding="utf-8")
ROOMS = ("config", "integrations", "service", "pipeline/images", "pipeline/reports")
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "GB": 1, "s": 1, "days": 1, "": 1}
LIMIT = re.compile(r"_?(MOST|MAX|LONGEST|LARGEST|KEEP|KEPT)(_|$)|.*_PER_BATCH$|_?AT_ONCE$")
NO_LIMITS = frozenset(
    {
        "integrations.deidentify:MAX_SHIFT_DAYS",
        "integrations.dicom.resting:_LONGEST_SECONDS",
        "pipeline.images.frames:_KEPT",
        "service.cli.evaluation:LONGEST_WORD",
    }
)
"""Named like limits, and no limits on what comes from outside."""


def rows() -> Iterator[tuple[str, str]]:
    """Give the value and the name in code of each row of the page's tables."""
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        named = [cell.strip("`") for cell in cells[1:] if re.fullmatch(r"`[\w.]+(:[\w.]+)?`", cell)]
        if line.startswith("|") and named:
            yield (
                next(
                    cell for cell in cells[1:] if not cell.startswith("`") and re.match(r"\d|null|as many|none", cell)
                ),
                named[0],
            )


ROWS = list(rows())


def value_of(name: str) -> Any:
    """Give the value of a setting's default, or of a constant, one of its entries or its default."""
    if ":" not in name:
        value: Any = Settings()
        for key in name.split("."):
            value = getattr(value, key)
        return value
    module, _, path = name.partition(":")
    value = importlib.import_module(module)
    for part in path.split("."):
        value = value[part] if isinstance(value, Mapping) else getattr(value, part)
    return value.cache_parameters()["maxsize"] if hasattr(value, "cache_parameters") else value


@pytest.mark.parametrize(("said", "name"), ROWS, ids=[name for _, name in ROWS])
def test_each_limit_on_the_page_is_that_of_the_code(said: str, name: str) -> None:
    value = value_of(name)
    if said == "none but the disk" or said.startswith("as many"):
        return
    if value is None or said == "null":
        assert (value, said) == (None, "null")
        return
    number, unit = re.fullmatch(r"(\d+) ?(\w*)", said).groups()  # type: ignore[union-attr]
    if isinstance(value, timedelta):
        value = value / timedelta(days=1) if unit == "days" else value.total_seconds()
    assert value == int(number) * UNITS[unit]


def modules() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def test_every_limit_of_the_code_is_on_the_page() -> None:
    limits = {
        f"{name}:{target.id}"
        for name, module in modules()
        for node in module.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and LIMIT.match(target.id)
    }
    told = {re.sub(r"(AT_ONCE)\.\w+$", r"\1", name) for _, name in ROWS}

    assert len(limits) > 40
    assert limits - NO_LIMITS - told == set()


def test_every_cache_that_takes_arguments_is_on_the_page() -> None:
    caches = {
        f"{name}:{node.name}"
        for name, module in modules()
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef) and (node.args.args or node.args.kwonlyargs)
        for decorator in node.decorator_list
        if re.match(r"(functools\.)?(lru_)?cache\b", ast.unparse(decorator))
    }

    assert len(caches) > 5
    assert caches - {name for _, name in ROWS} == set()


def test_no_cache_without_a_size_has_keys_from_outside() -> None:
    """Those that are allowed take a setting, a condition of the conditions file, or the name of a prompt."""
    unsized = {name for said, name in ROWS if said.startswith("as many") and "settings" not in name and ":" in name}

    assert {name.partition(":")[2] for name in unsized} == {"read_place", "_terms_of", "_families_of", "load_prompt"}


def test_each_setting_that_limits_what_comes_in_is_on_the_page() -> None:
    settings = {
        f"{section}.{key}"
        for section in ("dicom", "hl7", "storage", "web")
        for key in type(getattr(Settings(), section)).model_fields
        if re.match(r"max_|.*_timeout_seconds|limit_|keep_", key)
    }

    assert settings - {name for _, name in ROWS} == set()
