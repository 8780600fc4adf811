"""Conditions never trained on: python -m benchmarks.new_conditions FOLDER [--steps N] [--fold K] [--json].

The findings that the shipped adapter is trained on are cut into four parts. For each part an adapter is trained on the
others, at a quarter of the shipped budget, and asked about the part by name and definition alone. A fold takes some 15
minutes on two cores; a stopped run goes on in FOLDER.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

from pipeline.reports.adapter_folder import adapter_files
from pipeline.reports.engines.shared_engine import SharedPrefixEngine
from pipeline.reports.labelling import Labeller
from pipeline.reports.models import embedded_model
from pipeline.reports.prompts.shared import load_shared_prompt
from pipeline.training.answer_release import measure_new
from pipeline.training.answers import AnswerTraining, train_answers
from pipeline.training.report_phrases import load_phrases

FOLDS = 4


def measure_fold(folder: Path, fold: int, steps: int) -> list[dict[str, Any]]:
    """Train without every fourth finding, and give the figures of those left out."""
    everything, validation = load_phrases("training"), load_phrases("validation")
    others = sorted(everything.findings.keys() - set(everything.core))
    left_out = others[fold::FOLDS]
    base, kept = embedded_model(folder), folder / f"fold-{fold}"
    kept.mkdir(parents=True, exist_ok=True)
    fitted = everything.with_others([name for name in others if name not in left_out])
    model = train_answers(base, AnswerTraining(steps=steps), fitted, kept / "training.safetensors", _show)
    model.save_pretrained(kept / "adapter")
    engine = SharedPrefixEngine(base, adapter_files(kept / "adapter", base.name))
    untrained = replace(validation.with_others(left_out), held_out=True)
    return measure_new(Labeller(engine, load_shared_prompt(), ""), untrained)


def _show(step: int, loss: float) -> None:
    if step % 25 == 0:
        print(f"step {step}: loss {loss:.3f}", flush=True)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=AnswerTraining.steps // FOLDS)
    parser.add_argument("--fold", type=int, choices=range(FOLDS), help="one fold only")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    folds = range(FOLDS) if asked.fold is None else [asked.fold]
    rows = [row | {"fold": fold} for fold in folds for row in measure_fold(asked.folder, fold, asked.steps)]
    if asked.json:
        print(json.dumps({"name": "new_conditions", "rows": rows}))
        return
    for row in rows:
        print(f"{row['fold']}  {row['condition']:<45} {row['balanced_accuracy']}  {row['positives']} of {row['n']}")
    print(f"mean {mean(row['balanced_accuracy'] for row in rows if row['balanced_accuracy'] is not None):.3f}")


if __name__ == "__main__":
    main()
