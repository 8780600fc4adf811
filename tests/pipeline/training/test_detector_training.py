from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.images.detectors.embedded import load_detector
from pipeline.images.detectors.network import HEATS, DetectorNetwork, network_input
from pipeline.images.errors import UnusableModel
from pipeline.training import detector as training_module
from pipeline.training.detector import DetectorTraining, train_detector
from pipeline.training.detector_release import write_detector
from pipeline.training.detector_targets import make_sample
from pipeline.training.drawn_spines import draw_slice

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


def test_targets_are_warm_where_the_discs_are() -> None:
    drawn = next(item for item in map(draw_slice, range(50)) if item.region == "lumbar" and abs(item.lateral) < 5)
    sample = make_sample(drawn)
    heat = sample.heats[HEATS.index("disc")]
    shown = 0
    for disc in drawn.spine.discs:
        column, row = drawn.field.place(disc.centre) / 2
        if 2 < row < heat.shape[0] - 2 and 2 < column < heat.shape[1] - 2:
            shown += 1
            assert heat[round(row - 0.25), round(column - 0.25)] > 0.8
    assert shown >= 5


def test_the_network_sees_no_difference_of_intensity_scale() -> None:
    image = draw_slice(3).image

    assert np.allclose(network_input(image), network_input(image * 713), atol=1e-3)


def test_shipped_weights_load_as_their_card_says_and_not_otherwise(tmp_path: Path) -> None:
    digest = write_detector(DetectorNetwork(), tmp_path, {"data": "none"})
    path = tmp_path / "detector.safetensors"

    assert load_detector(path).name == f"spinelabel-detector@sha256:{digest}"
    path.write_bytes(path.read_bytes()[:-1] + b"\0\1")
    with pytest.raises(UnusableModel, match="Install the package again"):
        load_detector(path)
