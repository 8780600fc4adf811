"""Programs of other projects, by stand-ins that speak the same files, and those programs themselves not installed."""

import json
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from config.detector_kinds import DETECTOR_PACKAGES, DetectorKind
from config.image_settings import DetectorSettings
from pipeline.images.detectors.exchange import volume_affine
from pipeline.images.detectors.external import ExternalDetector, load_external_detector
from pipeline.images.detectors.protocol import DetectedDiscs
from pipeline.images.errors import (
    DetectorEnded,
    DetectorFailed,
    DetectorSilent,
    DetectorTooSlow,
    DetectorUnavailable,
    UnusableAnswer,
)
from pipeline.images.volume import Volume
from tests.peers.detector import bars_volume, stand_in, stand_in_interpreter
from tests.waiting import wait_until

VOLUME = Volume(np.zeros((5, 200, 60), np.float32), (4.0, 1.0, 1.0), (), ())
NAMED = {"confidence": 0.5, "tilt": 0.1, "width": 30.0}


def disc(level: str | None = "L5-S1", row: float = 100.0, **values: object) -> dict[str, object]:
    return {"level": level, "centre": [2.0, row, 30.0], **NAMED, **values}


def found_by(folder: Path, body: str, volume: Volume = VOLUME, timeout_seconds: float = 60) -> DetectedDiscs:
    return ExternalDetector(stand_in(folder, body, timeout_seconds), "stand-in").detect(volume)


def answering(*discs: dict[str, object], known: bool = True, before: str = "", **values: object) -> str:
    content = {"levels_known": known, "reason": "counted", "discs": list(discs), **values}
    return f"{before}\nanswer(**json.loads({json.dumps(json.dumps(content))}))"


def saving(name: str, value: str) -> str:
    return f"import numpy as np\nnp.save(folder / '{name}', {value}, allow_pickle=True)"


def test_what_a_program_answers_is_taken_over(tmp_path: Path) -> None:
    grades = {"Spondylolisthesis": [0.5, -1.0, -2.0]}
    body = answering(disc(grades=grades), disc("L4-L5", 60.0), before=saving("encodings.npy", "np.eye(2)"))

    found = found_by(tmp_path, body)

    assert (found.levels_known, found.reason) == (True, "counted")
    assert [each.level for each in found.discs] == ["L4-L5", "L5-S1"]
    assert (found.discs[1].centre, found.discs[1].tilt) == ((2.0, 100.0, 30.0), 0.1)
    assert found.discs[1].grades == {"Spondylolisthesis": (0.5, -1.0, -2.0)}
    assert found.encodings is not None
    assert found.encodings.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        pytest.param("sys.exit(3)", DetectorEnded, "status 3", id="it ends with a status"),
        pytest.param(
            "answer(failed='no weights')\nsys.exit(1)", DetectorEnded, "no weights", id="it says why it fails"
        ),
        pytest.param("", UnusableAnswer, "answer.json is missing", id="it answers nothing"),
        pytest.param("(folder / 'answer.json').write_text('{')", UnusableAnswer, "JSON", id="it writes no JSON"),
        pytest.param("(folder / 'answer.json').write_text('1' * 2000000)", UnusableAnswer, "too large", id="too much"),
        pytest.param(answering(disc(), sex="F"), UnusableAnswer, "sex", id="an unknown key"),
        pytest.param(answering(disc(width=float("nan"))), UnusableAnswer, "discs.0.width", id="no number"),
        pytest.param(answering(disc(width="30")), UnusableAnswer, "discs.0.width", id="a number as text"),
        pytest.param(answering(disc(tilt=2.0)), UnusableAnswer, "discs.0.tilt", id="a tilt in degrees"),
        pytest.param(answering(disc(centre=[2.0, 300.0, 9.0])), UnusableAnswer, "outside", id="outside the volume"),
        pytest.param(answering(disc(centre=[-0.6, 9.0, 9.0])), UnusableAnswer, "outside", id="just outside"),
        pytest.param(answering(disc(centre=None)), UnusableAnswer, "neither a label nor", id="a disc without a place"),
        pytest.param(answering(disc("L5-L6")), UnusableAnswer, "no disc has", id="a name that no disc has"),
        pytest.param(answering(disc(None)), UnusableAnswer, "no name", id="known levels without a name"),
        pytest.param(answering(disc(), known=False), UnusableAnswer, "have names", id="names although unknown"),
        pytest.param(answering(disc(), doubtful=True), UnusableAnswer, "to be in doubt", id="names that are in doubt"),
        pytest.param(
            answering({"level": "L5-S1", "confidence": None, "label": 7}), UnusableAnswer, "label", id="no label map"
        ),
        pytest.param(
            answering(
                {"level": "L5-S1", "confidence": None, "label": 7},
                to_volume=np.eye(4).tolist(),
                before=saving("labels.npy", "np.full((9, 9), 7)"),
            ),
            UnusableAnswer,
            "three dimensions",
            id="a flat label map",
        ),
        pytest.param(
            answering(disc(), before=saving("labels.npy", "np.array([{}])")),
            UnusableAnswer,
            "labels.npy is no array",
            id="a pickle",
        ),
        pytest.param(
            answering(disc(), before="(folder / 'labels.npy').write_bytes(b'PK\\x03\\x04 cut off')"),
            UnusableAnswer,
            "labels.npy is no array",
            id="a damaged archive",
        ),
        pytest.param(
            answering(
                {"level": "L5-S1", "confidence": None, "label": 7, "tilt": 0.0},
                to_volume=np.eye(4).tolist(),
                before=saving("labels.npy", "np.full((9, 9, 9), 7)"),
            ),
            UnusableAnswer,
            "measured as well",
            id="a label beside a tilt of nothing",
        ),
        pytest.param(
            answering(
                {"level": "L5-S1", "confidence": None, "label": 0},
                to_volume=np.eye(4).tolist(),
                before=saving("labels.npy", "np.zeros((9, 9, 9), int)"),
            ),
            UnusableAnswer,
            "discs.0.label",
            id="the background",
        ),
        pytest.param(
            answering(disc(), before=saving("encodings.npy", "np.ones((2, 4))")),
            UnusableAnswer,
            "encodings.npy",
            id="encodings of other discs",
        ),
        pytest.param(
            answering(disc(), before=saving("encodings.npy", "np.full((1, 4), np.inf)")),
            UnusableAnswer,
            "encodings.npy",
            id="encodings without end",
        ),
    ],
)
def test_an_answer_that_breaks_a_rule_is_an_error_with_the_place(
    body: str, error: type[DetectorFailed], said: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match="Stand-in") as failure:
        found_by(tmp_path, body)

    assert said in str(failure.value)


