from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from config.conditions import DISC_LEVELS
from pipeline.images.detectors.protocol import DetectedDiscs, LocatedDisc
from pipeline.images.volume import Volume
from pipeline.training.held_out.measuring import judge, summarise, wilson_interval
from pipeline.training.held_out.study import HeldOutStudy, TrueDisc

SPACING = (4.0, 0.5, 0.8)


def study_of(*discs: TrueDisc, sacrum: bool = True, transitional: bool = False) -> HeldOutStudy:
    """Give a study of blank pictures that shows these discs, each drawn about its middle."""
    labels = np.zeros((11, 600, 200), np.uint8)
    for place, disc in enumerate(discs, 1):
        row, column = round(disc.centre[1]), round(disc.centre[2])
        labels[4:7, row - 6 : row + 7, column - 18 : column + 19] = place
    volume = Volume(labels.astype(np.float32), SPACING, (), ())
    return HeldOutStudy("plain lumbar", volume, discs, labels, sacrum, transitional)


def lumbar(count: int = 5) -> tuple[TrueDisc, ...]:
    levels = DISC_LEVELS[-count:]
    return tuple(TrueDisc(level, (5.0, 80.0 + 72 * place, 100.0), sure=True) for place, level in enumerate(levels))


def answer(
    study: HeldOutStudy, change: Callable[[LocatedDisc], LocatedDisc] = lambda disc: disc, *, named: bool = True
) -> DetectedDiscs:
    """Answer with the truth, each disc changed."""
    discs = (LocatedDisc(disc.level if named else None, disc.centre, 0.0, 34.0, 1.0) for disc in study.discs)
    return DetectedDiscs(tuple(change(disc) for disc in discs), named, "" if named else "levels unknown: no anchor")


def moved(disc: LocatedDisc, *, aside: float = 0, down: float = 0, back: float = 0) -> LocatedDisc:
    """Move by mm."""
    between, row_mm, column_mm = SPACING
    x, row, column = disc.centre
    return replace(disc, centre=(x + aside / between, row + down / row_mm, column + back / column_mm))


def test_the_truth_as_an_answer_finds_and_names_all() -> None:
    study = study_of(*lumbar())

    figures = summarise([judge(study, answer(study))])

    assert (figures.share, figures.mean_mm, figures.false) == (1.0, 0.0, 0)
    assert (figures.named, figures.right, figures.wrong, figures.nameable_named) == (1, 1, 0, 1)


def test_errors_are_told_in_mm_in_plane_and_aside() -> None:
    study = study_of(*lumbar())

    figures = summarise([judge(study, answer(study, lambda disc: moved(disc, aside=6, down=3, back=4)))])

    assert figures.share == 1.0
    assert figures.mean_mm == pytest.approx(5)
    assert figures.median_aside_mm == pytest.approx(6)


@pytest.mark.parametrize("shift", [{"down": 9.0}, {"back": 9.0}, {"down": 6.4, "back": 6.4}])
def test_an_answer_nine_mm_away_in_plane_finds_none(shift: dict[str, float]) -> None:
    study = study_of(*lumbar())

    figures = summarise([judge(study, answer(study, lambda disc: moved(disc, **shift)))])

    assert (figures.found, figures.share, figures.false) == (0, 0.0, 5)


def test_names_one_level_off_make_the_study_wrong() -> None:
    study = study_of(*lumbar())

    def off(disc: LocatedDisc) -> LocatedDisc:
        assert disc.level is not None
        return replace(disc, level=DISC_LEVELS[DISC_LEVELS.index(disc.level) - 1])

    figures = summarise([judge(study, answer(study, off))])

    assert (figures.named, figures.right, figures.wrong) == (1, 0, 1)
    assert figures.share == 1.0


def test_one_wrong_name_makes_the_study_wrong() -> None:
    study = study_of(*lumbar())

    judged = judge(study, answer(study, lambda d: replace(d, level="L3-L4") if d.level == "L4-L5" else d))

    assert judged.named
    assert not judged.right


