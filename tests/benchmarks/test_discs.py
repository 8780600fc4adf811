from pathlib import Path

import pytest

from benchmarks import discs
from pipeline.images.detectors.protocol import DetectedDiscs
from pipeline.images.volume import Volume
from pipeline.training.held_out.study import HeldOutStudy, draw_held_out


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

    discs.write_pictures(["plain lumbar"], 4000, tmp_path)

    assert drawn == [4000, 4001]
    assert (tmp_path / "plain-lumbar.png").stat().st_size > 0
