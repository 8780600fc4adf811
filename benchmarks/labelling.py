"""Labelling of reports beside the published way: python -m benchmarks.labelling [--json] [--reports N] [--summaries N].

The published way is written plainly with transformers: one report, one question at a time, in single precision, the
whole forward pass for each answer, a summary by `generate` for each condition and level. Ours has the model without
its adapter, so that the same questions have the same answers; the shared-prefix layout is measured with the adapter, as
it ships. Reports are invented ones, drawn by seed. With `pip install xllamacpp` llama.cpp's server is measured as well,
eight questions at a time of the same model as its package brings it (4 bits); reading is set against the bare matrix
products that it takes.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.rows import print_rows
from config.conditions import Condition, load_conditions, questions
from config.report_settings import ServerSettings
from pipeline.reports.engines.loading import device_and_dtype
from pipeline.reports.engines.shared_prefix import load_for_shared_prefix
from pipeline.reports.labelling import Labeller, Report, label_reports, load_labeller
from pipeline.reports.model_folder import packaged_weights
from pipeline.reports.models import embedded_model
from pipeline.reports.prompts import Prompt, load_prompt
from pipeline.reports.sections import without_sections
from pipeline.training.report_grammar import draw_report
from pipeline.training.report_phrases import load_phrases
from pipeline.values import ReportLabels

_SEEDS = range(800_000_000, 800_200_000)
_ROWS, _ROW_TOKENS = 16, 128  # about the reports of one batch
_SLOTS = 8
T = TypeVar("T")
Answers = dict[tuple[str, str, str | None], bool]


class Published:
    """The published way to ask a model, with nothing shared between questions."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        model: Any = AutoModelForCausalLM
        self._model = model.from_pretrained(folder, dtype=torch.float32).eval()
        self._answers = [self._tokenizer.encode(word, add_special_tokens=False)[0] for word in ("yes", "no")]

    @torch.inference_mode()
    def answer(
        self, prompt: Prompt, reports: Sequence[Report], conditions: Sequence[Condition], *, per_level: bool
    ) -> Answers:
        """Answer every question; with Summary-Query after a summary for each level too, or for each condition only."""
        answers: Answers = {}
        for report in reports:
            summaries: dict[tuple[str, str | None], str] = {}
            for condition, level in questions(conditions):
                given = without_sections(report.text, condition.leave_out)
                key = (condition.name, level if per_level else None)
                if prompt.summary_request is not None and key not in summaries:
                    summaries[key] = self._written(prompt.summary_chat(condition, given))
                asked = prompt.answer_prompt(condition, level, given, summaries.get(key))
                logits = self._model(**self._encoded(asked.chat, asked.opening)).logits[0, -1]
                answers[report.id, condition.name, level] = bool(logits[self._answers[0]] >= logits[self._answers[1]])
        return answers

    def _written(self, chat: Sequence[Any]) -> str:
        encoded = self._encoded(chat, "")
        written = self._model.generate(**encoded, do_sample=False, max_new_tokens=1024, repetition_penalty=1.15)
        text: str = self._tokenizer.decode(written[0, encoded["input_ids"].shape[1] :], skip_special_tokens=True)
        return text.strip()

    def _encoded(self, chat: Sequence[Any], opening: str) -> Any:
        turns = [{"role": message.role, "content": message.content} for message in chat]
        text = self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return self._tokenizer(text + opening, return_tensors="pt", add_special_tokens=False)


def measure(folder: Path, reports: int, summaries: int) -> Iterator[dict[str, object]]:
    """Time each way on the same reports, and count the answers that agree."""
    conditions, phrases = load_conditions(), load_phrases("validation")
    drawn = [Report(str(seed), draw_report(seed, phrases).text) for seed in _SEEDS[:reports]]
    few = drawn[:summaries]
    published = Published(embedded_model(folder).folder)
    peer, direct_time = _timed(
        lambda: published.answer(load_prompt("direct"), drawn, conditions, per_level=True), reports
    )
    shared_time = _timed_label(load_labeller("embedded", "shared", folder, ""), drawn, conditions)[1]
    ours, ours_time = _timed_label(load_labeller("embedded", "direct", folder, ""), drawn, conditions)
    yield _row("shared prefix against the published Direct Query", (shared_time, direct_time), 20.0)
    yield _row("Direct Query, published layout", (ours_time, direct_time), 6.0)
    yield _agreement("Direct Query: answers that agree with float32", ours, peer)
    summarised = load_labeller("embedded", "summary", folder, "")
    ours, summary_time = _timed_label(summarised, few, conditions)
    for per_level, goal in ((True, 10.0), (False, 6.0)):
        asking = partial(published.answer, load_prompt("summary"), few, conditions, per_level=per_level)
        peer, taken = _timed(asking, summaries)
        yield _row(f"Summary-Query against {8 if per_level else 5} summaries", (summary_time, taken), goal)
    yield _agreement("Summary-Query: answers that agree with float32", ours, peer)
    yield _prefill(embedded_model(folder).folder)
    if find_spec("xllamacpp"):
        taken = _llama_cpp_time(drawn, conditions)
        yield _row("Direct Query against llama.cpp's server", (ours_time, taken), 1.0)
        yield _row("shared prefix against llama.cpp's server", (shared_time, taken), 1.0)


