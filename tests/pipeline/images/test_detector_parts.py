"""Peaks, chain and names on maps made by hand, without the network."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.images.detectors.axis import drop_above_axis
from pipeline.images.detectors.chain import chain_discs
from pipeline.images.detectors.levels import name_chain
from pipeline.images.detectors.network import GRID_MM, HALF_WIDTH_SCALE, HEATS, REGIONS, SHAPES
from pipeline.images.detectors.peaks import Candidate, find_peaks, join_peaks

SIZE = (140, 100)


def candidate(row: float, column: float = 100.0, **changes: float) -> Candidate:
    disc = Candidate((row, column), 20.0, 0.9, (0.0, -1.0), 17.0, 0.0)
    return replace(disc, **changes)  # type: ignore[arg-type]


def lumbar(lowest: float = 0.9) -> list[Candidate]:
    """Six discs 35 mm apart; the last looks like L5-S1."""
    rows = [30.0 + 35.0 * i for i in range(6)]
    return [candidate(row) for row in rows[:-1]] + [candidate(rows[-1], lowest=lowest)]


def maps(**spots: tuple[float, float]) -> np.ndarray:
    """One slice's maps with a warm spot (row, column in mm) in each heat map named; S1_ stands for nothing."""
    layers = np.zeros((1, len(HEATS) + len(SHAPES) + len(REGIONS), *SIZE), np.float32)
    grid = np.mgrid[: SIZE[0], : SIZE[1]] * GRID_MM + 0.5
    for name, (row, column) in spots.items():
        heat = np.exp(-((grid[0] - row) ** 2 + (grid[1] - column) ** 2) / 20)
        layers[0, HEATS.index(name)] = np.maximum(layers[0, HEATS.index(name)], heat)
    return layers


@given(row=st.floats(30, 240), column=st.floats(30, 160))
def test_a_warm_spot_is_a_peak_at_its_place(row: float, column: float) -> None:
    layers = maps(disc=(row, column))
    layers[0, len(HEATS) : len(HEATS) + len(SHAPES)] = np.array([-0.8, 0.6, 17 / HALF_WIDTH_SCALE])[:, None, None]

    (peak,) = find_peaks(layers, [4.4])

    assert peak.place == pytest.approx((row, column), abs=1.0)
    assert peak.anterior == pytest.approx((0.6, -0.8), abs=1e-3)
    assert [peak.half_width, peak.lateral] == pytest.approx([17, 4.4])


@pytest.mark.parametrize("row", [-3.0, 0.5, 2 * SIZE[0] - 1.5, 2 * SIZE[0] + 2.0])
def test_a_disc_whose_middle_lies_beyond_the_picture_is_no_peak(row: float) -> None:
    assert find_peaks(maps(disc=(row, 100.0)), [0.0]) == ()


def test_peaks_of_one_disc_on_neighbouring_slices_are_one_candidate() -> None:
    layers = np.concatenate([maps(disc=(100.0, 80.0)), maps(disc=(101.0, 81.0)), maps(disc=(150.0, 80.0))])

    found = join_peaks(find_peaks(layers, [0.0, 4.4, 8.8]), 3)

    assert [round(item.place[0]) for item in found] == [100, 150]


@given(order=st.permutations(range(6)))
def test_candidates_in_any_order_give_the_chain_from_head_to_foot(order: list[int]) -> None:
    discs = lumbar()

    assert chain_discs([discs[i] for i in order]) == tuple(discs)


def test_a_spot_beside_the_spine_is_not_in_the_chain() -> None:
    stray = candidate(130.0, 185.0, heat=0.4)

    assert stray not in chain_discs([*lumbar(), stray])


def test_a_disc_passed_over_is_put_in_without_heat() -> None:
    discs = lumbar()

    chain = chain_discs(discs[:3] + discs[4:])

    assert [round(disc.place[0]) for disc in chain] == [30, 65, 100, 135, 170, 205]
    assert [disc.heat for disc in chain].index(0.0) == 3


def test_levels_are_counted_up_from_the_sacrum() -> None:
    named = name_chain(lumbar(), maps(S1=(225.0, 100.0)))

    assert named.known
    assert named.levels == ("T12-L1", "L1-L2", "L2-L3", "L3-L4", "L4-L5", "L5-S1")


def with_cord(end: float) -> np.ndarray:
    """Maps of a sacrum in view, with a cord that ends at a row in mm and a canal that goes on."""
    layers = maps(S1=(225.0, 100.0))
    regions = len(HEATS) + len(SHAPES)
    column = 120 // 2
    layers[0, regions + REGIONS.index("cord"), : int(end / GRID_MM), column] = 1
    layers[0, regions + REGIONS.index("canal"), :, column] = 1
    return layers


