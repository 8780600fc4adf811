"""`spinelabel evaluate` and `calibrate`: labelled reports to the paper's tables, and to thresholds."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from config.conditions import EMBEDDED_CONDITIONS, Condition, load_conditions
from config.report_settings import ReportSettings
from config.settings import Settings
from service.cli import PROMPT_HELP, AsJson, app, console

if TYPE_CHECKING:
    from pipeline.calibration import Example
    from pipeline.reports.comparison import Review, Row
    from pipeline.reports.labelled import LabelledReport
    from pipeline.reports.labelling import Labeller, UnlabelledReport
    from pipeline.reports.prompts import PromptName

LONGEST_WORD = len("spondylolisthesis")
FIGURES = {"balanced_accuracy": "BA", "eer": "EER", "auroc": "AUROC", "f1": "F1"}
FILE_HELP = "CSV, JSON Lines or Parquet with `id`, `text` and a column per condition, `stenosis L4-L5` for a level."
INTERVAL = 0.1  # width of a 95% interval that lets two readers of the paper's kind be told apart

LabelledFile = Annotated[Path, typer.Argument(help=FILE_HELP, exists=True)]
Conditions = Annotated[Path, typer.Option(help="Conditions file.")]


@app.command()
def evaluate(
    file: LabelledFile,
    models: Annotated[
        str, typer.Option(help="`embedded` or folders of chat models, with commas between.")
    ] = "embedded",
    prompts: Annotated[str | None, typer.Option(help=f"Prompts, with commas between. {PROMPT_HELP}")] = None,
    conditions: Conditions = EMBEDDED_CONDITIONS,
    calibration: Annotated[Path | None, typer.Option(help="Thresholds from `calibrate`.", exists=True)] = None,
    split: Annotated[
        bool, typer.Option("--split", help="Calibrate on one half of the reports, test the other.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure models and prompts on reports of known answer, with 95% intervals.

    Example: spinelabel evaluate labelled.csv --prompts direct,summary --split
    """
    from pipeline.calibration import read_calibration
    from pipeline.reports.comparison import (
        baseline_rows,
        calibrate_and_test,
        evaluate_examples,
        refuse_calibrated,
        review_nearest,
    )
    from pipeline.reports.labelled import read_labelled

    if split and calibration:
        raise typer.BadParameter("--split makes thresholds of its own; leave --calibration out")
    asked, names = load_conditions(conditions), _prompt_names(prompts)
    table = read_labelled(file, asked)
    tested: list[LabelledReport] = list(table.reports)
    fitted = read_calibration(calibration) if calibration else None
    rows: list[Row] = []
    reviews: dict[str, Review] = {}
    unlabelled = list(table.unreadable)
    for model in models.split(","):
        for labeller in _labellers(model.strip(), names):
            thresholds = fitted or labeller.calibration
            if thresholds and not split:
                refuse_calibrated(table.reports, thresholds)
            examples, failed = _answer(labeller, table.reports, asked)
            unlabelled += failed
            if split:
                thresholds, examples, tested = calibrate_and_test(labeller.answered_by, examples, table.reports)
            reader = f"{model.strip()}, {labeller.prompt.id}"
            reviews[reader] = review_nearest(labeller.answered_by, examples, thresholds)
            asks_summary = labeller.prompt.summary_request is not None
            rows += evaluate_examples(labeller.answered_by, examples, asks_summary=asks_summary, calibration=thresholds)
    baselines = baseline_rows(tested, asked)
    if as_json:
        typer.echo(json.dumps(_values(rows, baselines, reviews, unlabelled)))
        return
    _print_tables(rows, baselines)
    _print_reviews(reviews)
    _print_unlabelled(unlabelled)


@app.command()
def calibrate(
    file: LabelledFile,
    out: Annotated[Path, typer.Option(help="File for the thresholds.")] = Path("calibration.json"),
    name: Annotated[str, typer.Option(help="What findings and documents call them, before their digest.")] = "site",
    model: Annotated[str, typer.Option(help="`embedded`, or the folder of a chat model.")] = "embedded",
    prompt: Annotated[str | None, typer.Option(help=f"The prompt that they are for. {PROMPT_HELP}")] = None,
    conditions: Conditions = EMBEDDED_CONDITIONS,
    standing: Annotated[
        Literal["calibrated here", "calibrated", "demonstration"],
        typer.Option(help="`calibrated` for reports of another site, `demonstration` for invented ones."),
    ] = "calibrated here",
    as_json: AsJson = False,
) -> None:
    """Fit thresholds on reports of known answer, for exactly this model and prompt.

    Example: spinelabel calibrate labelled.csv --out calibration.json
    """
    from pipeline.calibration import write_calibration
    from pipeline.calibration_fitting import fit_calibration
    from pipeline.reports.labelled import read_labelled
    from pipeline.values import Standing

    asked = load_conditions(conditions)
    table = read_labelled(file, asked)
    (labeller,) = _labellers(model, _prompt_names(prompt)[:1])
    examples, failed = _answer(labeller, table.reports, asked)
    fitted = fit_calibration(labeller.answered_by, examples, name=name, standing=Standing(standing))
    write_calibration(out, fitted)
    if as_json:
        typer.echo(out.read_text(encoding="utf-8"))
        return
    shown = Table("Condition", "n", "Positives", "Threshold (log-odds)", "BA", "EER", "AUROC")
    for entry in fitted.entries:
        on = entry.fitted_on
        numbers = (on.n, on.positives, round(entry.threshold_log_odds, 3), on.balanced_accuracy, on.eer, on.auroc)
        shown.add_row(escape(_question(entry.condition, entry.level)), *map(str, numbers))
    if fitted.entries:
        console.print(shown)
        console.print("These figures are on the reports that the thresholds were fitted on, and flatter them.")
    for left in fitted.uncalibrated:
        console.print(
            f"{_question(left.condition, left.level)} stays uncalibrated: {left.reason}", soft_wrap=True, markup=False
        )
    console.print(f"{fitted.name} is in {out}.", soft_wrap=True, markup=False)
    _print_unlabelled([*table.unreadable, *failed])


