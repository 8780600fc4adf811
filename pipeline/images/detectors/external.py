"""Detectors of other projects, each in a process of its own that speaks the files of `exchange`."""

from pathlib import Path

from config.detector_kinds import DETECTOR_PACKAGES, DetectorPackage
from config.image_settings import DetectorSettings
from pipeline.images.detectors.answers import read_discs
from pipeline.images.detectors.exchange import About
from pipeline.images.detectors.program import Program, ask_about, asked
from pipeline.images.detectors.protocol import DetectedDiscs
from pipeline.images.errors import DetectorEnded, DetectorUnavailable
from pipeline.images.volume import Volume

_BRIDGES = Path(__file__).with_name("bridges")


class ExternalDetector:
    """A program of another project, of which it is known that it can be started."""

    def __init__(self, program: Program, name: str) -> None:
        self._program = program
        self.name = name

    def detect(self, volume: Volume) -> DetectedDiscs:
        """Have the program find the discs of a volume.

        Raises:
            DetectorFailed: it gave no usable answer; nothing is made up in its place.
        """
        with asked(self._program, volume) as folder:
            return read_discs(folder, volume, self._program.title)


def load_external_detector(settings: DetectorSettings, data: Path) -> ExternalDetector:
    """Start the program once to see that it can be used, and to learn its version.

    Args:
        settings: which program, and by which interpreter.
        data: the folder of the installation, under which scans are handed over.

    Raises:
        DetectorFailed: the interpreter is missing, or the package is not installed there.
    """
    program, package = _program(settings, data)
    return ExternalDetector(program, detector_name(package, _about(program)))


def detector_name(package: DetectorPackage, about: About) -> str:
    """Name a program with its version and licence, as `Provenance` has it."""
    kind = "restricted licence" if package.is_restricted else "licence"
    return f"{package.title} {about.version.partition('+')[0]} ({kind}: {package.licence})"


def _program(settings: DetectorSettings, data: Path) -> tuple[Program, DetectorPackage]:
    package = DETECTOR_PACKAGES[settings.kind]
    script = _BRIDGES / f"{settings.kind}_bridge.py"
    if settings.python is None:
        raise DetectorUnavailable(f"{package.title} has no interpreter. Name it in images.detector.python.")
    return Program(package.title, settings.python, script, settings.device, settings.timeout_seconds, data), package


def _about(program: Program) -> About:
    try:
        return ask_about(program)
    except DetectorEnded as error:
        raise DetectorUnavailable(
            f"{program.title} cannot be used with {program.python}. Install it into that environment. {error}"
        ) from error