@torch.inference_mode()
def _prefill(folder: Path) -> dict[str, object]:
    """Time the reading of tokens beside the matrix products of the model's linear layers on as many rows."""
    _, dtype = device_and_dtype(folder)
    body = load_for_shared_prefix(folder, dtype).eval().base_model
    ids = torch.randint(0, body.config.vocab_size, (_ROWS, _ROW_TOKENS))
    inputs = {
        layer: torch.randn(ids.numel(), layer.in_features, dtype=dtype)
        for layer in body.modules()
        if isinstance(layer, torch.nn.Linear)
    }

    def multiply() -> None:
        for layer, rows in inputs.items():
            layer(rows)

    def read() -> None:
        body(input_ids=ids, use_cache=True)

    times = [min(_timed(work, _ROWS)[1] for _ in range(3)) for work in (read, multiply)]
    return _row("prefill against its matrix products alone", (times[0], times[1]), 0.6, digits=2)


def _llama_cpp_time(drawn: list[Report], conditions: Sequence[Condition]) -> float:
    """Give the seconds a report of Direct Query that llama.cpp's server takes."""
    xllamacpp = import_module("xllamacpp")
    asked = xllamacpp.CommonParams()
    asked.model.path, asked.port = str(packaged_weights()), 0
    asked.n_parallel, asked.n_ctx = _SLOTS, _SLOTS * 2048
    asked.cpuparams.n_threads = torch.get_num_threads()
    server = xllamacpp.Server(asked)
    at = ServerSettings(url=f"{server.listening_address}/v1", model=str(packaged_weights()), concurrency=_SLOTS)
    return _timed_label(load_labeller("embedded", "direct", Path(), "", server=at), drawn, conditions)[1]


def measure_memory(folder: Path, reports: int) -> float:
    """Give the peak memory in GB of this process after labelling that many reports by the shared prefix."""
    labeller, phrases = load_labeller("embedded", "shared", folder, ""), load_phrases("validation")
    for start in range(0, reports, 16):
        batch = [Report(str(seed), draw_report(seed, phrases).text) for seed in _SEEDS[start : start + 16]]
        label_reports(labeller, batch, load_conditions())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _timed_label(labeller: Labeller, reports: list[Report], conditions: Sequence[Condition]) -> tuple[Answers, float]:
    label_reports(labeller, reports[:1], conditions)  # what is done once, definitions above all
    outcomes, taken = _timed(lambda: label_reports(labeller, reports, conditions), len(reports))
    answers = {
        (outcome.report_id, finding.condition, finding.level): finding.logits[0] >= finding.logits[1]
        for outcome in outcomes
        if isinstance(outcome, ReportLabels)
        for finding in outcome.findings
        if finding.logits is not None
    }
    return answers, taken


def _timed(work: Callable[[], T], reports: int) -> tuple[T, float]:
    begun = time.perf_counter()
    done = work()
    return done, (time.perf_counter() - begun) / reports


def _row(case: str, seconds: tuple[float, float], goal: float, digits: int = 1) -> dict[str, object]:
    ours, theirs = seconds
    ratio = round(theirs / ours, digits)
    return {
        "case": case,
        "ours": round(ours, 3),
        "theirs": round(theirs, 3),
        "unit": "s/report",
        "ratio": ratio,
        "goal": goal,
        "met": ratio >= goal,
    }


def _agreement(case: str, ours: Answers, theirs: Answers) -> dict[str, object]:
    alike = sum(ours[question] == answer for question, answer in theirs.items())
    ratio = round(alike / len(theirs), 3)
    return {
        "case": case,
        "ours": alike,
        "theirs": len(theirs),
        "unit": "answers",
        "ratio": ratio,
        "goal": None,
        "met": None,
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--reports", type=int, default=16)
    parser.add_argument("--summaries", type=int, default=2)
    parser.add_argument("--memory", type=int, help="print the peak memory of labelling so many reports, and no more")
    parser.add_argument("--data", type=Path, help="folder of converted models; a new one without it")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.data or Path(scratch)
        if asked.memory:
            print(f"{measure_memory(folder, asked.memory):.2f} GB at the most, {asked.memory} reports")
            return
        rows = []
        for row in measure(folder, asked.reports, asked.summaries):
            rows.append(row)
            if not asked.json:
                print_rows([row])
    if asked.json:
        print(json.dumps({"name": "labelling", "rows": rows}))


if __name__ == "__main__":
    main()
