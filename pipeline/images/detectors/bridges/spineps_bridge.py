"""Runs SPINEPS, with VERIDAH's names, for Spinelabel: `python spineps_bridge.py FOLDER`.

Tried against the PyPI package spineps 2.1.3 with drawn masks in the place of its networks: the calls, the orientation
of its masks, and a disc's number in the vertebra mask, which is that of the vertebra above it plus 100, as in its
README. Not tried with its own weights or with VERIDAH's names.
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
DISCS = list(range(102, 125))  # C2-C3 to L5-S1, in the order of VERTEBRAE
SACRUM = 26
EXTRA = {25: "a sixth lumbar vertebra", 28: "a thirteenth thoracic vertebra"}
EXTRA_DISCS = (125, 128)


def about() -> dict[str, Any]:
    """Say which package this is."""
    import spineps

    return {"format": 1, "package": spineps.__name__, "version": metadata.version("spineps")}


def detect(folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Segment the volume in a folder and name the discs of the label map."""
    import nibabel
    from spineps.get_models import get_instance_model, get_labeling_model, get_semantic_model
    from spineps.seg_enums import ErrCode
    from spineps.seg_run import segment_image
    from TPTBox import BIDS_FILE

    affine = np.array(request["affine"])
    path = folder / "sub-volume_T2w.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.load(folder / "volume.npy"), affine), path)
    on_cpu = request["device"] == "cpu"
    outcome = segment_image(
        BIDS_FILE(str(path), dataset=str(folder)),
        model_semantic=get_semantic_model("t2w", use_cpu=on_cpu).load(),
        model_instance=get_instance_model("instance", use_cpu=on_cpu).load(),
        model_labeling=get_labeling_model("t2w_labeling", use_cpu=on_cpu).load(),
        auto_crop_to_spine=False,  # it would need the weights of a further network
        ignore_compatibility_issues=True,
        return_output_instead_of_save=True,
    )
    if outcome[-1] == ErrCode.EMPTY:
        return answered(set())
    if outcome[-1] != ErrCode.OK:
        return {"format": 1, "failed": f"SPINEPS ends with {outcome[-1].name}"}
    mask = outcome[1]
    labels = mask.get_seg_array().astype(np.int16)
    np.save(folder / "labels.npy", labels)
    to_volume = np.linalg.inv(affine) @ mask.affine
    return {**answered(set(np.unique(labels).tolist())), "to_volume": to_volume.tolist()}


def answered(numbers: set[int]) -> dict[str, Any]:
    """Name the discs among the numbers of a label map."""
    known, doubtful, reason = named(numbers)
    discs = [
        {
            "level": f"{VERTEBRAE[i]}-{VERTEBRAE[i + 1]}" if known else None,
            "confidence": None,
            "label": number,
        }
        for i, number in enumerate(DISCS)
        if number in numbers
    ]
    discs += [{"level": None, "confidence": None, "label": number} for number in EXTRA_DISCS if number in numbers]
    sure = {"levels_known": known and bool(discs), "doubtful": doubtful, "reason": reason}
    return {"format": 1, **sure, "discs": discs}


def named(numbers: set[int]) -> tuple[bool, bool, str]:
    """Tell whether names can be given, whether they are in doubt, and why."""
    for extra, words in EXTRA.items():
        if extra in numbers or extra + 100 in numbers:
            return False, True, f"SPINEPS sees {words}"
    if SACRUM not in numbers or DISCS[-1] not in numbers:
        return False, False, "the sacrum is not in view"
    return True, False, "counted up from the sacrum by SPINEPS"


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
