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
        pytest.param({"inversion_time": 160.0}, "STIR", id="a short inversion time alone"),
        pytest.param({"inversion_time": 160.0, "fat_suppressed": True}, "T2", id="that of a fat suppression"),
        pytest.param({"scanning": ("SE", "IR")}, "STIR", id="inversion recovery without its time"),
        pytest.param({"options": ("PFP", "IR")}, "STIR", id="inversion recovery by scan options"),
        pytest.param({"sequence": "*tir2d1_15"}, "STIR", id="inversion recovery by the sequence name"),
        pytest.param({"sequence": "tse2d1_15"}, "T2", id="a sequence name that speaks of none"),
        pytest.param({"scanning": ("EP",)}, "unknown", id="echo planar"),
        pytest.param({"echo_time": 800.0}, "unknown", id="an echo of a myelogram"),
        pytest.param({"image_type": ("ORIGINAL", "PRIMARY", "F", "F")}, "none", id="a Dixon fat image"),
        pytest.param({"image_type": ("ORIGINAL", "PRIMARY", "M", "T2")}, "T2", id="a weighting in the image type"),
        pytest.param({"description": "t2_dixon_sag_F", "names": "t2_dixon_sag_F"}, "none", id="Dixon fat by name"),
        pytest.param({"description": "t2_dixon_opp", "names": "t2_dixon_opp"}, "none", id="opposed phase by name"),
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


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"image_type": ("DERIVED", "PRIMARY", "DIXON", "WATER")}, "Dixon water", id="a water image"),
        pytest.param({"fat_suppressed": True}, "fat-suppressed", id="by scan options"),
        pytest.param({"description": "SAG STIR", "names": "SAG STIR"}, "by its name", id="a STIR by nothing but name"),
        pytest.param({"names": "t2_dixon", "description": "t2_dixon"}, "does not say", id="a Dixon of no known part"),
    ],
)
def test_a_t2_with_dark_fat_says_so(changes: dict[str, Any], why: str) -> None:
    weighting = weigh(replace(BASE, **changes))

    assert (weighting.kind, weighting.fat_suppressed) == ("T2", True)
    assert why in weighting.why


@pytest.mark.parametrize("name", ["t2_dixon_sag_in", "InPhase: SAG T2 FLEX"])
def test_an_in_phase_image_is_as_one_without_dixon(name: str) -> None:
    assert not weigh(replace(BASE, names=name, description=name)).fat_suppressed
    assert not weigh(
        replace(BASE, image_type=("DERIVED", "PRIMARY", "DIXON", "IN_PHASE"), names="dixon")
    ).fat_suppressed