def test_a_name_on_what_is_no_disc_makes_the_study_wrong() -> None:
    study = study_of(*lumbar())
    given = answer(study)
    extra = LocatedDisc("T11-T12", (5.0, 20.0, 20.0), 0.0, 30.0, 1.0)

    judged = judge(study, replace(given, discs=(extra, *given.discs)))

    assert judged.false == 1
    assert not judged.right


def test_two_answers_on_one_disc_are_one_found_and_one_false() -> None:
    study = study_of(*lumbar(1))
    given = answer(study)

    judged = judge(study, replace(given, discs=(*given.discs, moved(given.discs[0], down=2))))

    assert judged.in_plane_mm == (0.0,)
    assert judged.false == 1


@pytest.mark.parametrize("answered", [True, False])
def test_an_unsure_disc_is_neither_missed_nor_false(answered: bool) -> None:
    first, *others = lumbar()
    study = study_of(replace(first, sure=False), *others)
    given = answer(study, lambda disc: moved(disc, back=10) if disc.level == first.level else disc)

    judged = judge(study, given if answered else replace(given, discs=given.discs[1:]))

    assert (judged.discs, len(judged.in_plane_mm), judged.false) == (4, 4, 0)


def test_withheld_names_are_counted_by_their_reason() -> None:
    study = study_of(*lumbar())
    blind = DetectedDiscs((), levels_known=False, reason="no discs were found")

    answers = [answer(study), answer(study, named=False), answer(study, named=False), blind]
    figures = summarise(judge(study, given) for given in answers)

    assert figures.withheld == {"levels unknown: no anchor": 2, "no discs were found": 1}
    assert (figures.named, figures.sacrum, figures.nameable_named) == (1, 4, 1)


def test_names_that_should_have_been_withheld_are_counted() -> None:
    transitional = study_of(*lumbar(), transitional=True)
    unanchored = study_of(*lumbar(), sacrum=False)

    figures = summarise([judge(study, answer(study)) for study in (transitional, unanchored)])

    assert (figures.named_transitional, figures.named_unanchored) == (1, 1)
    assert (figures.sacrum, figures.nameable, figures.nameable_named) == (1, 0, 0)


def test_a_picture_that_stands_upside_down_is_due_nothing_and_each_name_in_it_is_wrong() -> None:
    study = replace(study_of(*lumbar()), upright=False)
    refused = DetectedDiscs((), levels_known=False, reason="the spine stands upside down")

    answers = (answer(study), answer(study, named=False), refused)
    named, unnamed, nothing = (summarise([judge(study, answered)]) for answered in answers)

    assert (named.discs, named.false, named.wrong, named.named_unanchored, named.nameable) == (0, 0, 1, 1, 0)
    for figures in (unnamed, nothing):
        assert (figures.discs, figures.false, figures.wrong) == (0, 0, 0)


def test_false_discs_are_told_for_forty_studies() -> None:
    nothing, disc = study_of(), LocatedDisc(None, (5.0, 50.0, 50.0), 0.0, 30.0, 1.0)
    found = DetectedDiscs((disc,), levels_known=False, reason="no anchor")

    figures = summarise([judge(nothing, found), judge(nothing, DetectedDiscs((), False, "none"))])

    assert (figures.false, figures.false_per_40) == (1, 20.0)
    assert figures.share is None


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (95, 100, 0.8882, 0.9785)],
)
def test_the_interval_of_a_share_is_wilson_s(hits: int, trials: int, low: float, high: float) -> None:
    assert wilson_interval(hits, trials) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("hits", "trials"), [(0, 0), (3, 2), (-1, 4)])
def test_an_impossible_share_is_refused(hits: int, trials: int) -> None:
    with pytest.raises(ValueError, match="at least one trial"):
        wilson_interval(hits, trials)


def test_no_studies_give_no_figures() -> None:
    with pytest.raises(ValueError, match="at least one"):
        summarise([])
