"""Runs SpineNet for Spinelabel: `python spinenet_bridge.py FOLDER`.

Tried against the PyPI package spinenet 2.1.4 with weights made at random and drawn vertebrae: the calls, the order of
its polygons' corners, and its gradings, which agree with its own `grade_ivds`. Not tried with its own weights.

SpineNet's DICOM reader is not used, since it orders slices by instance number. Its disc volumes are made of neighbours
in its list of vertebrae, whether or not another vertebra lies between: only discs between vertebrae that follow each
other are kept. It grades T12-L1 to L5-S1 only, so other discs have no grades.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

VERTEBRAE = [*(f"C{i}" for i in range(2, 8)), *(f"T{i}" for i in range(1, 13)), *(f"L{i}" for i in range(1, 6)), "S1"]
GRADED_FROM = VERTEBRAE.index("T12")
OUTPUTS = {
    "CentralCanalStenosis": 2,
    "Spondylolisthesis": 3,
    "ForaminalStenosisLeft": 8,
    "ForaminalStenosisRight": 9,
}
"""Which of the grading network's outputs is which grading, as in spinenet.utils.classification."""
RIGHT_TOP, RIGHT_BOTTOM, LEFT_BOTTOM, LEFT_TOP = range(4)  # corners of a polygon, (column, row); right is posterior


def about() -> dict[str, Any]:
    """Say which package this is."""
    import spinenet

    return {"format": 1, "package": spinenet.__name__, "version": metadata.version("spinenet")}


def detect(folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Find, name, grade and encode the discs of the volume in a folder."""
    from spinenet import SpineNet

    scan = np.ascontiguousarray(np.moveaxis(np.load(folder / "volume.npy"), 0, -1))
    in_plane = request["spacing_mm"][1:]
    network = SpineNet(device="cuda:0" if request["device"] == "cuda" else "cpu", verbose=False)
    vertebrae = find_vertebrae(network, scan, in_plane)
    pairs = neighbours(vertebrae)
    known, doubtful, reason = named([vertebra["predicted_label"] for vertebra in vertebrae])
    discs, encodings = [], []
    for upper, lower in pairs:
        grades, encoding = describe(network, scan, in_plane, [upper, lower])
        level = f"{upper['predicted_label']}-{lower['predicted_label']}" if known else None
        is_graded = VERTEBRAE.index(upper["predicted_label"]) >= GRADED_FROM
        disc = {"level": level, "confidence": None, **placed(upper, lower, in_plane)}
        discs.append({**disc, "grades": grades} if is_graded else disc)
        encodings.append(encoding)
    if encodings:
        np.save(folder / "encodings.npy", np.array(encodings, np.float32))
    sure = {"levels_known": known and bool(discs), "doubtful": doubtful, "reason": reason}
    return {"format": 1, **sure, "discs": discs}


def find_vertebrae(network: Any, scan: Any, in_plane: list[float]) -> list[dict[str, Any]]:
    """Give SpineNet's vertebrae; where it detects none it fails on joining an empty list."""
    if not scan.any():
        return []
    try:
        vertebrae: list[dict[str, Any]] = network.detect_vb(scan, in_plane)
    except (RuntimeError, ValueError) as error:
        if "non-empty list" in str(error):
            return []
        raise
    return vertebrae


def neighbours(vertebrae: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Give the pairs, from head to foot, of vertebrae that follow each other in the spine."""
    down = sorted(vertebrae, key=lambda vertebra: np.mean(np.array(vertebra["average_polygon"])[:, 1]))
    pairs = []
    for i in range(len(down) - 1):
        upper, lower = down[i]["predicted_label"], down[i + 1]["predicted_label"]
        if upper in VERTEBRAE and lower in VERTEBRAE and VERTEBRAE.index(lower) == VERTEBRAE.index(upper) + 1:
            pairs.append((down[i], down[i + 1]))
    return pairs


def named(labels: list[str]) -> tuple[bool, bool, str]:
    """Tell whether names can be given, whether they are in doubt, and why."""
    ours = [label for label in labels if label in VERTEBRAE]
    if len(set(ours)) != len(ours):
        return False, True, "SpineNet gives two vertebrae the same name"
    if "S1" not in ours:
        return False, False, "the sacrum is not in view"
    return True, False, "counted up from the sacrum by SpineNet"


def placed(upper: dict[str, Any], lower: dict[str, Any], in_plane: list[float]) -> dict[str, Any]:
    """Place the disc between two vertebrae by the edges that face each other, on the slice in its middle."""
    middle = np.mean([np.median(vertebra["slice_nos"]) for vertebra in (upper, lower)])
    above, below = (polygon_at(vertebra, round(float(middle))) for vertebra in (upper, lower))
    front = (above[LEFT_BOTTOM] + below[LEFT_TOP]) / 2
    back = (above[RIGHT_BOTTOM] + below[RIGHT_TOP]) / 2
    column, row = (front + back) / 2
    along, down = (back - front) * [in_plane[1], in_plane[0]]
    return {
        "centre": [float(middle), float(row), float(column)],
        "tilt": float(np.arctan2(down, along)),
        "width": float(np.hypot(down, along)),
    }


def polygon_at(vertebra: dict[str, Any], index: int) -> Any:
    """Give a vertebra's corners on a slice, its average where it was not seen there."""
    if index in vertebra["slice_nos"]:
        return np.array(vertebra["polys"][vertebra["slice_nos"].index(index)])
    return np.array(vertebra["average_polygon"])


def describe(network: Any, scan: Any, in_plane: list[float], pair: list[dict[str, Any]]) -> tuple[dict[str, Any], Any]:
    """Give SpineNet's scores of its gradings, and its encoding, for the disc of one pair of vertebrae."""
    import torch

    # Without the argument, as in SpineNet's repository, pixels are taken to be square.
    square = abs(in_plane[0] - in_plane[1]) < 0.01 * in_plane[0]
    spacing = {} if square else {"pixel_spacing": in_plane}
    (disc,) = network.get_ivds_from_vert_dicts(pair, scan, **spacing)
    encoded: list[Any] = []
    hook = network.grading_model.avgpool.register_forward_hook(lambda _model, _given, out: encoded.append(out))
    try:
        with torch.no_grad():
            volume = torch.tensor(disc["volume"])[None, None].float().to(network.device)
            outputs = network.grading_model(volume)
    finally:
        hook.remove()
    grades = {name: outputs[index].flatten().tolist() for name, index in OUTPUTS.items()}
    return grades, encoded[0].flatten().cpu().numpy()


def end_with_asker() -> None:
    """End, with all that was started from here, once nobody holds the other end of our standard input."""
    while os.read(0, 4096):
        pass
    if os.getpgrp() == os.getpid():  # as Spinelabel starts us: nobody else's processes are in our group
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def main() -> int:
    """Answer the request in the folder that the command line names."""
    threading.Thread(target=end_with_asker, daemon=True).start()
    folder = Path(sys.argv[1])
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    try:
        answer = about() if request["task"] == "about" else detect(folder, request)
    except Exception as error:  # noqa: BLE001  # the edge of the process; its text could hold anything
        place = traceback.extract_tb(error.__traceback__)[-1]
        answer = {"format": 1, "failed": f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"}
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")
    return 1 if "failed" in answer else 0


if __name__ == "__main__":
    sys.exit(main())
