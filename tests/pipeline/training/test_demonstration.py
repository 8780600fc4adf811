import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from config.conditions import DISC_LEVELS
from pipeline.training import demonstration
from pipeline.training.demonstration import DemonstrationPlan, fit_demonstration
from pipeline.training.encoded_scans import ScanReader
from pipeline.training.scan_discs import NO_LEVELS, LabelledDiscs, ScanDiscs, StudyDiscs
from pipeline.training.spine_anatomy import DRAWN_LEVELS
from tests.pipeline.training.labelled_studies import CoarseEncoder, FixedDetector

PLAN = DemonstrationPlan(fitted=20, calibrated=20, held_out=20, first=0)


def test_the_card_tells_how_many_of_the_held_out_studies_were_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unread = PLAN.seeds[2][:4]

    def read(_reader: ScanReader, seed: int, _kept: Path, _progress: Callable[[int], None]) -> LabelledDiscs:
        rng = np.random.default_rng(seed)
        levels = (None if seed in unread else level for level in DISC_LEVELS)
        scan = ScanDiscs(tuple(levels), rng.random((len(DISC_LEVELS), 4), np.float32))
        answers = {(name, level): seed % 2 == 0 for name in DRAWN_LEVELS for level in (None, "L4-L5")}
        return LabelledDiscs(str(seed), StudyDiscs(scan, scan), answers)

    monkeypatch.setattr(demonstration, "_read", read)

    fit_demonstration(ScanReader(FixedDetector(), CoarseEncoder()), PLAN, (tmp_path, tmp_path), lambda _seed: None)

    figures = json.loads((tmp_path / "demonstration.json").read_text())["held_out"]
    assert figures
    assert all((each["n"], each["left_out"]) == (16, {NO_LEVELS: 4}) for each in figures.values())
