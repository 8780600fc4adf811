"""Roles are killed at durable points and at any moment, with work in hand; the result is as without it, once."""

from pathlib import Path

import pytest

from service.roles import ROLES
from tests.faults.kills import run


@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    ("kills", "embedded"),
    [pytest.param(20, False, id="20 with a stand-in model"), pytest.param(2, True, id="2 with the embedded model")],
)
def test_nothing_is_lost_repeated_or_broken_by_kills_of_every_role(kills: int, embedded: bool, tmp_path: Path) -> None:
    result = run(kills, tmp_path, embedded=embedded)

    for role, point, in_hand in result.kills:
        print(f"killed {role} at {point} with {in_hand} in hand")  # noqa: T201
    assert result.wrong == []
    assert len(result.kills) == kills
    assert all(in_hand for _, _, in_hand in result.kills)
    assert {role for role, _, _ in result.kills} == set(ROLES) or kills < len(ROLES)
    assert result.figures["objects acknowledged"] >= result.figures["studies"] * 11
