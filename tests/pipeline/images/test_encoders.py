"""Encoders with weights drawn at random, since the real ones cannot be fetched everywhere."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn
from torchvision import models, transforms

from config.image_settings import EncoderSettings
from pipeline.images.disc_volumes import CLIP
from pipeline.images.encoders.chosen import load_encoder
from pipeline.images.encoders.embedded import load_embedded
from pipeline.images.encoders.torchvision_models import TorchvisionEncoder
from pipeline.images.errors import UnusableModel
from tests.pipeline.traps import Trap

CUT = (np.random.default_rng(0).random((9, 112, 224)) * CLIP * 0.9).astype(np.float32)


@pytest.fixture(scope="module")
def network() -> models.ResNet:
    torch.manual_seed(0)
    return models.resnet18().eval()


@pytest.fixture(scope="module")
def weights(network: models.ResNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(network.state_dict(), path)
    return path


def encoder(weights: Path, name: str = "resnet18", intensities: str = "float") -> TorchvisionEncoder:
    return TorchvisionEncoder(
        EncoderSettings.model_validate(
            {"kind": "torchvision", "name": name, "weights": weights, "intensities": intensities}
        )
    )


def pooled(network: models.ResNet, slices: list[torch.Tensor]) -> np.ndarray:
    """What the published code's network gives: all of it but its last layer, the mean over slices."""
    body = nn.Sequential(*list(network.children())[:-1])
    with torch.inference_mode():
        return torch.stack([body(one[None]).squeeze() for one in slices]).mean(dim=0).numpy()


def test_published_intensities_give_what_the_published_steps_give(weights: Path, network: models.ResNet) -> None:
    steps = transforms.Compose(
        [
            transforms.ToPILImage(),
            transforms.Resize((224, 224)),
            transforms.Grayscale(num_output_channels=3),
            transforms.ToTensor(),
            transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        ]
    )
    expected = pooled(network, [steps(torch.from_numpy(plane / CLIP)) for plane in CUT])

    given = encoder(weights, intensities="published").encode(CUT)

    assert given.shape == (512,)
    assert np.allclose(given, expected, atol=1e-5)
    assert not np.allclose(encoder(weights).encode(CUT), expected, atol=1e-5)


def test_the_paper_s_encoder_is_the_mean_over_slices_of_what_the_last_layer_sees(
    weights: Path, network: models.ResNet
) -> None:
    square = nn.functional.interpolate(torch.from_numpy(CUT / CLIP)[:, None], size=(224, 224), mode="bilinear")
    normal = transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
    expected = pooled(network, [normal(plane.expand(3, -1, -1)) for plane in square])

    assert np.allclose(encoder(weights).encode(CUT), expected, atol=1e-4)


@settings(deadline=None, max_examples=5)
@given(order=st.permutations(range(9)))
def test_the_order_of_slices_does_not_matter(order: list[int], weights: Path) -> None:
    assert np.allclose(encoder(weights).encode(CUT[order]), encoder(weights).encode(CUT), atol=1e-4)


def test_the_name_tells_network_intensities_and_weights_apart(weights: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pth"
    torch.save(models.resnet18().state_dict(), other)

    names = {encoder(weights).name, encoder(weights, intensities="published").name, encoder(other).name}

    assert len(names) == 3
    assert all(name.startswith(("resnet18-float@sha256:", "resnet18-published@sha256:")) for name in names)


def test_safetensors_give_the_same_features(weights: Path, network: models.ResNet, tmp_path: Path) -> None:
    path = tmp_path / "resnet18.safetensors"
    save_file(network.state_dict(), path)

    assert np.array_equal(encoder(path).encode(CUT), encoder(weights).encode(CUT))


@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("mobilenet_v3_small", 1024),
        ("densenet121", 1024),
        ("efficientnet_b0", 1280),
        ("convnext_tiny", 768),
        ("vit_b_16", 768),
        ("swin_t", 768),
        ("googlenet", 1024),
        ("alexnet", 4096),
    ],
)
@pytest.mark.filterwarnings("ignore:The default weight initialization of GoogleNet")
def test_other_networks_lose_their_last_layer_too(name: str, features: int, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(models.get_model(name).state_dict(), path)

    assert encoder(path, name).encode(CUT[:2]).shape == (features,)


def test_a_file_in_densenet_s_old_names_is_read(tmp_path: Path) -> None:
    path = tmp_path / "densenet121.pth"
    new = models.densenet121().state_dict()
    torch.save(
        {
            key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2.") if "layer" in key else key: new[key]
            for key in new
        },
        path,
    )

    assert encoder(path, "densenet121").encode(CUT[:1]).shape == (1024,)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        pytest.param("resnet34", "no weights of torchvision's resnet34", id="another network's weights"),
        pytest.param("resnet81", "nearest is resnet18", id="a network that does not exist"),
        pytest.param("squeezenet1_0", "no last linear layer", id="a network without a linear layer"),
    ],
)
def test_a_network_that_does_not_fit_is_refused(name: str, sentence: str, weights: Path) -> None:
    with pytest.raises(UnusableModel, match=sentence):
        encoder(weights, name)


@pytest.mark.parametrize("content", [None, b"", b"no weights"])
def test_weights_that_cannot_be_read_are_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UnusableModel, match=r"weights\.pth"):
        encoder(path)


def test_a_file_that_holds_more_than_weights_is_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"fc.weight": Trap(tmp_path / "sprung")}, path)

    with pytest.raises(UnusableModel, match="weights only"):
        encoder(path)

    assert not (tmp_path / "sprung").exists()


def test_without_settings_the_embedded_encoder_is_loaded() -> None:
    assert load_encoder(None).name == load_embedded().name


def test_the_embedded_encoder_sees_nothing_above_its_own_white() -> None:
    embedded = load_embedded()

    assert np.array_equal(embedded.encode(CUT), embedded.encode(np.minimum(CUT, 4)))
