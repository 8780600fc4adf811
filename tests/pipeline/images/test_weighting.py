from dataclasses import replace
from typing import Any

import pytest

from pipeline.images.weighting import weigh
from tests.pipeline.images.phantom import BASE


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        pytest.param({}, "T2", id="long TR and long TE"),
        pytest.param({"repetition_time": 520.0, "echo_time": 11.0}, "T1", id="times of a T1 under the name T2"),
        pytest.param({"echo_time": 13.0}, "PD", id="long TR and short TE"),
        pytest.param({"inversion_time": 160.0, "scanning": ("SE", "IR")}, "STIR", id="a short inversion time"),
        pytest.param({"inversion_time": 2500.0, "scanning": ("SE", "IR")}, "FLAIR", id="a long inversion time"),
        pytest.param({"scanning": ("GR",), "repetition_time": 600.0, "echo_time": 22.0}, "T2*", id="a gradient echo"),
        pytest.param({"repetition_time": None, "echo_time": None}, "T2", id="a name alone"),
        pytest.param(
            {"repetition_time": None, "echo_time": None, "description": "", "names": ""}, "unknown", id="nothing"
        ),
    ],
)
def test_the_times_give_the_weighting(changes: dict[str, Any], kind: str) -> None:
    assert weigh(replace(BASE, **changes)).kind == kind


def test_a_name_against_the_times_is_said_and_not_believed() -> None:
    weighting = weigh(replace(BASE, repetition_time=520.0, echo_time=11.0))

    assert "times of a T1, against the name" in weighting.why
