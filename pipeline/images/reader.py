"""What reads the images of a study, loaded once."""

from dataclasses import dataclass
from pathlib import Path

from config.image_settings import ImageSettings
from pipeline.images.classifiers import ClassifierSet, load_classifiers
from pipeline.images.detectors.chosen import load_chosen
from pipeline.images.detectors.protocol import Detector
from pipeline.images.encoders.chosen import load_encoder
from pipeline.images.encoders.protocol import Encoder
from pipeline.images.graded import Grading, load_gradings
from pipeline.images.model_files import classifier_file


@dataclass(frozen=True)
class Classification:
    """A set of classifiers with the encoder that it belongs to, and the sha256 of the set."""

    encoder: Encoder
    classifiers: ClassifierSet
    sha256: str


@dataclass(frozen=True)
class ImageReader:
    """Models loaded once; `classification` is None where no classifiers are set. One thread at a time may use it.

    `gradings` are what the detector's own grades say of the conditions that no classifier covers.
    """

    detector: Detector
    classification: Classification | None
    software: str
    gradings: tuple[Grading, ...] = ()


def load_image_reader(settings: ImageSettings, data: Path, software: str) -> ImageReader:
    """Load detector, encoder and classifiers.

    Args:
        settings: what reads the images; with classifiers "none" studies give discs, and no findings but those of a
            detector's grades.
        data: the folder of the installation, which sets that were trained here lie under, and where scans are handed
            to another project's detector.
        software: name and version that the findings' provenance carries.

    Raises:
        UnusableModel: a model file is missing, damaged, or made for another part.
        DetectorFailed: the program of another project cannot be started or is not installed.
    """
    detector = load_chosen(settings.detector, data)
    gradings = load_gradings(settings.detector.kind)
    if settings.classifiers == "none":
        return ImageReader(detector, None, software, gradings)
    encoder = load_encoder(settings.encoder)
    loaded, sha256 = load_classifiers(classifier_file(settings.classifiers, data), encoder.name)
    covered = {classifier.condition for classifier in loaded.classifiers}
    rest = tuple(grading for grading in gradings if grading.condition not in covered)
    return ImageReader(detector, Classification(encoder, loaded, sha256), software, rest)
