import pytest

from pipeline.images.detectors.protocol import DetectedDiscs, LocatedDisc
from pipeline.images.numbering import NO_LEVELS, Numbering, apply_numbering

COUNTED = ("L3-L4", "L4-L5", "L5-S1")


def found(*levels: str | None) -> DetectedDiscs:
    discs = tuple(LocatedDisc(level, (5.0, 30.0 * i, 50.0), 0.0, 34.0, 0.9) for i, level in enumerate(levels))
    return DetectedDiscs(discs, levels[0] is not None, "counted up from the sacrum")


def levels_of(discs: DetectedDiscs) -> tuple[str | None, ...]:
    return tuple(disc.level for disc in discs.discs)


@pytest.mark.parametrize(
    ("counted", "numbering", "expected", "reason"),
    [
        pytest.param(COUNTED, Numbering(), COUNTED, "counted up from the sacrum", id="nobody says anything"),
        pytest.param(
            COUNTED, Numbering(lowest="L4-L5"), ("L2-L3", "L3-L4", "L4-L5"), "named by a person", id="a person shifts"
        ),
        pytest.param((None, None), Numbering(lowest="L5-S1"), ("L4-L5", "L5-S1"), "named by a person", id="a person"),
        pytest.param(COUNTED, Numbering(lowest=NO_LEVELS), (None,) * 3, "a person says", id="a person withholds"),
        pytest.param(
            COUNTED, Numbering(lowest="C3-C4"), (None,) * 3, "3 discs do not fit above C3-C4", id="impossible names"
        ),
        pytest.param(COUNTED, Numbering(doubt="the report says L6"), (None,) * 3, "the report says L6", id="a doubt"),
        pytest.param(
            COUNTED,
            Numbering(lowest="L5-S1", doubt="the report says L6"),
            COUNTED,
            "named by a person",
            id="a person knows better than a report",
        ),
    ],
)
def test_what_people_say_goes_before_what_was_counted(
    counted: tuple[str | None, ...], numbering: Numbering, expected: tuple[str | None, ...], reason: str
) -> None:
    settled = apply_numbering(found(*counted), numbering)

    assert levels_of(settled) == expected
    assert settled.levels_known == (expected[0] is not None)
    assert reason in settled.reason


def test_a_study_without_discs_stays_without() -> None:
    nothing = DetectedDiscs((), levels_known=False, reason="no spine")

    assert apply_numbering(nothing, Numbering(lowest="L5-S1")) == nothing
