from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.conditions import Condition, has_snomed_check_digit, load_conditions
from config.errors import UnusableConditions


def test_the_five_conditions_of_the_paper_come_with_the_product() -> None:
    conditions = {condition.name: condition for condition in load_conditions()}

    assert list(conditions) == ["cancer", "stenosis", "spondylolisthesis", "cauda equina compression", "herniation"]
    assert conditions["stenosis"].levels == ("L3-L4", "L4-L5", "L5-S1")
    assert conditions["cancer"].leave_out == ("history",)
    assert len(conditions["cancer"].bag_levels) == 18
    assert conditions["spondylolisthesis"].bag_levels == ("L3-L4", "L4-L5", "L5-S1")
    assert conditions["cauda equina compression"].asked_as == "cauda equina"


def test_a_new_condition_is_a_name_and_a_definition(tmp_path: Path) -> None:
    path = tmp_path / "conditions.yaml"
    path.write_text("- name: scoliosis\n  definition: Scoliosis is a sideways curve of the spine.\n")

    assert load_conditions(path) == (
        Condition(name="scoliosis", definition="Scoliosis is a sideways curve of the spine."),
    )


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        pytest.param("- {name: a}", "definition", id="no definition"),
        pytest.param("- {name: a, definition: no stop}", "full stop", id="a definition without a full stop"),
        pytest.param("- {name: a, definition: A., levels: [L7-L8]}", "L7-L8", id="a level that no spine has"),
        pytest.param("- {name: a, definition: A., bag: [L5-S1, L3-L4]}", "nearer to the head", id="a bag upside down"),
        pytest.param("- {name: a, definition: A., lvels: []}", "lvels", id="an unknown key"),
        pytest.param("- {name: a, definition: A.}\n- {name: a, definition: A.}", "twice", id="a name twice"),
        pytest.param(
            "- {name: a, definition: A., finding: ['113200001', SCT, C3]}", "check digit", id="a mistyped code"
        ),
        pytest.param("- {name: a, definition: A.", "not YAML", id="no YAML"),
    ],
)
def test_an_unusable_entry_is_named(tmp_path: Path, entry: str, sentence: str) -> None:
    path = tmp_path / "conditions.yaml"
    path.write_text(entry)

    with pytest.raises(UnusableConditions) as refusal:
        load_conditions(path)

    assert sentence in str(refusal.value)


@given(st.sampled_from(["363438000", "76107001", "274152003", "71173004", "73589001"]), st.data())
def test_one_mistyped_digit_never_passes_the_check(value: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(1, len(value) - 1))
    digit = data.draw(st.sampled_from(sorted(set("0123456789") - {value[place]})))

    assert has_snomed_check_digit(value)
    assert not has_snomed_check_digit(value[:place] + digit + value[place + 1 :])
