"""A detector's program, run apart from us in an environment of its own."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.images.detectors.exchange import About, read_answer, said_why, write_request
from pipeline.images.detectors.folders import private_folder
from pipeline.images.errors import DetectorEnded, DetectorSilent, DetectorTooSlow, DetectorUnavailable
from pipeline.images.volume import Volume

_OURS = "SPINELABEL"  # our settings in the environment, which can hold secrets
_ABOUT_SECONDS = 120.0


@dataclass(frozen=True)
class Program:
    """What is started: `script` speaks the files of `exchange`; `title` names the package to people.

    `data` is the installation's folder, under which volumes are handed over.
    """

    title: str
    python: Path
    script: Path
    device: str
    timeout_seconds: float
    data: Path


@contextmanager
def asked(program: Program, volume: Volume | None) -> Iterator[Path]:
    """Ask a program about itself, or for the discs of a volume, and give the folder with its answer.

    The folder is open to our user alone and is removed afterwards; whatever the program started ends with it. Where our
    process is killed, the program sees its standard input end, and `remove_left_behind` removes the folder.

    Raises:
        DetectorUnavailable: it cannot be started, or its folder may not be made.
        DetectorEnded: it ended with another status than 0.
        DetectorTooSlow: it was ended for its time.
    """
    with ExitStack() as held:
        try:
            folder = held.enter_context(_folder(program.data, volume))
        except PermissionError as error:
            raise DetectorUnavailable(
                f"{program.title} cannot be handed a scan: {error.filename}: {error.strerror}. "
                "Run this as the service's user, and give the folder to that user."
            ) from error
        write_request(folder, program.device, volume)
        status = _run(program, folder)
        if status != 0:
            raise DetectorEnded(program.title, status, said_why(folder))
        yield folder


def ask_about(program: Program) -> About:
    """Give name and version of the package that a program runs.

    Raises:
        DetectorFailed: the interpreter cannot be started, or its package cannot be imported there.
    """
    hurried = replace(program, timeout_seconds=_ABOUT_SECONDS)
    try:
        with asked(hurried, None) as folder:
            return read_answer(folder, About, program.title)
    except DetectorTooSlow as error:
        raise DetectorSilent(program.title, _ABOUT_SECONDS) from error


@contextmanager
def _folder(data: Path, volume: Volume | None) -> Iterator[Path]:
    if volume is None:  # nothing of a patient, so that a look at the installation leaves its data as they are
        with tempfile.TemporaryDirectory(prefix="spinelabel-detector-") as name:
            yield Path(name)
        return
    with private_folder(data) as folder:
        yield folder


def _run(program: Program, folder: Path) -> int:
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith(_OURS)}
    try:
        process = subprocess.Popen(  # noqa: S603  # the site's settings name the interpreter, and nothing else goes in
            [program.python.absolute(), program.script, folder],
            cwd=folder,
            env=surroundings | {"TMPDIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise DetectorUnavailable(
            f"{program.title} cannot be started: {program.python}: {error.strerror}. "
            "Name the interpreter of its environment in images.detector.python."
        ) from error
    with process:
        try:
            return process.wait(program.timeout_seconds)
        except subprocess.TimeoutExpired as error:
            raise DetectorTooSlow(program.title, program.timeout_seconds) from error
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