def test_an_error_never_quotes_what_the_answer_held(tmp_path: Path) -> None:
    canary = "CANARY^NAME"
    for body in (answering(disc(canary)), answering(disc() | {canary: 1}), answering(disc(width=canary))):
        with pytest.raises(UnusableAnswer) as failure:
            found_by(tmp_path, body)
        assert canary not in str(failure.value)


@pytest.mark.parametrize(
    ("discs", "reason", "doubtful"),
    [
        pytest.param([disc("L4-L5")], "without L5-S1 in view", False, id="no anchor"),
        pytest.param([disc(row=175.0)], "too little is in view below", False, id="the picture ends below the disc"),
        pytest.param([disc("L4-L5", 120.0), disc(row=100.0)], "not in order", True, id="names out of order"),
        pytest.param([disc(row=80.0), disc(row=100.0)], "names twice", True, id="a name twice"),
        pytest.param([disc("C2-C3", 20.0), disc()], "found 0 discs, where 21 are usual", True, id="another count"),
    ],
)
def test_names_that_a_program_cannot_know_are_withheld(
    discs: list[dict[str, object]], reason: str, doubtful: bool, tmp_path: Path
) -> None:
    found = found_by(tmp_path, answering(*discs))

    assert not found.levels_known
    assert {each.level for each in found.discs} == {None}
    assert reason in found.reason
    assert found.doubtful is doubtful


def test_a_program_s_own_doubt_is_taken_over(tmp_path: Path) -> None:
    assert found_by(tmp_path, answering(disc(None), known=False, doubtful=True)).doubtful
    assert not found_by(tmp_path, answering(disc(None), known=False)).doubtful


def test_a_disc_that_a_program_left_out_is_noticed_by_the_distance(tmp_path: Path) -> None:
    rows = (20.0, 50.0, 110.0, 140.0)

    found = found_by(tmp_path, answering(*(disc(None, row) for row in rows), known=False))

    assert found.passed_over == "the distance is too long between the discs 3 and 2 from below"


