"""Runs TotalSpineSeg for Spinelabel: `python totalspineseg_bridge.py FOLDER`.

Tried against the PyPI package totalspineseg 20260807 with drawn label maps in the place of its two networks: the call,
the place and orientation of its output, and its label numbers, which are also those of its README. Not tried with its
own weights. They are not downloaded from here: `inference` fails where they are missing.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from functools import partial
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import numpy as np

VERTEBRAE = [*(f"C{i}" for i in range(2, 8)), *(f"T{i}" for i in range(1, 13)), *(f"L{i}" for i in range(1, 6)), "S1"]
DISCS = [*range(63, 68), *range(71, 83), *range(91, 96), 100]  # C2-C3 to L5-S1, in the order of VERTEBRAE
SACRUM = 50
SIXTH_LUMBAR = (46, 96)  # the vertebra and its disc


def about() -> dict[str, Any]:
    """Say which package this is."""
    import totalspineseg

    return {"format": 1, "package": totalspineseg.__name__, "version": metadata.version("totalspineseg")}


def detect(folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Segment the volume in a folder and name the discs of the label map."""
    import nibabel
    import torch
    from totalspineseg import ZIP_URLS, models
    from totalspineseg.inference import inference

    affine = np.array(request["affine"])
    nibabel.save(nibabel.Nifti1Image(np.load(folder / "volume.npy"), affine), folder / "volume.nii.gz")
    weights = os.environ.get("TOTALSPINESEG_DATA")
    segmented = folder / "segmented"
    segment = partial(
        inference,
        input_path=folder / "volume.nii.gz",
        output_path=segmented,
        data_path=Path(weights) if weights else Path(str(resources.files(models))),
        default_release=next(iter(ZIP_URLS.values())).split("/")[-2],
        device=torch.device(request["device"]),
        keep_only=["step2_output"],
        max_workers=1,
        max_workers_nnunet=1,
        quiet=True,
    )
    try:
        segment()
    except ValueError:
        if not found_nothing(segmented):
            raise
        return answered(set())
    image = nibabel.load(segmented / "step2_output" / "volume.nii.gz")
    labels = np.asanyarray(image.dataobj).round().astype(np.int16)
    np.save(folder / "labels.npy", labels)
    to_volume = np.linalg.inv(affine) @ image.affine
    return {**answered(set(np.unique(labels).tolist())), "to_volume": to_volume.tolist()}


def found_nothing(segmented: Path) -> bool:
    """Tell whether the first network ran and showed no spine, or nothing to count discs from."""
    has_run = any((segmented / "step1_raw").glob("*.nii.gz"))
    return has_run and not any((segmented / "step1_output").glob("*.nii.gz"))


def answered(numbers: set[int]) -> dict[str, Any]:
    """Name the discs among the numbers of a label map."""
    found = [i for i, number in enumerate(DISCS) if number in numbers]
    known, doubtful, reason = named(numbers)
    discs = [
        {
            "level": f"{VERTEBRAE[i]}-{VERTEBRAE[i + 1]}" if known else None,
            "confidence": None,
            "label": DISCS[i],
        }
        for i in found
    ]
    if SIXTH_LUMBAR[1] in numbers:
        discs.append({"level": None, "confidence": None, "label": SIXTH_LUMBAR[1]})
    sure = {"levels_known": known and bool(discs), "doubtful": doubtful, "reason": reason}
    return {"format": 1, **sure, "discs": discs}


def named(numbers: set[int]) -> tuple[bool, bool, str]:
    """Tell whether names can be given, whether they are in doubt, and why."""
    if not numbers.isdisjoint(SIXTH_LUMBAR):
        return False, True, "TotalSpineSeg sees a sixth lumbar vertebra"
    if SACRUM not in numbers or DISCS[-1] not in numbers:
        return False, False, "the sacrum is not in view"
    return True, False, "counted up from the sacrum by TotalSpineSeg"


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
