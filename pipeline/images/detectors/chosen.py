"""The detector that settings ask for, loaded alike by the daemon and by every command."""

from pathlib import Path

from config.image_settings import DetectorSettings
from pipeline.images.detectors.embedded import load_detector
from pipeline.images.detectors.external import load_external_detector
from pipeline.images.detectors.protocol import Detector


def load_chosen(settings: DetectorSettings, data: Path) -> Detector:
    """Load the embedded detector, or start another project's once.

    Args:
        settings: which detector.
        data: the folder of the installation, under which scans are handed to another project's.

    Raises:
        UnusableModel: the embedded weights are missing or damaged.
        DetectorFailed: the program of another project cannot be started or is not installed.
    """
    return load_detector() if settings.kind == "embedded" else load_external_detector(settings, data)
