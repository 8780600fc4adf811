"""Stand-ins for detectors of other projects: small programs that speak the same files. None is such a package."""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.images.detectors.program import Program
from pipeline.images.volume import Volume

_HEAD = """
import json, os, signal, sys, threading
from pathlib import Path

def end_with_asker():
    while os.read(0, 4096):
        pass
    os.killpg(0, signal.SIGKILL)

threading.Thread(target=end_with_asker, daemon=True).start()

folder = Path(sys.argv[1])
request = json.loads((folder / "request.json").read_text())

def answer(**values):
    (folder / "answer.json").write_text(json.dumps({"format": 1, **values}))

if request["task"] == "about":
    answer(package="stand-in", version="1.2")
    sys.exit()
"""

BRIGHT_BARS = """
import numpy as np
from scipy import ndimage
volume = np.load(folder / "volume.npy")
labels, count = ndimage.label(np.round(volume) == 500)
np.save(folder / "labels.npy", labels)
known = bool((volume > 900).any())
names = [f"L{i}-L{i + 1}" for i in range(1, 5)] + ["L5-S1"]
names = names[len(names) - count:] if known else [None] * count
down = sorted(range(1, count + 1), key=lambda number: np.argwhere(labels == number)[:, 1].mean())
discs = [{"level": name, "confidence": None, "label": number} for name, number in zip(names, down)]
answer(levels_known=known, reason="counted up from the block" if known else "the block is not in view", discs=discs,
       to_volume=np.eye(4).tolist())
"""
"""Takes bars of 500 for discs, and a block of more than 900 for the sacrum."""


def stand_in(folder: Path, body: str, timeout_seconds: float = 60) -> Program:
    """Write a program whose answer about itself is given, and whose answer about discs `body` writes."""
    script = folder / "stand_in.py"
    script.write_text(_HEAD + body, encoding="utf-8")
    return Program("Stand-in", Path(sys.executable), script, "cpu", timeout_seconds, folder)


def stand_in_interpreter(folder: Path, body: str) -> Path:
    """Write an interpreter that runs a stand-in whatever program it is given, as a site's settings would name it."""
    program = stand_in(folder, body)
    interpreter = folder / "python"
    interpreter.write_text(f'#!/bin/sh\nexec "{program.python}" "{program.script}" "$2"\n', encoding="utf-8")
    interpreter.chmod(0o755)
    return interpreter


def bars_volume(discs: int = 5) -> Volume:
    """Draw a volume that the stand-in for bright bars reads: tilted bars, and a block below the last."""
    slices, rows, columns = np.mgrid[:11, :260, :180].astype(np.float64)
    voxels: npt.NDArray[np.float64] = np.full(slices.shape, 50.0)
    for i in range(discs):
        down, along = (rows - 40 - 32 * i) * 0.9, (columns - 90) * 0.9
        tilt = 0.1 * (i - 1)
        across = np.abs(down * np.cos(tilt) - along * np.sin(tilt))
        inside = (np.abs(slices - 5) < 3.5) & (across < 4.5) & (np.abs(along * np.cos(tilt) + down * np.sin(tilt)) < 18)
        voxels[inside] = 500
    voxels[4:7, 195:215, 80:100] = 1000
    return Volume(voxels.astype(np.float32), (4.4, 0.9, 0.9), (), ())
