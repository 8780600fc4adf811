"""Names that people give discs, and the disc that such a name belongs to when other images come."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.images.detectors.protocol import DetectedDiscs, LocatedDisc
from pipeline.images.numbering import NO_LEVELS, NamedDisc, Naming, Numbering, Point, apply_numbering, name_discs
from pipeline.images.series import choose_series
from pipeline.images.stacks import Stack
from pipeline.images.volume import Volume
from tests.pipeline.images.phantom import COLUMNS, PIXEL, ROWS, SPACING, headers, positions

COUNTED = ("L3-L4", "L4-L5", "L5-S1")
STEP = 35.0  # mm between discs


def found(*levels: str | None) -> DetectedDiscs:
    discs = tuple(LocatedDisc(level, (5.0, 30.0 * i, 50.0), 0.0, 34.0, 0.9) for i, level in enumerate(levels))
    return DetectedDiscs(discs, levels[0] is not None, "counted up from the sacrum")


def places(count: int) -> list[Point]:
    return [(0.0, 20.0, -STEP * i) for i in range(count)]


def seen(disc: int, *, lower: float = 0.0, across: float = 0.0) -> NamedDisc:
    """The disc that a person saw, so far lower and to the left of where that one is found now."""
    x, y, z = places(disc + 1)[-1]
    return NamedDisc("1.2", (x + across, y, z - lower))


def levels_of(discs: DetectedDiscs) -> tuple[str | None, ...]:
    return tuple(disc.level for disc in discs.discs)


@pytest.mark.parametrize(
    ("counted", "numbering", "expected", "reason"),
    [
        pytest.param(COUNTED, Numbering(), COUNTED, "counted up from the sacrum", id="nobody says anything"),
        pytest.param(
            COUNTED,
            Numbering("L4-L5", seen(2)),
            ("L2-L3", "L3-L4", "L4-L5"),
            "named by a person, the lowest disc as L4-L5",
            id="a person shifts",
        ),
        pytest.param((None, None), Numbering("L5-S1", seen(1)), ("L4-L5", "L5-S1"), "named by a person", id="a person"),
        pytest.param(
            COUNTED,
            Numbering("L4-L5", seen(1, lower=7, across=-9)),
            COUNTED,
            "counted from what a person named L4-L5",
            id="a lower disc is seen since",
        ),
        pytest.param(
            COUNTED,
            Numbering("L5-S1", seen(2, lower=9)),
            (None,) * 3,
            "a person named discs of other images",
            id="no disc lies there",
        ),
        pytest.param(
            COUNTED, Numbering("L5-S1"), (None,) * 3, "a person named discs of other images", id="an unknown disc"
        ),
        pytest.param(
            COUNTED, Numbering("L5-S1", seen(0)), (None,) * 3, "2 discs do not fit below L5-S1", id="too many below"
        ),
        pytest.param(COUNTED, Numbering(lowest=NO_LEVELS), (None,) * 3, "a person says", id="a person withholds"),
        pytest.param(
            COUNTED, Numbering("C3-C4", seen(2)), (None,) * 3, "3 discs do not fit above C3-C4", id="impossible names"
        ),
        pytest.param(COUNTED, Numbering(doubt="the report says L6"), (None,) * 3, "the report says L6", id="a doubt"),
        pytest.param(
            COUNTED,
            Numbering("L5-S1", seen(2), doubt="the report says L6"),
            COUNTED,
            "named by a person",
            id="a person knows better than a report",
        ),
    ],
)
def test_what_people_say_goes_before_what_was_counted(
    counted: tuple[str | None, ...], numbering: Numbering, expected: tuple[str | None, ...], reason: str
) -> None:
    settled = apply_numbering(found(*counted), numbering, places(len(counted)))

    assert levels_of(settled) == expected
    assert settled.levels_known == (expected[0] is not None)
    assert reason in settled.reason


@pytest.mark.parametrize(
    ("passed", "reason"),
    [
        pytest.param(replace(found(None, None), gap="a disc is not seen"), "a disc is not seen", id="it is not seen"),
        pytest.param(found("L3-L4", "L5-S1"), "no disc is given between L3-L4 and L5-S1", id="it is not named"),
    ],
)
def test_a_person_s_name_for_a_disc_does_not_reach_beyond_a_disc_that_is_missing(
    passed: DetectedDiscs, reason: str
) -> None:
    settled = apply_numbering(passed, Numbering("L4-L5", seen(1)), places(2))

    assert levels_of(settled) == (None, None)
    assert settled.reason == f"levels unknown: {reason}, so none can be counted from L4-L5"


def test_a_study_without_discs_stays_without() -> None:
    nothing = DetectedDiscs((), levels_known=False, reason="no spine")

    assert apply_numbering(nothing, Numbering(lowest="L5-S1")) == nothing


def scanned(top: float, uid: str, frame: str) -> tuple[Stack, Volume]:
    """A scan of three discs, whose upper edge lies at that height."""
    (judged,) = choose_series(headers(positions(top=top), uid=uid, frame_of_reference=frame)).series
    stack, voxels = judged.stack, np.zeros((11, ROWS, COLUMNS), np.float32)
    assert stack is not None
    planes = tuple(image.plane for image in stack.images if image.plane)
    return stack, Volume(voxels, (SPACING, PIXEL, PIXEL), planes, tuple(image.instance_uid for image in stack.images))


def lying(rows: tuple[float, ...]) -> DetectedDiscs:
    discs = tuple(LocatedDisc(None, (5.0, row, 8.0), 0.0, 34.0, 0.9) for row in rows)
    return DetectedDiscs(discs, levels_known=False, reason="levels unknown: the sacrum is not in view")


@pytest.mark.parametrize(
    ("uid", "frame", "expected"),
    [
        pytest.param("2.25.2", "", ("L2-L3", "L3-L4", "L4-L5"), id="the same series"),
        pytest.param("2.25.6", "2.25.4", ("L2-L3", "L3-L4", "L4-L5"), id="another in the same frame of reference"),
        pytest.param("2.25.6", "2.25.44", (None,) * 3, id="another in another frame of reference"),
        pytest.param("2.25.6", "", (None,) * 3, id="another without a frame of reference"),
    ],
)
def test_a_name_keeps_to_its_disc_when_a_lower_station_is_read(
    uid: str, frame: str, expected: tuple[str | None, ...]
) -> None:
    upper = headers(positions(top=120.0), frame_of_reference=frame and "2.25.4")
    stack, volume = scanned(85.0, uid, frame)
    choice = choose_series([*upper, *(stack.images if uid != "2.25.2" else ())])
    named = Numbering("L3-L4", NamedDisc("2.25.2", (0.0, 0.0, 0.0)))  # 85 mm below the lower station's edge

    settled = name_discs(lying((5.0, 8.5, 12.0)), Naming(named, choice), stack, volume)

    assert levels_of(settled) == expected