def test_a_program_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    noted = tmp_path / "child"
    endless = [sys.executable, "-c", "import threading; threading.Event().wait()"]
    wait = f"import subprocess\nchild = subprocess.Popen({endless!r})\n"
    note = f"Path({str(noted)!r}).write_text(str(child.pid))\nchild.wait()"

    with pytest.raises(DetectorTooSlow, match=r"images\.detector\.timeout_seconds"):
        found_by(tmp_path, wait + note, timeout_seconds=5)

    child = int(noted.read_text())
    wait_until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie", "the child's end")


def test_the_folder_between_is_private_and_removed(tmp_path: Path) -> None:
    noted = tmp_path / "noted"
    note = "import os\nfacts = [str(folder), oct(folder.stat().st_mode), os.environ['TMPDIR'], os.getcwd()]\n"
    found_by(tmp_path, f"{note}Path({str(noted)!r}).write_text('|'.join(facts))\n" + answering(disc()))

    folder, mode, temporary, working = noted.read_text().split("|")
    assert mode.endswith("700")
    assert folder == temporary == working
    assert Path(folder).parent == tmp_path / "exchange"
    assert not Path(folder).exists()


def test_a_program_does_not_see_our_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPINELABEL__database", "postgresql://secret")
    noted = tmp_path / "noted"
    note = f"import os\nPath({str(noted)!r}).write_text(' '.join(os.environ))\n"
    found_by(tmp_path, note + answering(disc()))

    assert "SPINELABEL" not in noted.read_text()


def test_the_volume_lies_as_its_affine_says(tmp_path: Path) -> None:
    noted = tmp_path / "noted.json"
    note = f"import shutil\nshutil.copy(folder / 'request.json', {str(noted)!r})\n"
    found_by(tmp_path, note + answering(known=False), bars_volume())

    request = json.loads(noted.read_text())
    affine = np.array(request["affine"])
    left, down, back = (affine[:3, i] for i in range(3))
    assert (left < 0).tolist() == [True, False, False]
    assert (down < 0).tolist() == [False, False, True]
    assert (back < 0).tolist() == [False, True, False]
    assert np.linalg.norm(affine[:3, :3], axis=0).tolist() == request["spacing_mm"]
    assert volume_affine((4.4, 0.9, 0.9)).tolist() == request["affine"]


@pytest.mark.parametrize("kind", sorted(DETECTOR_PACKAGES))
def test_a_package_that_is_not_installed_is_said_to_be_missing(kind: DetectorKind, tmp_path: Path) -> None:
    settings = DetectorSettings(kind=kind, python=Path(sys.executable), licence="accepted")

    with pytest.raises(DetectorUnavailable, match=r"Install it into that environment.*ModuleNotFoundError"):
        load_external_detector(settings, tmp_path)


def test_a_package_that_takes_too_long_to_say_its_version_is_not_sent_to_the_setting_for_discs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.images.detectors.program._ABOUT_SECONDS", 0.2)
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
    python.chmod(0o755)

    with pytest.raises(DetectorSilent) as failure:
        load_external_detector(DetectorSettings(kind="spineps", python=python, licence="accepted"), tmp_path)

    assert "timeout_seconds" not in str(failure.value)


def test_an_interpreter_that_is_not_there_is_named(tmp_path: Path) -> None:
    settings = DetectorSettings(kind="spineps", python=tmp_path / "python", licence="accepted")

    with pytest.raises(DetectorUnavailable, match=r"python: No such file or directory.*images\.detector\.python"):
        load_external_detector(settings, tmp_path)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("spinenet", "SpineNet 1.2 (restricted licence: University of Oxford, non-commercial research only"),
        ("totalspineseg", "TotalSpineSeg 1.2 (licence: LGPL-3.0)"),
        ("spineps", "SPINEPS 1.2 (licence: Apache-2.0)"),
    ],
)
def test_a_detector_is_named_with_version_and_licence(kind: DetectorKind, name: str, tmp_path: Path) -> None:
    python = stand_in_interpreter(tmp_path, "")
    settings = DetectorSettings(kind=kind, python=python, licence="accepted")

    assert load_external_detector(settings, tmp_path).name.startswith(name)
