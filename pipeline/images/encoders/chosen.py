"""The encoder that settings ask for, loaded alike by the daemon and by every command."""

from config.image_settings import EncoderSettings
from pipeline.images.encoders.embedded import load_embedded
from pipeline.images.encoders.protocol import Encoder


def load_encoder(settings: EncoderSettings | None) -> Encoder:
    """Load an encoder; None asks for the embedded one.

    Raises:
        UnusableModel: the weights are missing, cannot be read, or are another network's.
    """
    if settings is None:
        return load_embedded()
    # torchvision takes a second and 160 MB to import, which sites without it are spared.
    from pipeline.images.encoders.torchvision_models import TorchvisionEncoder

    return TorchvisionEncoder(settings)
