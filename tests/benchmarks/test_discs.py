from pathlib import Path

import pytest

from benchmarks import discs
from pipeline.images.detectors.protocol import DetectedDiscs
from pipeline.images.volume import Volume
from pipeline.training.detector_release import FIRST_SEED
from pipeline.training.held_out.study import HeldOutStudy, draw_held_out

DEVELOPED_WITH = range(2000)


class Blind:
    """A detector that finds nothing."""

    name = "blind@sha256:0"

    def detect(self, _volume: Volume) -> DetectedDiscs:
        return DetectedDiscs((), levels_known=False, reason="blind")


def test_pictures_are_of_the_seeds_that_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def draw(seed: int, kind: str) -> HeldOutStudy:
        drawn.append(seed)
        return draw_held_out(seed, kind)

    monkeypatch.setattr(discs, "_detector", Blind)
    monkeypatch.setattr(discs, "draw_held_out", draw)
    monkeypatch.setattr(discs, "_SHOWN", 2)

    discs.write_pictures(["plain lumbar"], 3000, tmp_path)

    assert drawn == [3000, 3001]
    assert (tmp_path / "plain-lumbar.png").stat().st_size > 0


def test_the_seeds_of_a_card_are_none_of_those_developed_with() -> None:
    assert FIRST_SEED not in DEVELOPED_WITH
