"""Which other scans of a study are asked for the anchor."""

import pytest

from pipeline.images.companions import choose_companions
from pipeline.images.headers import ImageHeader
from pipeline.images.series import choose_series
from tests.pipeline.images.phantom import headers, positions

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
