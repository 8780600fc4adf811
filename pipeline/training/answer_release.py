"""The adapter that answers, with its figures, its calibration and its card, as it is shipped."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from config.conditions import EMBEDDED_CONDITIONS, Condition, load_conditions, questions
from pipeline.calibration import Calibration, write_calibration
from pipeline.calibration_fitting import fit_calibration
from pipeline.reports.adapter_folder import CALIBRATION, adapter_files
from pipeline.reports.comparison import evaluate_examples, row_values
from pipeline.reports.engines.shared_engine import SharedPrefixEngine
from pipeline.reports.labelled import LabelledReport, answer_labelled, read_labelled
from pipeline.reports.labelling import Labeller, Report
from pipeline.reports.models import ModelFiles
from pipeline.reports.prompts.shared import load_shared_prompt
from pipeline.training.adapter_writing import model_argument, place_adapter
from pipeline.training.answers import AnswerTraining, train_answers
from pipeline.training.report_grammar import draw_report
from pipeline.training.report_phrases import Phrases, load_phrases
from pipeline.values import Standing

NAME = "spinelabel-answers"
STATE = "answers-training.safetensors"
_CALIBRATION_SEEDS = range(500_000_000, 500_000_400)
_TEST_SEEDS = range(600_000_000, 600_000_500)
_NEW_CONDITION_SEEDS = range(700_000_000, 700_000_300)


def release_answers(
    base: ModelFiles,
    training: AnswerTraining,
    folders: tuple[Path, Path],
    progress: Callable[[int, float], None],
    calibrate_on: Sequence[Path] = (),
) -> dict[str, Any]:
    """Train an adapter on invented reports, calibrate it, measure it, and write all that with its card.

    Args:
        base: the language model.
        training: what to do.
        folders: where adapter, calibration and card go, and where the state of an interrupted training is kept.
        progress: called after each step with its number and loss.
        calibrate_on: files of labelled reports to calibrate on beside the invented ones.

    Returns:
        The card.

    Raises:
        UnusableModel, OtherTraining, UnusableTable: as training and reading do.
    """
    target, kept = folders
    kept.mkdir(parents=True, exist_ok=True)
    conditions = load_conditions(EMBEDDED_CONDITIONS)
    more = [report for path in calibrate_on for report in read_labelled(path, conditions).reports]
    made = kept / NAME
    train_answers(base, training, load_phrases("training"), kept / STATE, progress).save_pretrained(made)
    labeller = Labeller(SharedPrefixEngine(base, adapter_files(made, base.name)), load_shared_prompt(), "")
    phrases = load_phrases("validation")
    invented = invented_reports(phrases, _CALIBRATION_SEEDS, conditions)
    calibration = fit_calibration(
        labeller.answered_by,
        answer_labelled(labeller, [*invented, *more], conditions)[0],
        name="shipped",
        standing=Standing.DEMONSTRATION,
    )
    write_calibration(made / CALIBRATION, calibration)
    return place_adapter(made, target, make_card(base, training, measure(labeller, calibration, conditions)))


def measure(labeller: Labeller, calibration: Calibration, conditions: Sequence[Condition]) -> dict[str, Any]:
    """Give figures on invented reports in wordings that training never uses, and on conditions it never saw."""
    by = labeller.answered_by
    invented = invented_reports(load_phrases("validation"), _TEST_SEEDS, conditions)
    tested, _ = answer_labelled(labeller, invented, conditions)
    return {
        "invented_reports": _rows(evaluate_examples(by, tested, asks_summary=False, calibration=calibration)),
        "conditions_never_trained_on": measure_new(labeller, load_phrases("validation", held_out=True)),
    }


def measure_new(labeller: Labeller, untrained: Phrases) -> list[dict[str, Any]]:
    """Give figures on the findings beside the core ones, asked by name and definition with the threshold .5."""
    new = new_conditions(untrained)
    asked, _ = answer_labelled(labeller, invented_reports(untrained, _NEW_CONDITION_SEEDS, new), new)
    return _rows(evaluate_examples(labeller.answered_by, asked, asks_summary=False, calibration=None))


def invented_reports(phrases: Phrases, seeds: range, conditions: Sequence[Condition]) -> list[LabelledReport]:
    """Draw reports, with what is known of these conditions."""
    reports = []
    for row, seed in enumerate(seeds, 1):
        drawn = draw_report(seed, phrases)
        asked = [(condition.name, level) for condition, level in questions(conditions)]
        known = {question: drawn.labels[question] for question in asked if question in drawn.labels}
        reports.append(LabelledReport(row, Report(f"invented-{seed}", drawn.text), None, known))
    return reports


def new_conditions(phrases: Phrases) -> tuple[Condition, ...]:
    """Give the findings beside the core ones as a site would add them: a name and a definition."""
    return tuple(
        Condition(name=finding.name, definition=finding.definitions[0])
        for finding in phrases.findings.values()
        if finding.name not in phrases.core
    )


def make_card(base: ModelFiles, training: AnswerTraining, figures: dict[str, Any]) -> dict[str, Any]:
    """Say what the adapter was trained on, how, and what it reached."""
    return {
        "name": NAME,
        "base_model": base.name,
        "licence": "Apache-2.0",
        "data": "invented reports only, drawn by seed; no patient's report",
        "command": f"spinelabel train answers --out FOLDER --model {model_argument(base)} --steps {training.steps} "
        f"--seed {training.seed}",
        "training": asdict(training),
        "figures": figures,
    }


def _rows(rows: Sequence[Any]) -> list[dict[str, Any]]:
    kept = ("condition", "level", "n", "positives", "balanced_accuracy", "auroc", "interval")
    return [{key: value for key, value in row_values(row).items() if key in kept} for row in rows]
