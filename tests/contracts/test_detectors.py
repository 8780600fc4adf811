"""What every detector keeps to: run over the embedded one, and over a stand-in for a program of another project."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.images.detectors.embedded import load_detector
from pipeline.images.detectors.external import ExternalDetector
from pipeline.images.detectors.protocol import DetectedDiscs, Detector
from pipeline.images.series import choose_series, read_headers
from pipeline.images.volume import Volume, load_volume
from pipeline.training.drawn_studies import drawn_study
from tests.peers.detector import BRIGHT_BARS, bars_volume, stand_in
from tests.pipeline.images.phantom import save_all


@dataclass(frozen=True)
class Subject:
    """A detector with a volume whose discs it finds and names; `mm` is how well it must follow a shift."""

    detector: Detector
    spine: Volume
    mm: float


def embedded(folder: Path) -> Subject:
    images, _ = read_headers(save_all(drawn_study(41, {}).datasets, folder))
    stack = choose_series(images).stack
    assert stack is not None
    return Subject(load_detector(), load_volume(stack), 2.0)


def program(folder: Path) -> Subject:
    return Subject(ExternalDetector(stand_in(folder, BRIGHT_BARS), "stand-in"), bars_volume(), 0.1)


@pytest.fixture(scope="module", params=[embedded, program], ids=["embedded", "a program of its own"])
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    make: Callable[[Path], Subject] = request.param
    return make(tmp_path_factory.mktemp("detector"))


def voxels_changed(volume: Volume, change: Callable[[np.ndarray], np.ndarray]) -> Volume:
    return replace(volume, voxels=np.ascontiguousarray(change(volume.voxels)))


def centres_mm(found: DetectedDiscs, volume: Volume) -> np.ndarray:
    return np.array([disc.centre for disc in found.discs]) * volume.spacing_mm


def test_an_empty_scan_gives_no_discs(subject: Subject) -> None:
    found = subject.detector.detect(voxels_changed(subject.spine, np.zeros_like))

    assert (found.discs, found.levels_known) == ((), False)
    assert found.reason


def test_a_spine_with_its_sacrum_has_discs_with_names_from_head_to_foot(subject: Subject) -> None:
    found = subject.detector.detect(subject.spine)

    assert found.levels_known
    assert [disc.level for disc in found.discs][-3:] == ["L3-L4", "L4-L5", "L5-S1"]
    rows = [disc.centre[1] for disc in found.discs]
    assert rows == sorted(rows)


def test_no_anchor_in_view_gives_discs_without_names_and_the_reason(subject: Subject) -> None:
    last = subject.detector.detect(subject.spine).discs[-2]
    cut = int(last.centre[1])

    found = subject.detector.detect(voxels_changed(subject.spine, lambda voxels: voxels[:, :cut]))

    assert found.discs
    assert not found.levels_known
    assert {disc.level for disc in found.discs} == {None}
    assert found.reason.startswith("levels unknown: ")


def test_a_shifted_scan_gives_shifted_discs(subject: Subject) -> None:
    rows, columns = 6, 9
    shifted = voxels_changed(
        subject.spine,
        lambda voxels: np.pad(voxels, ((0, 0), (rows, 0), (columns, 0)), mode="edge")[:, :-rows, :-columns],
    )
    there, here = (subject.detector.detect(volume) for volume in (subject.spine, shifted))

    step = np.array([0, rows, columns]) * subject.spine.spacing_mm
    moved = centres_mm(here, shifted)[-5:] - centres_mm(there, subject.spine)[-5:]
    assert np.abs(moved - step)[:, 1:].max() < subject.mm


def test_a_mirrored_scan_gives_mirrored_discs(subject: Subject) -> None:
    mirrored = voxels_changed(subject.spine, lambda voxels: voxels[::-1])
    there, here = (subject.detector.detect(volume) for volume in (subject.spine, mirrored))

    last = len(subject.spine.voxels) - 1
    pairs = zip(there.discs[-5:], here.discs[-5:], strict=True)
    assert max(abs(last - one.centre[0] - other.centre[0]) for one, other in pairs) < 0.6
