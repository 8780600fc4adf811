"""Which other scans of a study are asked for the anchor, and what one that cannot be read costs."""

from pathlib import Path

import pytest

from pipeline.images.companions import choose_companions
from pipeline.images.detectors.protocol import DetectedDiscs, LocatedDisc
from pipeline.images.errors import DetectorTooSlow
from pipeline.images.headers import ImageHeader
from pipeline.images.reader import ImageReader
from pipeline.images.reading import read_study
from pipeline.images.series import choose_series
from pipeline.images.volume import Volume
from tests.pipeline.images.phantom import headers, mr_image, positions, save_all

CHOSEN = headers(positions(top=120.0), uid="2.25.20")


def companions_of(*others: list[ImageHeader]) -> list[str]:
    choice = choose_series([*CHOSEN, *(image for images in others for image in images)])
    assert choice.stack is not None
    assert choice.stack.images[0].series_uid == "2.25.20"
    return [stack.images[0].series_uid for stack in choose_companions(choice)]


def localizer(top: float, uid: str = "2.25.30", count: int = 3, **changes: object) -> list[ImageHeader]:
    return headers(positions(count, top), uid=uid, **{"echo_time": 5.0, "repetition_time": 20.0} | changes)


def test_one_that_reaches_down_and_one_that_reaches_up_are_asked() -> None:
    assert companions_of(localizer(60.0), localizer(200.0, uid="2.25.31")) == ["2.25.30", "2.25.31"]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(localizer(120.0), id="it shows no more"),
        pytest.param(localizer(60.0, frame_of_reference="2.25.5"), id="another frame of reference"),
        pytest.param(localizer(60.0, count=2), id="two slices"),
        pytest.param(localizer(60.0, modality="CT"), id="another modality"),
    ],
)
def test_a_scan_that_cannot_help_is_not_asked(other: list[ImageHeader]) -> None:
    assert companions_of(other) == []


def test_a_t2_is_asked_before_a_localizer_that_reaches_further() -> None:
    lower = headers(positions(top=60.0), uid="2.25.31", fat_suppressed=True)

    assert companions_of(localizer(50.0), lower) == ["2.25.31"]


class FailingOnLocalizers:
    """Finds one disc in a full stack, and fails on one of three slices."""

    name = "stand-in"

    def detect(self, volume: Volume) -> DetectedDiscs:
        """Find the disc, or fail."""
        if len(volume.voxels) == 3:
            raise DetectorTooSlow("Stand-in", 5)
        disc = LocatedDisc("L5-S1", (5.0, 12.0, 8.0), 0.0, 34.0, 0.9)
        return DetectedDiscs((disc,), levels_known=True, reason="counted")


def test_a_detector_that_fails_on_another_scan_costs_nothing_but_its_help(tmp_path: Path) -> None:
    images = []
    for uid, top, count in (("2.25.20", 120.0, 11), ("2.25.30", 60.0, 3)):
        for number, place in enumerate(positions(count, top), 1):
            ds = mr_image(number, place)
            ds.SeriesInstanceUID, ds.SOPInstanceUID, ds.FrameOfReferenceUID = uid, f"{uid}.{number}", "2.25.4"
            ds.SeriesDescription = "LOCALIZER" if count == 3 else "SAG T2"
            images.append(ds)

    reading = read_study(ImageReader(FailingOnLocalizers(), None, "test"), save_all(images, tmp_path), ())

    assert (reading.levels_known, [disc.level for disc in reading.discs]) == (True, ["L5-S1"])
    assert reading.levels_reason.startswith("counted; LOCALIZER could not be read: Stand-in gave no answer within 5 s")
