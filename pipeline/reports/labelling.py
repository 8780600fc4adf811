"""Reports to findings: ask the language model, then lay over each answer what the report's own words allow."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from config.conditions import Condition
from pipeline.reports.engines.hugging_face import HuggingFaceEngine
from pipeline.reports.engines.protocol import Engine, Logits
from pipeline.reports.errors import PromptTooLong
from pipeline.reports.mentions import Mention, ReportText
from pipeline.reports.models import embedded_model, model_files
from pipeline.reports.prompts import Prompt, PromptName, load_prompt
from pipeline.reports.sections import without_sections
from pipeline.values import Finding, Provenance, ReportLabels, Source, Standing, State

UNCALIBRATED_THRESHOLD = 0.5


@dataclass(frozen=True)
class Report:
    """A report to label."""

    id: str
    text: str


@dataclass(frozen=True)
class UnlabelledReport:
    """A report that got no labels, and why, in words that hold nothing of the report."""

    report_id: str
    reason: str


@dataclass(frozen=True)
class Labeller:
    """A language engine and the prompt it is asked with; `software` is the version that findings name."""

    engine: Engine
    prompt: Prompt
    software: str


def load_labeller(model: str | Path, prompt: PromptName, data: Path, software: str) -> Labeller:
    """Load the language model, once per process; the embedded one is converted under `data` at first use.

    Args:
        model: "embedded", or the folder of a chat model in Hugging Face layout.
        prompt: "direct" or "summary".
        data: the folder of converted models.
        software: name and version of the product, for provenance.

    Raises:
        UnusableModel: the folder holds no model that can answer; EmbeddedModelMissing, one of its kind, where the
            embedded model's package is not installed.
    """
    files = embedded_model(data) if model == "embedded" else model_files(Path(model))
    return Labeller(HuggingFaceEngine(files.folder, files.name), load_prompt(prompt), software)


def label_reports(
    labeller: Labeller, reports: Sequence[Report], conditions: Sequence[Condition]
) -> list[ReportLabels | UnlabelledReport]:
    """Label reports, all their questions in common batches; the outcomes stand in the order of the reports.

    A report that holds no findings or is too long for the model comes back unlabelled and costs the others nothing.
    Source: Park et al. 2024, section 2.1.
    """
    texts = [ReportText(report.text) for report in reports]
    questions = [
        _Question(index, condition, level, without_sections(report.text, condition.leave_out))
        for index, (report, text) in enumerate(zip(reports, texts, strict=True))
        if text.holds_findings
        for condition in conditions
        for level in (None, *condition.levels)
    ]
    answered: list[list[tuple[_Question, Logits | PromptTooLong]]] = [[] for _ in reports]
    for question, answer in zip(questions, _ask(labeller, questions), strict=True):
        answered[question.report].append((question, answer))
    return [_outcome(labeller, report, text, own) for report, text, own in zip(reports, texts, answered, strict=True)]


class _Question(NamedTuple):
    """One question about one report; `given` is the text that the model sees."""

    report: int
    condition: Condition
    level: str | None
    given: str


def _ask(labeller: Labeller, questions: Sequence[_Question]) -> list[Logits | PromptTooLong]:
    """Answer the questions in their order; with Summary-Query one summary serves a condition and its levels."""
    prompt, engine = labeller.prompt, labeller.engine
    summaries: dict[tuple[int, str], str | PromptTooLong] = {}
    if prompt.summary_request is not None:
        firsts = {(question.report, question.condition.name): question for question in reversed(questions)}
        chats = [prompt.summary_chat(question.condition, question.given) for question in firsts.values()]
        summaries = dict(zip(firsts, engine.summarise(chats), strict=True))
    answers: list[Logits | PromptTooLong | None] = []
    prompts = []
    for question in questions:
        summary = summaries.get((question.report, question.condition.name))
        answers.append(summary if isinstance(summary, PromptTooLong) else None)
        if not isinstance(summary, PromptTooLong):
            prompts.append(prompt.answer_prompt(question.condition, question.level, question.given, summary))
    answered = iter(engine.answer(prompts))
    return [next(answered) if answer is None else answer for answer in answers]


def _outcome(
    labeller: Labeller, report: Report, text: ReportText, answers: Sequence[tuple[_Question, Logits | PromptTooLong]]
) -> ReportLabels | UnlabelledReport:
    if not text.holds_findings:
        return UnlabelledReport(report.id, "The report holds no findings, conclusion or addendum.")
    findings = []
    for question, answer in answers:
        if isinstance(answer, PromptTooLong):
            return UnlabelledReport(report.id, str(answer))
        findings.append(_finding(labeller, text, question, answer))
    return ReportLabels(report.id, tuple(findings))


def _finding(labeller: Labeller, text: ReportText, question: _Question, logits: Logits) -> Finding:
    condition, level, engine = question.condition, question.level, labeller.engine
    probability = round(0.5 * (1 + math.tanh(logits.log_odds / 2)), 4)
    answer = probability >= UNCALIBRATED_THRESHOLD
    mention = text.mention(condition, level)
    state, reason = _state(answer, mention, is_shown=level is None or text.shows(level), level=level)
    if state in {State.PRESENT, State.ABSENT} and abs(logits.log_odds) <= engine.noise:
        state, reason = State.UNCERTAIN, "The answer is nearer to the threshold than the model can tell."
    return Finding(
        condition=condition.name,
        level=level,
        source=Source.REPORT,
        state=state,
        answer=answer,
        probability=probability,
        log_odds=logits.log_odds,
        logits=(logits.yes, logits.no),
        threshold=UNCALIBRATED_THRESHOLD,
        standing=Standing.UNCALIBRATED,
        reason=reason,
        evidence=mention.sentence,
        disc=None,
        provenance=Provenance(
            model=engine.name,
            adapter=engine.adapter,
            prompt=labeller.prompt.id,
            definition_version=condition.definition_version,
            calibration=None,
            input_sha256=hashlib.sha256(question.given.encode()).hexdigest(),
            software=labeller.software,
        ),
    )


def _state(answer: bool, mention: Mention, *, is_shown: bool, level: str | None) -> tuple[State, str]:
    """Lay a state and its reason over an answer, which stays as it is."""
    if not is_shown:
        return State.NOT_IMAGED, "The report's title names another region."
    if mention.sentence is None:
        subject = "condition" if level is None else "condition at this level"
        return State.NOT_MENTIONED, f"No sentence of the report speaks of the {subject}."
    if mention.hedge is not None:
        return State.UNCERTAIN, f"The report leaves it open ({mention.hedge})."
    return (State.PRESENT if answer else State.ABSENT), ""
