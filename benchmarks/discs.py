"""The disc detector on drawings of another hand: python -m benchmarks.discs [--studies N] [--kinds NAME …] [--json].

The studies come from `pipeline.training.held_out`, which shares nothing with the drawings that the detector is trained
on; they are drawings all the same. `--studies` is for each kind of trouble, with seeds from `--first-seed`.
`--pictures FOLDER` also writes one sheet of pictures for each kind, with the true and the found discs. `--data FOLDER`
measures on the validation part of real, labelled volumes in SPIDER's layout instead.
"""

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import cache
from itertools import product
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.rows import print_rows
from pipeline.images.detectors.embedded import EmbeddedDetector, load_detector
from pipeline.training.detector_release import FIRST_SEED
from pipeline.training.held_out.measuring import Figures, Judged, judge_labelled, judge_seed, summarise
from pipeline.training.held_out.pictures import contact_sheet
from pipeline.training.held_out.plans import KINDS
from pipeline.training.held_out.study import draw_held_out
from pipeline.training.labelled_volumes import LabelledFiles, find_labelled

_SHOWN = 6  # studies on a sheet of pictures


@cache
def _detector() -> EmbeddedDetector:
    return load_detector()


def _judge(asked: tuple[str, int]) -> Judged:
    return judge_seed(_detector(), *asked)


def _judge_labelled(files: LabelledFiles) -> Judged:
    return judge_labelled(_detector(), files)


def measure(kinds: Sequence[str], seeds: range, processes: int) -> dict[str, Figures]:
    """Judge a study of each kind and seed; give the figures by kind, and of all together under "all"."""
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return _by_kind(pool.map(_judge, product(kinds, seeds), chunksize=4))


def measure_labelled(folder: Path, processes: int) -> dict[str, Figures]:
    """Judge the real, labelled volumes of a folder that are for validation."""
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return _by_kind(pool.map(_judge_labelled, find_labelled(folder, "validation")))


def _by_kind(judged: Iterable[Judged]) -> dict[str, Figures]:
    studies = list(judged)
    kinds = dict.fromkeys(study.kind for study in studies)
    figures = {kind: summarise(study for study in studies if study.kind == kind) for kind in kinds}
    return {**figures, "all": summarise(studies)}


def goal_rows(figures: Figures) -> Iterator[dict[str, object]]:
    """Set the figures of all studies against what is asked of real ones; what nothing was drawn for is left out."""
    if figures.share is not None:
        yield _row("discs within 8 mm in plane", figures.share, 0.99, "share")
    if figures.mean_mm is not None:
        yield _row("mean error in plane", figures.mean_mm, 1.5, "mm", least=True)
    yield _row("false discs in 40 studies", figures.false_per_40, 1.0, "discs", least=True)
    if figures.nameable:
        named = figures.nameable_named / figures.nameable
        yield _row("named, of those with the sacrum and a usual border in view", named, 0.95, "share")
    yield _row("studies with a wrong name", figures.wrong, 0, "studies", least=True)
    yield _row("studies named without an anchor", figures.named_unanchored, 0, "studies", least=True)


def _row(case: str, ours: float, goal: float, unit: str, *, least: bool = False) -> dict[str, object]:
    ratio = round(ours / goal, 3) if goal else round(ours, 3)
    met = ours <= goal if least else ours >= goal
    return {
        "case": case,
        "ours": round(ours, 4),
        "theirs": goal,
        "unit": unit,
        "ratio": ratio,
        "goal": goal,
        "met": met,
    }


def print_table(figures: dict[str, Figures]) -> None:
    """Print one line for each kind, then why names were withheld."""
    table = Table(title="Detector on held-out drawings; found means within 8 mm in plane")
    for name in ("kind", "studies", "discs", "found", "95%", "mean", "median", "90th", "aside", "false"):
        table.add_column(name, justify="left" if name == "kind" else "right", no_wrap=True)
    for name in ("/40", "sacrum", "named/due", "right", "wrong", "s"):
        table.add_column(name, justify="right")
    for kind, line in figures.items():
        low, high = line.share_interval or (None, None)
        table.add_row(
            *(kind, str(line.studies), str(line.discs), _percent(line.share), f"{_percent(low)}-{_percent(high)}"),
            *(_mm(line.mean_mm), _mm(line.median_mm), _mm(line.percentile90_mm), _mm(line.median_aside_mm)),
            *(str(line.false), f"{line.false_per_40:.1f}", str(line.sacrum), f"{line.nameable_named}/{line.nameable}"),
            *(str(line.right), str(line.wrong), f"{line.seconds_per_study:.2f}"),
        )
    console = Console(width=150)
    console.print(table)
    for reason, count in figures["all"].withheld.items():
        console.print(f"{count:>5} without names: {reason}", highlight=False)


def write_pictures(kinds: Sequence[str], first_seed: int, folder: Path) -> None:
    """Write a sheet of the first studies of each kind."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in kinds:
        studies = [draw_held_out(first_seed + number, kind) for number in range(_SHOWN)]
        sheet = contact_sheet([(study, _detector().detect(study.volume)) for study in studies])
        sheet.save(folder / f"{kind.replace(',', '').replace(' ', '-')}.png")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def _mm(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=4, help="how many of each kind")
    parser.add_argument(
        "--first-seed",
        type=int,
        default=FIRST_SEED,
        help=f"of the studies of each kind, {FIRST_SEED} if not given; detector and drawings were developed with those "
        "below, so only look there while you work on them",
    )
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND")
    parser.add_argument("--processes", type=int, choices=(1, 2), default=1)
    parser.add_argument("--pictures", type=Path, metavar="FOLDER")
    parser.add_argument("--data", type=Path, metavar="FOLDER")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if asked.pictures:
        write_pictures(asked.kinds, asked.first_seed, asked.pictures)
    if asked.data:
        figures = measure_labelled(asked.data, asked.processes)
    else:
        seeds = range(asked.first_seed, asked.first_seed + asked.studies)
        figures = measure(asked.kinds, seeds, asked.processes)
    rows = list(goal_rows(figures["all"]))
    if asked.json:
        print(json.dumps({"name": "discs", "rows": rows, "kinds": {k: asdict(f) for k, f in figures.items()}}))
        return
    print_table(figures)
    print_rows(rows)


if __name__ == "__main__":
    main()
