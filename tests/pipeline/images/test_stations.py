"""Names that come from another scan of the same examination."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pipeline.images.detectors.protocol import DetectedDiscs, LocatedDisc
from pipeline.images.stations import Scan, settle_levels
from pipeline.images.volume import Volume
from tests.pipeline.images.phantom import PIXEL, plane

LEVELS = ("T11-T12", "T12-L1", "L1-L2", "L2-L3", "L3-L4", "L4-L5", "L5-S1")
STEP = 35.0  # mm between discs


def scan(
    name: str,
    first: float,
    levels: tuple[str | None, ...],
    step: float = STEP,
    at: Sequence[int] = (),
    **changes: object,
) -> Scan:
    """A scan of discs counted from T11-T12, of which the first one lies 20 mm below its upper edge.

    `at` are their places from there, one after the other where it is empty.
    """
    top = 120.0 - first * step
    planes = tuple(plane((x, -100.0, top)) for x in (-4.0, 0.0, 4.0))
    volume = Volume(np.zeros((3, 4, 4), np.float32), (4.0, PIXEL, PIXEL), planes, ("1", "2", "3"))
    rows = ((20 + i * step) / PIXEL for i in at or range(len(levels)))
    discs = tuple(LocatedDisc(level, (1.0, row, 9.0), 0.0, 34.0, 0.9) for level, row in zip(levels, rows, strict=True))
    known = bool(levels) and levels[0] is not None
    return Scan(name, volume, replace(DetectedDiscs(discs, known, "as drawn"), **changes))  # type: ignore[arg-type]


UNNAMED = scan("this series", 0, (None,) * 4, reason="levels unknown: the sacrum is not in view")
NAMED = scan("this series", 2, LEVELS[2:])


def test_discs_take_their_names_from_the_scan_that_sees_the_sacrum() -> None:
    settled = settle_levels(UNNAMED, [scan("the localizer", 2, LEVELS[2:])])

    assert tuple(disc.level for disc in settled.discs) == LEVELS[:4]
    assert settled.reason == "counted up from the sacrum, seen on the localizer"


@pytest.mark.parametrize(
    ("chosen", "other", "reason"),
    [
        pytest.param(
            NAMED,
            scan("the localizer", 0, ("T10-T11", *LEVELS[:-1])),
            "the localizer gives other names",
            id="other names",
        ),
        pytest.param(
            UNNAMED,
            scan("the localizer", 2, (None,) * 5, doubtful=True, reason="levels unknown: it looks transitional"),
            "it looks transitional, as the localizer shows",
            id="a doubtful sacrum elsewhere",
        ),
        pytest.param(
            replace(UNNAMED, found=replace(UNNAMED.found, doubtful=True, reason="levels unknown: transitional")),
            scan("the localizer", 2, LEVELS[2:]),
            "levels unknown: transitional",
            id="a doubtful sacrum here",
        ),
        pytest.param(
            NAMED,
            scan("the neck", 0, (None,) * 4, below_axis=True),
            "sacrum and C2 disagree, as the neck shows C2",
            id="C2 elsewhere that does not fit",
        ),
        pytest.param(
            UNNAMED, scan("the localizer", 3, LEVELS[3:]), "the sacrum is not in view", id="one shared disc is too few"
        ),
        pytest.param(UNNAMED, scan("the localizer", 9, LEVELS[2:]), "the sacrum is not in view", id="no shared disc"),
        pytest.param(
            scan("this series", 0, (None,) * 4),
            scan("the localizer", 2, ("C2-C3", "C3-C4", "C4-C5")),
            "more discs than a spine has",
            id="a count beyond the spine",
        ),
        pytest.param(
            scan("this series", 0, (None,) * 4, at=(0, 1, 3, 4), gap="the distance is too long"),
            scan("the localizer", 3, LEVELS[3:]),
            "the distance is too long, so names from the localizer could be one too high or too low",
            id="a disc that is missing here",
        ),
        pytest.param(
            UNNAMED,
            scan("the localizer", 2, ("L1-L2", "L2-L3", "L4-L5", "L5-S1")),
            "the sacrum is not in view",
            id="a disc that the other scan leaves out",
        ),
        pytest.param(
            scan("this series", 0, (None,) * 5, at=(0, 1, 2, 4, 5)),
            scan("the localizer", 1, LEVELS[1:]),
            "the localizer shows another number of discs",
            id="another number of discs",
        ),
        pytest.param(
            scan("this series", 0, (None,) * 4, below_axis=True),
            scan("the localizer", 2, LEVELS[2:]),
            "sacrum and C2 disagree: the disc below C2 would be T11-T12, as the localizer shows",
            id="C2 here that does not fit",
        ),
        pytest.param(
            scan("this series", 0, (None,) * 6, step=16.0, reason="no sacrum"),
            scan("the localizer", 0.4, LEVELS, step=16.0),
            "no sacrum",
            id="a neck that has moved by almost half a step",
        ),
    ],
)
def test_without_agreement_levels_stay_unknown_and_the_reason_is_said(chosen: Scan, other: Scan, reason: str) -> None:
    settled = settle_levels(chosen, [other])

    assert not settled.levels_known
    assert {disc.level for disc in settled.discs} == {None}
    assert reason in settled.reason


def test_a_disagreement_is_not_healed_by_a_third_scan() -> None:
    others = [scan("one", 0, ("T10-T11", *LEVELS[:-1])), scan("another", 2, LEVELS[2:])]

    assert "one gives other names" in settle_levels(NAMED, others).reason


def test_a_scan_that_misses_a_disc_itself_and_sees_no_anchor_casts_no_doubt() -> None:
    other = scan("the neck", 0, (None,) * 5, at=(0, 1, 2, 4, 5), gap="the distance is too long")

    assert settle_levels(NAMED, [other]) == NAMED.found


def test_names_that_agree_stand_where_one_scan_leaves_a_disc_out() -> None:
    other = scan("the localizer", 2, (LEVELS[2], *LEVELS[4:]), at=(0, 2, 3, 4))

    assert settle_levels(NAMED, [other]) == NAMED.found
