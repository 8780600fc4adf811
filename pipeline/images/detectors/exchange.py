"""The files between us and a detector that is a program of its own.

We start `PYTHON PROGRAM FOLDER` with FOLDER as the working folder and for temporary files (TMPDIR). The folder is
private and is removed when the program has ended, so the program leaves nothing elsewhere. It reads `request.json` and
writes `answer.json`; what it prints is not read. Nothing in the folder says who the patient is.

Nothing is written to its standard input, which is open for as long as somebody waits for the answer. When it ends, we
were killed, and the program ends too, with all that it started.

`request.json`:
    format    1
    task      "about": say which package this is. "detect": find the discs of a volume.
    device    "cpu" or "cuda"
  and with "detect":
    spacing_mm  [between slices, between rows, between columns]
    affine      4 x 4, (slice, row, column, 1) to millimetres with x to the right, y to anterior, z to superior, as
                NIfTI has it. It lays the volume along the axes; it is not the patient's place in the scanner.
`volume.npy`, with "detect": float32 (slices, rows, columns). Slices go from the patient's right to the left, rows from
    superior to inferior, columns from anterior to posterior. A voxel's indices are those of its middle.

`answer.json` to "about":
    format    1
    package   the package's name
    version   its version
`answer.json` to "detect":
    format        1
    levels_known  whether the discs have names. True only where the program saw the sacrum; then every disc has one,
                  and L5-S1 is among them.
    reason        a sentence part for people: from what levels were counted, or why they are unknown
    doubtful      left out, or true where levels are unknown although the sacrum is seen, since it cannot be counted
                  from: a segment too many, a name given twice. No other scan then gives the discs their names.
    discs         a list, which may be empty, of discs with
        level       "C2-C3" to "L5-S1", null for all where levels are unknown
        confidence  above 0 up to 1, null where the program gives none; 0 where it did not see the disc and inferred
                    it from its neighbours, which then gets no finding
        grades      left out, or the program's own gradings: under each one's name the scores (logits) of its grades,
                    from "none" upwards
      and either
        centre      [slice, row, column] in voxels of the volume; fractions are welcome
        tilt        radians, clockwise from the columns, so positive where the disc falls to posterior; -pi/2 to pi/2
        width       from anterior to posterior in mm
      or
        label       the number of the disc in the label map, above 0
    to_volume     with a label map: 4 x 4, indices of the label map's voxels to (slice, row, column, 1) of the volume
`labels.npy`, with a label map: whole numbers in three dimensions, in any orientation and size. We measure the discs.
`encodings.npy`, where the program describes discs itself: floats (discs, features), in the order of `discs`.

A program that fails writes `{"format": 1, "failed": "..."}`, which names the fault and no value, and ends with another
status than 0.
"""

import json
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.images.errors import UnusableAnswer
from pipeline.images.volume import Volume

FORMAT = 1
_LARGEST = 1_000_000  # bytes of an answer.json; a real one has a few thousand

Words = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[ -~]+$")]
Row = tuple[float, float, float, float]
Matrix = tuple[Row, Row, Row, Row]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    format: Literal[1]


class About(_Answer):
    """Which package answers."""

    package: Words
    version: Words


class AnsweredDisc(BaseModel):
    """One disc as the program gives it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    level: Words | None
    confidence: Annotated[float, Field(ge=0, le=1)] | None
    grades: dict[Words, Annotated[tuple[float, ...], Field(min_length=2, max_length=10)]] = {}
    centre: tuple[float, float, float] | None = None
    tilt: Annotated[float, Field(ge=-np.pi / 2, le=np.pi / 2)] | None = None
    width: Annotated[float, Field(gt=0, lt=150)] | None = None
    label: Annotated[int, Field(gt=0)] | None = None


class Answer(_Answer):
    """What the program found."""

    levels_known: bool
    reason: Words
    doubtful: bool = False
    discs: Annotated[tuple[AnsweredDisc, ...], Field(max_length=40)]
    to_volume: Matrix | None = None


class _Failed(_Answer):
    failed: Words


AnswerT = TypeVar("AnswerT", About, Answer)


def volume_affine(spacing_mm: tuple[float, float, float]) -> npt.NDArray[np.float64]:
    """Give the affine (4, 4) from (slice, row, column) to mm in NIfTI's axes, without the place in the scanner."""
    between, row_mm, column_mm = spacing_mm
    affine = np.zeros((4, 4))
    affine[0, 0], affine[2, 1], affine[1, 2], affine[3, 3] = -between, -row_mm, -column_mm, 1
    return affine


def write_request(folder: Path, device: str, volume: Volume | None) -> None:
    """Write what a program is asked: about itself, or for the discs of a volume."""
    request: dict[str, object] = {"format": FORMAT, "task": "detect" if volume else "about", "device": device}
    if volume is not None:
        np.save(folder / "volume.npy", np.ascontiguousarray(volume.voxels, np.float32))
        request["spacing_mm"] = list(volume.spacing_mm)
        request["affine"] = volume_affine(volume.spacing_mm).tolist()
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")


def read_answer(folder: Path, kind: type[AnswerT], title: str) -> AnswerT:
    """Read `answer.json` strictly.

    Raises:
        UnusableAnswer: it is missing or breaks a rule.
    """
    try:
        return kind.model_validate_json(_content(folder))
    except OSError as error:
        raise UnusableAnswer(title, "answer.json is missing or too large") from error
    except ValidationError as error:
        raise UnusableAnswer(title, _first_fault(error)) from None  # its text quotes the value


def said_why(folder: Path) -> str:
    """Give what a program that failed says of it; empty where it says nothing."""
    try:
        return _Failed.model_validate_json(_content(folder)).failed
    except (OSError, ValidationError):
        return ""


def read_array(folder: Path, name: str, kinds: str, title: str) -> npt.NDArray[np.generic] | None:
    """Read an array of one of some kinds (`numpy.dtype.kind`); None where there is no such file.

    Raises:
        UnusableAnswer: the file holds no array of these kinds.
    """
    path = folder / name
    if not path.exists():
        return None
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise UnusableAnswer(title, f"{name} is no array") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in kinds:
        raise UnusableAnswer(title, f"{name} holds another kind of values")
    return array


def _content(folder: Path) -> bytes:
    path = folder / "answer.json"
    if path.stat().st_size > _LARGEST:
        raise OSError
    return path.read_bytes()


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    place = ".".join(str(step) for step in fault["loc"] if isinstance(step, int) or step.isidentifier())
    return f"{place or 'answer.json'}: {fault['msg']}"