DOUBTS = [
    pytest.param(
        [*lumbar()[:-2], candidate(170.0, lowest=0.6), candidate(205.0, lowest=0.9)],
        maps(S1=(225.0, 100.0)),
        "two discs look like the one on the sacrum",
        id="two lowest discs",
    ),
    pytest.param(
        lumbar(),
        np.repeat(maps(S1=(225.0, 100.0), transition=(225.0, 100.0)), 2, axis=0),
        "looks transitional",
        id="a transitional body",
    ),
    pytest.param(
        lumbar(),
        np.concatenate([maps(S1=(225.0, 100.0), transition=(225.0, 100.0)), *[maps(S1=(225.0, 100.0))] * 5]),
        "",
        id="a body that looks transitional in one slice of six",
    ),
    pytest.param(
        [*lumbar()[:2], candidate(100.0, heat=0.0), *lumbar()[3:]],
        maps(S1=(225.0, 100.0)),
        "a disc is not seen between the discs 5 and 4 from below",
        id="an inferred disc",
    ),
    pytest.param(
        lumbar()[:2] + lumbar()[3:],
        np.maximum(maps(S1=(225.0, 100.0), vertebra=(84.0, 100.0)), maps(vertebra=(116.0, 100.0))),
        "more than one vertebra is seen between the discs 4 and 3 from below",
        id="two vertebrae between two discs",
    ),
    pytest.param(
        lumbar()[:2] + lumbar()[3:],
        maps(S1=(225.0, 100.0)),
        "the distance is too long between the discs 4 and 3 from below",
        id="a long step",
    ),
    pytest.param(lumbar(), with_cord(160.0), "the cord would end near L4-L5", id="a cord that ends too low"),
    pytest.param(lumbar(), with_cord(60.0), "", id="a cord that ends at L1"),
]


@pytest.mark.parametrize(("chain", "layers", "reason"), DOUBTS)
def test_names_are_withheld_where_the_count_is_in_doubt(
    chain: list[Candidate], layers: np.ndarray, reason: str
) -> None:
    named = name_chain(chain, layers)

    assert named.known == (not reason)
    assert named.doubtful == bool(reason)
    assert reason in named.reason


@pytest.mark.parametrize("lowest", [pytest.param(0.2, id="without a sacrum"), pytest.param(0.9, id="with a doubt")])
def test_a_chain_without_names_says_where_it_misses_a_disc(lowest: float) -> None:
    discs = lumbar(lowest)
    beside = maps(S1=(225.0, 100.0), transition=(225.0, 100.0))

    assert name_chain(discs, beside).gap == ""
    assert (
        name_chain(discs[:4] + discs[5:], beside).gap == "the distance is too long between the discs 2 and 1 from below"
    )


def test_what_was_taken_for_a_disc_above_c2_is_left_out() -> None:
    discs = lumbar()

    assert drop_above_axis(discs, maps(C2=(50.0, 100.0))) == tuple(discs[1:])
    assert drop_above_axis(discs, maps()) == tuple(discs)


def test_a_disc_below_the_sacrums_first_body_has_no_place_among_the_discs() -> None:
    named = name_chain([*lumbar(), candidate(232.0)], maps(S1=(220.0, 100.0)))

    assert named.levels[-1] == "L5-S1"
    assert named.discs[-1].place[0] == 205


@pytest.mark.parametrize(
    ("chain", "spots", "reason"),
    [
        pytest.param([], {}, "no discs were found", id="an empty picture"),
        pytest.param(lumbar(lowest=0.2), {}, "the sacrum is not in view", id="no sacrum"),
        pytest.param(lumbar(), {}, "the body of S1 is not seen", id="no body of S1 below"),
        pytest.param(
            [replace(disc, place=(disc.place[0] + 55, 100.0)) for disc in lumbar()],
            {"S1": (275.0, 100.0)},
            "too little is in view",
            id="the picture ends below the last disc",
        ),
        pytest.param(
            lumbar(lowest=0.2), {"C2": (12.0, 100.0)}, "counting down from it is not validated", id="C2 alone"
        ),
        pytest.param(
            lumbar(), {"S1": (225.0, 100.0), "C2": (12.0, 100.0)}, "sacrum and C2 disagree", id="anchors that disagree"
        ),
    ],
)
def test_without_a_sure_anchor_levels_are_unknown_and_the_reason_is_said(
    chain: list[Candidate], spots: dict[str, tuple[float, float]], reason: str
) -> None:
    named = name_chain(chain, maps(**spots))

    assert not named.known
    assert set(named.levels) <= {None}
    assert reason in named.reason
