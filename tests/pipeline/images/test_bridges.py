"""What the programs for other projects' packages decide by themselves; the packages are not needed for that."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.conditions import DISC_LEVELS
from pipeline.images.detectors.bridges import spinenet_bridge, spineps_bridge, totalspineseg_bridge

SPACING = [0.9, 0.8]


def vertebra(label: str, row: float, tilt: float = 0.0) -> dict[str, Any]:
    """One as SpineNet gives it: corners (column, row) from right top round by right bottom; right is posterior."""
    cos, sin = np.cos(tilt), np.sin(tilt)
    corners = [(20, -12), (20, 12), (-20, 12), (-20, -12)]  # mm back and down
    polygon = [
        [90 + (back * cos - down * sin) / SPACING[1], row + (back * sin + down * cos) / SPACING[0]]
        for back, down in corners
    ]
    return {"predicted_label": label, "polys": [polygon] * 3, "slice_nos": [4, 5, 6], "average_polygon": polygon}


def column(*labels: str) -> list[dict[str, Any]]:
    return [vertebra(label, 40 + 36 * i) for i, label in enumerate(labels)]


def test_spinenet_discs_between_vertebrae_that_do_not_follow_each_other_are_dropped() -> None:
    spine = column("L1", "L2", "L4", "L5", "S1", "S2")[::-1]

    pairs = [
        f"{upper['predicted_label']}-{lower['predicted_label']}" for upper, lower in spinenet_bridge.neighbours(spine)
    ]

    assert pairs == ["L1-L2", "L4-L5", "L5-S1"]


@pytest.mark.parametrize(
    ("labels", "known", "doubtful", "reason"),
    [
        (["L4", "L5", "S1", "S2"], True, False, "counted up from the sacrum"),
        (["L3", "L4", "L5"], False, False, "the sacrum is not in view"),
        (["L4", "L4", "S1"], False, True, "same name"),
    ],
)
def test_spinenet_names_count_only_from_the_sacrum(labels: list[str], known: bool, doubtful: bool, reason: str) -> None:
    found = spinenet_bridge.named(labels)

    assert found[:2] == (known, doubtful)
    assert reason in found[2]


@given(tilt=st.floats(-0.7, 0.7))
def test_spinenet_discs_lie_between_the_edges_that_face_each_other(tilt: float) -> None:
    down, back = 34 * np.cos(tilt) / SPACING[0], -34 * np.sin(tilt) / SPACING[1]
    upper, lower = vertebra("L4", 80, tilt), vertebra("L5", 80 + down, tilt)
    lower["polys"] = [[[x + back, y] for x, y in polygon] for polygon in lower["polys"]]

    disc = spinenet_bridge.placed(upper, lower, SPACING)

    assert np.allclose(disc["centre"], [5, 80 + down / 2, 90 + back / 2])
    assert np.allclose([disc["tilt"], disc["width"]], [tilt, 40])


BOTH = pytest.mark.parametrize(
    ("bridge", "sacrum"), [(totalspineseg_bridge, 50), (spineps_bridge, 26)], ids=["totalspineseg", "spineps"]
)


@BOTH
def test_every_disc_of_a_label_map_has_its_name(bridge: ModuleType, sacrum: int) -> None:
    answer = bridge.answered({*bridge.DISCS, sacrum})

    assert answer["levels_known"]
    assert [disc["level"] for disc in answer["discs"]] == list(DISC_LEVELS)
    assert {disc["confidence"] for disc in answer["discs"]} == {None}


def test_label_numbers_are_those_that_the_packages_publish() -> None:
    tss = dict(zip(DISC_LEVELS, totalspineseg_bridge.DISCS, strict=True))
    sps = dict(zip(DISC_LEVELS, spineps_bridge.DISCS, strict=True))

    assert [tss[level] for level in ("C2-C3", "C7-T1", "T12-L1", "L5-S1")] == [63, 71, 91, 100]
    assert [sps[level] for level in ("C2-C3", "C7-T1", "T12-L1", "L5-S1")] == [102, 107, 119, 124]


@BOTH
@pytest.mark.parametrize("missing", ["sacrum", "disc above it"])
def test_without_the_sacrum_no_disc_of_a_label_map_has_a_name(bridge: ModuleType, sacrum: int, missing: str) -> None:
    numbers = {*bridge.DISCS, sacrum} - {sacrum if missing == "sacrum" else bridge.DISCS[-1]}

    answer = bridge.answered(numbers)

    assert (answer["levels_known"], answer["reason"]) == (False, "the sacrum is not in view")
    assert not answer["doubtful"]
    assert {disc["level"] for disc in answer["discs"]} == {None}


@pytest.mark.parametrize(
    ("bridge", "numbers"),
    [(totalspineseg_bridge, {46}), (totalspineseg_bridge, {96}), (spineps_bridge, {25}), (spineps_bridge, {128})],
)
def test_a_segment_too_many_takes_all_names_and_keeps_the_discs(bridge: ModuleType, numbers: set[int]) -> None:
    answer = bridge.answered({*bridge.DISCS, bridge.SACRUM} | numbers)

    assert (answer["levels_known"], answer["doubtful"]) == (False, True)
    assert "sees a" in answer["reason"]
    assert len(answer["discs"]) == len(DISC_LEVELS) + len(numbers & {96, 125, 128})


@pytest.mark.parametrize(
    ("written", "nothing"),
    [
        pytest.param((), False, id="its network did not run"),
        pytest.param(("step1_raw",), True, id="its network showed nothing"),
        pytest.param(("step1_raw", "step1_output"), False, id="it failed later"),
    ],
)
def test_totalspineseg_found_nothing_only_where_its_network_ran(
    written: tuple[str, ...], nothing: bool, tmp_path: Path
) -> None:
    for name in written:
        (tmp_path / name).mkdir()
        (tmp_path / name / "volume.nii.gz").touch()

    assert totalspineseg_bridge.found_nothing(tmp_path) is nothing


def start_bridge(bridge: ModuleType, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", str(bridge.__file__), str(folder)]
    return subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, start_new_session=True)


@pytest.mark.parametrize("bridge", [spinenet_bridge, totalspineseg_bridge, spineps_bridge])
def test_a_bridge_ends_once_nobody_waits_for_its_answer(bridge: ModuleType, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "request.json")  # it waits for its request until it is told to end

    with start_bridge(bridge, tmp_path) as running:
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(1)
        running.stdin.close()  # type: ignore[union-attr]
        try:
            assert running.wait(30) == -signal.SIGKILL
        finally:
            running.kill()


@pytest.mark.parametrize("bridge", [spinenet_bridge, totalspineseg_bridge, spineps_bridge])
def test_a_bridge_stands_alone(bridge: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text('{"format": 1, "task": "about", "device": "cpu"}')

    with start_bridge(bridge, tmp_path) as running:
        assert running.wait(120) == 1

    assert '"failed": "ModuleNotFoundError at' in (tmp_path / "answer.json").read_text()
