import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pipeline.images.detectors.embedded import EmbeddedDetector, load_detector
from pipeline.images.detectors.network import HEATS, DetectorNetwork, network_input
from pipeline.images.errors import UnusableModel
from pipeline.training import detector as training_module
from pipeline.training import detector_release
from pipeline.training.canvas import Field
from pipeline.training.detector import DetectorTraining, train_detector
from pipeline.training.detector_targets import make_sample
from pipeline.training.drawn_spines import DrawnPlane, DrawnSlice, draw_slice
from pipeline.training.errors import OtherDetectorTraining
from pipeline.training.held_out.measuring import Judged, judge_seed
from pipeline.training.labelled_volumes import LabelledFiles
from pipeline.training.spine_anatomy import draw_spine
from pipeline.training.spine_slices import paint_slice
from pipeline.training.spine_variety import Transition, Variety

SHORT = DetectorTraining(steps=2, batch=1, workers=0)


class Interrupted(Exception):
    pass


def quiet(step: int, loss: float) -> None:
    assert np.isfinite(loss)


def test_an_interrupted_training_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_module, "_SAVE_EVERY", 1)
    straight = train_detector(SHORT, tmp_path / "straight.safetensors", quiet).state_dict()

    def interrupt(step: int, loss: float) -> None:
        if step == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        train_detector(SHORT, tmp_path / "broken.safetensors", interrupt)
    resumed = train_detector(SHORT, tmp_path / "broken.safetensors", quiet).state_dict()

    for name, tensor in straight.items():
        assert torch.allclose(tensor.float(), resumed[name].float(), atol=1e-6), name


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        pytest.param({"seed": 5}, ["1_t2", "2_t2"], id="another seed"),
        pytest.param({"steps": 3}, ["1_t2", "2_t2"], id="other steps"),
        pytest.param({}, ["1_t2", "3_t2"], id="other labelled volumes"),
        pytest.param({}, [], id="no labelled volumes"),
    ],
)
def test_a_training_does_not_go_on_from_the_state_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, int], names: list[str]
) -> None:
    monkeypatch.setattr(training_module, "_LABELLED_SHARE", 0.0)
    state = tmp_path / "state.safetensors"

    def labelled(*names: str) -> list[LabelledFiles]:
        return [LabelledFiles(name, tmp_path / name, tmp_path / name) for name in names]

    train_detector(SHORT, state, quiet, labelled("1_t2", "2_t2"))
    before = state.read_bytes()

    with pytest.raises(OtherDetectorTraining, match="delete that folder"):
        train_detector(replace(SHORT, **changes), state, quiet, labelled(*names))

    assert state.read_bytes() == before
    train_detector(SHORT, state, quiet, labelled("1_t2", "2_t2"))


def test_targets_are_warm_where_the_discs_are() -> None:
    warm = 0
    for drawn in map(draw_slice, range(30)):
        if drawn.shown is None:
            continue
        heat = make_sample(drawn).heats[HEATS.index("disc")]
        for disc in drawn.shown.spine.discs:
            seen = all(abs(bone.lateral - drawn.lateral) < 0.8 * bone.half_width for bone in (disc.upper, disc.lower))
            column, row = drawn.shown.field.place(disc.centre) / 2
            if seen and 2 < row < heat.shape[0] - 2 and 2 < column < heat.shape[1] - 2:
                warm += 1
                assert heat[round(row - 0.25), round(column - 0.25)] > 0.8
    assert warm >= 50


def test_a_picture_without_a_spine_has_cold_targets() -> None:
    drawn = next(item for item in map(draw_slice, range(200)) if item.shown is None)
    sample = make_sample(drawn)

    assert not sample.heats.any()
    assert not sample.regions.any()
    assert sample.image.shape[1:] == drawn.image.shape


@pytest.mark.parametrize(("transition", "body"), [("upper", "L5"), ("lower", "S1")])
def test_a_transitional_body_is_a_target_of_its_own(transition: Transition, body: str) -> None:
    spine = draw_spine(4, variety=Variety(transition=transition))
    bone = next(bone for bone in spine.vertebrae if bone.name == body)
    field = Field((288, 192), spine.vertebrae[0].centre, (100.0, 200.0))
    drawn = DrawnSlice(np.ones((288, 192), np.float32), paint_slice(spine, field, 0.0), DrawnPlane(spine, field, ""), 0)
    heat = make_sample(drawn).heats[HEATS.index("transition")]

    row, column = np.unravel_index(heat.argmax(), heat.shape)

    assert (column * 2 + 0.5, row * 2 + 0.5) == pytest.approx(tuple(field.place(bone.centre)), abs=1.5)


def test_the_network_sees_no_difference_of_intensity_scale() -> None:
    image = draw_slice(3).image

    assert np.allclose(network_input(image), network_input(image * 713), atol=1e-3)


def test_shipped_weights_load_as_their_card_says_and_not_otherwise(tmp_path: Path) -> None:
    digest = detector_release.write_detector(DetectorNetwork(), tmp_path, {"data": "none"})
    path = tmp_path / "detector.safetensors"

    assert load_detector(path).name == f"spinelabel-detector@sha256:{digest}"
    path.write_bytes(path.read_bytes()[:-1] + b"\0\1")
    with pytest.raises(UnusableModel, match="Install the package again"):
        load_detector(path)


def test_a_card_tells_how_the_detector_does_on_drawings_that_it_was_not_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector_release, "KINDS", ("plain lumbar",))

    card = detector_release.release_detector(SHORT, (tmp_path / "out", tmp_path / "kept"), quiet, each=1)

    assert (card["figures"]["studies"], card["figures"]["nameable"]) == (1, 1)
    assert card["figures"]["discs"] > 4
    assert json.loads((tmp_path / "out" / "detector.json").read_text()).items() > card.items()
    assert load_detector(tmp_path / "out" / "detector.safetensors")


def test_the_figures_of_a_card_are_those_of_the_weights_as_they_are_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[EmbeddedDetector] = []

    def judge(detector: EmbeddedDetector, kind: str, seed: int) -> Judged:
        measured.append(detector)
        return judge_seed(detector, kind, seed)

    monkeypatch.setattr(detector_release, "KINDS", ("plain lumbar",))
    monkeypatch.setattr(detector_release, "judge_seed", judge)

    detector_release.release_detector(SHORT, (tmp_path / "out", tmp_path / "kept"), quiet, each=1)

    shipped = load_file(tmp_path / "out" / "detector.safetensors")
    own = measured[0]._network.state_dict()
    assert own.keys() == shipped.keys()
    assert all(torch.equal(own[name].float(), tensor.float()) for name, tensor in shipped.items())
