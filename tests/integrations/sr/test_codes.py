from pathlib import Path

import pytest

from config.conditions import DISC_LEVELS, Code, Condition, has_snomed_check_digit
from integrations.sr import codes
from integrations.sr.codes import DISCS, PRIVATE_SCHEME, disc_level, finding_code

# The codes' sources are written up in a folder beside the project's, which a copy of the project may lack.
WRITTEN_UP = Path(__file__).resolve().parents[4] / "shared" / "design" / "codes.md"
NAMED = {name: value for name, value in vars(codes).items() if isinstance(value, Code)}
ALL = {**NAMED, **{f"{level} {i}": code for level, pair in DISCS.items() for i, code in enumerate(pair)}}


@pytest.mark.parametrize("code", [pytest.param(code, id=name) for name, code in ALL.items()])
def test_every_code_is_well_formed(code: Code) -> None:
    assert code.scheme in {"SCT", "DCM", "UCUM", PRIVATE_SCHEME}
    assert 0 < len(code.value) <= 16
    assert 0 < len(code.meaning) <= 64
    assert code.scheme != "SCT" or has_snomed_check_digit(code.value)


def test_every_disc_level_has_its_own_codes() -> None:
    assert tuple(DISCS) == DISC_LEVELS
    assert len({code.value for pair in DISCS.values() for code in pair}) == 2 * len(DISC_LEVELS)


def test_the_codes_of_the_discs_are_those_written_up() -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in _written_up()]
    found = {}
    for row in rows:
        for level, structure, plane in (row[:3], row[3:6]) if len(row) == 6 else ():
            if level in DISC_LEVELS:
                found[level] = (structure, plane)

    assert found == {level: (pair.structure.value, pair.level.value) for level, pair in DISCS.items()}


@pytest.mark.parametrize("name", sorted(NAMED))
def test_a_code_is_written_up_with_its_scheme_and_meaning(name: str) -> None:
    code = NAMED[name]
    # One row of the write-up names three items of the algorithm together.
    meaning = code.meaning.replace("Algorithm Parameters", "Algorithm Name / Version / Parameters")

    heading, found = "", False  # the head of a table may name the scheme of its whole column
    for line in _written_up():
        heading = (heading or line) if line.startswith("|") else ""
        found = found or (code.value in line and code.scheme in heading + line and meaning in line)
    assert found


def _written_up() -> list[str]:
    if not WRITTEN_UP.exists():
        pytest.skip("the write-up of the codes is not beside the project")
    return WRITTEN_UP.read_text(encoding="utf-8").splitlines()


def test_an_older_code_of_the_last_disc_is_read_as_that_disc() -> None:
    assert disc_level("75782005", "SCT") == disc_level("715056000", "SCT") == "L5-S1"
    assert disc_level("421060004", "SCT") is None


def test_a_condition_with_a_code_is_written_under_it() -> None:
    code = Code("76107001", "SCT", "Spinal stenosis")

    assert finding_code("stenosis", Condition(name="stenosis", definition="Narrow.", finding=code)) == code


@pytest.mark.parametrize("name", ["vertebral fracture", "骨折", "x" * 64])
def test_a_condition_without_a_code_gets_a_short_private_one(name: str) -> None:
    code = finding_code(name, None)

    assert (code.scheme, code.meaning) == (PRIVATE_SCHEME, name)
    assert len(code.value) <= 16
    assert code.value.isascii()


def test_private_codes_of_conditions_do_not_change_between_releases() -> None:
    assert finding_code("vertebral fracture", None).value == "VERTEBR_EF4DCD5C"


def test_two_conditions_never_share_a_private_code() -> None:
    names = ["disc bulge", "disc-bulge", "disc bulge with tear", "Disc Bulge"]

    assert len({finding_code(name, None).value for name in names}) == len(names)
