"""The detector that settings ask for, loaded alike by the daemon and by every command."""

from config.image_settings import DetectorSettings
from pipeline.images.detectors.embedded import load_detector
from pipeline.images.detectors.external import load_external_detector
from pipeline.images.detectors.protocol import Detector


def load_chosen(settings: DetectorSettings) -> Detector:
    """Load the embedded detector, or start another project's once.

    Raises:
        UnusableModel: the embedded weights are missing or damaged.
        DetectorFailed: the program of another project cannot be started or is not installed.
    """
    return load_detector() if settings.kind == "embedded" else load_external_detector(settings)
