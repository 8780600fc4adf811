import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.image_settings import EncoderSettings, ImageSettings
from pipeline.images.classifiers import ClassifierSet, load_classifiers, probability_of, save_classifiers
from pipeline.images.errors import UnusableModel
from pipeline.images.model_files import check_image_models, classifier_file
from tests.pipeline.images.invented import CLASSIFIERS, ENCODER
from tests.pipeline.traps import Trap


def test_a_stored_set_scores_as_before(tmp_path: Path) -> None:
    save_classifiers(CLASSIFIERS, tmp_path, {"data": "invented"})
    loaded, _ = load_classifiers(tmp_path / "invented.npz", ENCODER)
    features = np.random.default_rng(0).normal(size=(3, 4))

    assert [item.condition for item in loaded.classifiers] == [item.condition for item in CLASSIFIERS.classifiers]
    for stored, original in zip(loaded.classifiers, CLASSIFIERS.classifiers, strict=True):
        assert stored.log_odds(features) == pytest.approx(original.log_odds(features), rel=1e-5)


def spoil_arrays(folder: Path) -> None:
    (folder / "invented.npz").write_bytes((folder / "invented.npz").read_bytes() + b"x")


def spoil_card(folder: Path) -> None:
    card = json.loads((folder / "invented.json").read_text())
    del card["classifiers"][0]["threshold"]
    (folder / "invented.json").write_text(json.dumps(card))


def remove_card(folder: Path) -> None:
    (folder / "invented.json").unlink()


@pytest.mark.parametrize("spoil", [spoil_arrays, spoil_card, remove_card])
def test_a_set_that_is_not_as_its_card_says_is_refused(spoil, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    save_classifiers(CLASSIFIERS, tmp_path, {})
    spoil(tmp_path)

    with pytest.raises(UnusableModel, match=r"train (it|the set) again"):
        load_classifiers(tmp_path / "invented.npz", ENCODER)


def test_a_set_of_another_encoder_is_refused(tmp_path: Path) -> None:
    save_classifiers(replace(CLASSIFIERS, encoder="ResNet18@sha256:1"), tmp_path, {})

    with pytest.raises(UnusableModel, match="belongs to the encoder ResNet18"):
        load_classifiers(tmp_path / "invented.npz", ENCODER)


def test_a_set_of_pickled_arrays_is_never_loaded(tmp_path: Path) -> None:
    save_classifiers(ClassifierSet("invented", CLASSIFIERS.standing, ENCODER, CLASSIFIERS.classifiers), tmp_path, {})
    path = tmp_path / "invented.npz"
    arrays: dict[str, Any] = {
        f"0/{name}": np.array([Trap(tmp_path / "sprung")], dtype=object) for name in ("mean", "scale", "coefficients")
    }
    np.savez(path, **arrays)
    card = json.loads(path.with_suffix(".json").read_text())
    card["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(card))

    with pytest.raises(UnusableModel):
        load_classifiers(tmp_path / "invented.npz", ENCODER)

    assert not (tmp_path / "sprung").exists()


@given(log_odds=st.floats(-1e6, 1e6))
def test_a_probability_has_four_decimals_and_stays_in_range(log_odds: float) -> None:
    probability = probability_of(log_odds)

    assert 0 <= probability <= 1
    assert round(probability, 4) == probability


def test_a_set_is_found_by_its_name_or_its_folder(tmp_path: Path) -> None:
    own = tmp_path / "classifiers"
    save_classifiers(CLASSIFIERS, own, {})

    assert classifier_file("invented", tmp_path) == classifier_file(str(own), Path()) == own / "invented.npz"


def test_a_folder_of_several_sets_is_refused(tmp_path: Path) -> None:
    for name in ("one", "other"):
        save_classifiers(replace(CLASSIFIERS, name=name), tmp_path, {})

    with pytest.raises(UnusableModel, match="holds 2 sets"):
        classifier_file(str(tmp_path), tmp_path)


def test_a_check_without_loading_finds_a_set_that_is_there(tmp_path: Path) -> None:
    save_classifiers(CLASSIFIERS, tmp_path / "classifiers", {})

    check_image_models(ImageSettings(classifiers="invented"), tmp_path)


def test_a_check_without_loading_refuses_a_card_that_is_none(tmp_path: Path) -> None:
    save_classifiers(CLASSIFIERS, tmp_path / "classifiers", {})
    (tmp_path / "classifiers" / "invented.json").write_text("[]")

    with pytest.raises(UnusableModel, match="not the file its card describes"):
        check_image_models(ImageSettings(classifiers="invented"), tmp_path)


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        pytest.param(ImageSettings(classifiers="invented"), "invented.npz", id="a set"),
        pytest.param(
            ImageSettings(
                encoder=EncoderSettings(kind="torchvision", name="resnet18", weights=Path("/nowhere/resnet18.pth")),
                classifiers="demonstration",
            ),
            "images.encoder.weights",
            id="weights of an encoder",
        ),
    ],
)
def test_a_check_without_loading_names_what_is_missing(settings: ImageSettings, missing: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableModel, match=missing):
        check_image_models(settings, tmp_path)