def _prompt_names(prompts: str | None) -> "list[PromptName | None]":
    """Give the prompts that were named, or one None, which leaves the choice to what is asked."""
    from pipeline.reports.prompts import PromptName

    if prompts is None:
        return [None]
    known: dict[str, PromptName] = {name: name for name in get_args(PromptName)}
    asked = [prompt.strip() for prompt in prompts.split(",")]
    if unknown := [prompt for prompt in asked if prompt not in known]:
        raise typer.BadParameter(f"no prompt is called {unknown[0]}; there are {', '.join(known)}")
    return [known[prompt] for prompt in asked]


def _labellers(model: str, prompts: "list[PromptName | None]") -> "Iterator[Labeller]":
    """Load a model for each of its prompts in turn, so that it lies in memory once."""
    from pipeline.reports.site_labeller import load_site_labeller
    from service.installation import SOFTWARE

    for prompt in prompts:
        yield load_site_labeller(ReportSettings(model=model, prompt=prompt), Settings().data, SOFTWARE)


def _answer(
    labeller: "Labeller", reports: "tuple[LabelledReport, ...]", conditions: tuple[Condition, ...]
) -> "tuple[list[Example], list[UnlabelledReport]]":
    from pipeline.reports.labelled import answer_labelled

    shown = track(reports, labeller.prompt.id, console=Console(stderr=True), disable=not sys.stderr.isatty())
    return answer_labelled(labeller, shown, conditions)


def _values(
    rows: "list[Row]", baselines: "list[Row]", reviews: "dict[str, Review]", unlabelled: "list[UnlabelledReport]"
) -> dict[str, Any]:
    from pipeline.reports.comparison import published_figures, row_values

    return {
        "rows": [row_values(row) for row in rows],
        "baselines": [row_values(row) for row in baselines],
        "published": [
            {"condition": condition, "level": level, **figures}
            for (condition, level), figures in published_figures().items()
        ],
        "unlabelled": [{"id": each.report_id, "reason": each.reason} for each in unlabelled],
        "review": {reader: asdict(review) for reader, review in reviews.items()},
    }


def _print_tables(rows: "list[Row]", baselines: "list[Row]") -> None:
    from pipeline.evaluation import positives_needed

    for title, by_level in (("Reports (the paper's Table 3)", False), ("Levels (the paper's Table 4)", True)):
        shown = [row for row in [*rows, *baselines] if (row.level is not None) == by_level]
        if shown:
            places = list(dict.fromkeys((row.condition, row.level) for row in shown))
            console.print(_table(title, sorted(shown, key=lambda row: places.index((row.condition, row.level)))))
    console.print(
        "Under each figure its 95% interval. Paper: Llama3-8B Instruct, Summary-Query, on other reports. "
        f"At a balanced accuracy of .95 an interval {INTERVAL} wide takes {positives_needed(INTERVAL, 0.95)} positives."
    )


def _print_reviews(reviews: "dict[str, Review]") -> None:
    for reader, review in reviews.items():
        console.print(
            f"{reader}: of {review.errors} wrong answers {review.caught} are among the {review.reviewed} of "
            f"{review.answers} nearest to their threshold.",
            soft_wrap=True,
            markup=False,
        )


def _table(title: str, rows: "list[Row]") -> Table:
    from pipeline.reports.comparison import published_figures

    table = Table(title=title, title_justify="left", box=SIMPLE, pad_edge=False)
    table.add_column("Condition", min_width=LONGEST_WORD)
    table.add_column("Reader", overflow="fold")
    for name in ("n", "pos.", *FIGURES.values(), "Paper"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        published = published_figures().get((row.condition, row.level), {})
        reader = row.model.split("@")[0] + (f"\n{row.prompt}, {row.standing}" if row.prompt else "")
        table.add_row(
            escape(_question(row.condition, row.level)),
            escape(reader),
            str(row.figures.n),
            str(row.figures.positives),
            *(_figure(row, name) for name in FIGURES),
            "\n".join(f"{FIGURES[name]} {published[name]:.3f}" for name in FIGURES if name in published and row.prompt),
        )
    return table


def _figure(row: "Row", name: str) -> str:
    value = getattr(row.figures, name)
    if value is None:
        return "-"
    low, high = row.figures.intervals[name]
    return f"{value:.3f}\n{low:.2f}-{high:.2f}"


def _question(condition: str, level: str | None) -> str:
    return condition if level is None else f"{condition} {level}"


def _print_unlabelled(unlabelled: "Iterable[UnlabelledReport]") -> None:
    for each in unlabelled:
        console.print(f"{each.report_id} was left out: {each.reason}", markup=False, soft_wrap=True)
