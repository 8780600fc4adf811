"""Reports to findings: ask the language model, then lay over each answer what the report's own words allow."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from config.conditions import Condition, questions
from config.report_settings import ServerSettings
from pipeline.calibration import AnsweredBy, Calibration, judge
from pipeline.reports.adapter_folder import AdapterUse
from pipeline.reports.addressed import addresses_reader
from pipeline.reports.engines.choice import load_engines, load_shared_engine, shipped_calibration
from pipeline.reports.engines.openai import OpenAiEngine
from pipeline.reports.engines.protocol import Engine, Logits
from pipeline.reports.engines.shared_engine import AskedText, SharedPrefixEngine
from pipeline.reports.errors import Unanswered, UnusableModel
from pipeline.reports.mentions import Mention, ReportText
from pipeline.reports.models import embedded_model, model_files
from pipeline.reports.prompts import Prompt, PromptName, load_prompt
from pipeline.reports.prompts.shared import SharedPrompt, load_shared_prompt
from pipeline.reports.rule_reader import read_by_rules, rule_reader_knows, sentence_by_rules
from pipeline.reports.sections import without_sections
from pipeline.values import Finding, Provenance, ReportLabels, Source, Standing, State

AT_ONCE = 64
"""Reports that are labelled together: enough of them are of similar length to share a batch without padding."""

ADDRESSED = "The report speaks to whoever labels it, as the evidence shows. A person has to read it."


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
    """A language engine and the prompt it is asked with; `software` is the version that findings name.

    `calibration` counts for the questions that it has an entry for, and only where it is of this engine and prompt.
    `summary_engine` writes the summaries where another engine than the answering one does.
    """

    engine: Engine | SharedPrefixEngine
    prompt: Prompt | SharedPrompt
    software: str
    calibration: Calibration | None = None
    summary_engine: Engine | None = None

    @property
    def answered_by(self) -> AnsweredBy:
        """What a calibration must have been fitted on to count here."""
        return AnsweredBy(self.engine.name, self.adapter, self.engine.data_type, self.prompt.id)

    @property
    def adapter(self) -> str | None:
        """The adapter as provenance names it, which says so where it serves only one of summary and answer."""
        answering = self.engine.adapter
        if self.summary_engine is None or self.summary_engine.adapter == answering:
            return answering
        if answering is None:
            return f"{self.summary_engine.adapter} for the summary only"
        return f"{answering} for the answer only"


def load_labeller(
    model: str | Path,
    prompt: PromptName,
    data: Path,
    software: str,
    adapter: AdapterUse | None = None,
    server: ServerSettings | None = None,
) -> Labeller:
    """Load the language model, once per process; the embedded one is converted under `data` at first use.

    Args:
        model: "embedded", or the folder of a chat model in Hugging Face layout.
        prompt: "shared", where the embedded model has an adapter of its own; or "direct" or "summary", or either with
            "-natural".
        data: the folder of converted models.
        software: name and version of the product, for provenance.
        adapter: what is laid over the model, and for which of its tasks.
        server: is asked instead of `model`.

    Raises:
        UnusableModel: the folder or the server has no model that can answer; EmbeddedModelMissing, one of its kind,
            where the embedded model's package is not installed; UnusableAdapter, another, where the adapter cannot be
            used.
        ServerAway: the server does not answer.
    """
    if server is not None:
        if prompt == "shared":
            raise UnusableModel(
                "A server cannot be asked in the shared-prefix layout. Set `reports.prompt` to `direct` or `summary`."
            )
        return Labeller(OpenAiEngine(server), load_prompt(prompt), software)
    files = embedded_model(data) if model == "embedded" else model_files(Path(model))
    if prompt == "shared":
        engine = load_shared_engine(files, adapter)
        return Labeller(engine, load_shared_prompt(), software, calibration=shipped_calibration(engine))
    asked = load_prompt(prompt)
    engines = load_engines(files, adapter, summarises=asked.summary_request is not None)
    return Labeller(engines.answers, asked, software, summary_engine=engines.summaries)


def label_stream(
    labeller: Labeller, reports: Iterable[Report], conditions: Sequence[Condition]
) -> Iterator[ReportLabels | UnlabelledReport]:
    """Label any number of reports, in their order, a few at a time, so that memory does not grow with them."""
    waiting = iter(reports)
    while batch := list(islice(waiting, AT_ONCE)):
        yield from label_reports(labeller, batch, conditions)


def label_reports(
    labeller: Labeller, reports: Sequence[Report], conditions: Sequence[Condition]
) -> list[ReportLabels | UnlabelledReport]:
    """Label reports, all their questions in common batches; the outcomes stand in the order of the reports.

    A report that holds no findings or is too long for the model comes back unlabelled and costs the others nothing.
    Source: Park et al. 2024, section 2.1.
    """
    texts = [ReportText(report.text) for report in reports]
    asked = [
        _Question(index, condition, level, without_sections(report.text, condition.leave_out))
        for index, (report, text) in enumerate(zip(reports, texts, strict=True))
        if text.holds_findings
        for condition, level in questions(conditions)
    ]
    answered: list[list[tuple[_Question, Logits | Unanswered]]] = [[] for _ in reports]
    for question, answer in zip(asked, _ask(labeller, asked), strict=True):
        answered[question.report].append((question, answer))
    return [_outcome(labeller, report, text, own) for report, text, own in zip(reports, texts, answered, strict=True)]


class _Question(NamedTuple):
    """One question about one report; `given` is the text that the model sees."""

    report: int
    condition: Condition
    level: str | None
    given: str


def _ask(labeller: Labeller, questions: Sequence[_Question]) -> list[Logits | Unanswered]:
    """Answer the questions in their order."""
    if isinstance(labeller.engine, SharedPrefixEngine):
        return _ask_together(labeller.engine, questions)
    return _ask_one_by_one(labeller, labeller.engine, questions)


def _ask_together(engine: SharedPrefixEngine, questions: Sequence[_Question]) -> list[Logits | Unanswered]:
    """Ask all that a report is asked from one reading of it; of two where a condition leaves a section out."""
    readings: dict[tuple[int, str], list[int]] = {}
    for place, question in enumerate(questions):
        readings.setdefault((question.report, question.given), []).append(place)
    asked = [
        AskedText(given, tuple((questions[place].condition, questions[place].level) for place in places))
        for (_, given), places in readings.items()
    ]
    answers: dict[int, Logits | Unanswered] = {}
    for places, answered in zip(readings.values(), engine.answer_reports(asked), strict=True):
        each = [answered] * len(places) if isinstance(answered, Unanswered) else answered
        answers.update(zip(places, each, strict=True))
    return [answers[place] for place in range(len(questions))]


def _ask_one_by_one(labeller: Labeller, engine: Engine, questions: Sequence[_Question]) -> list[Logits | Unanswered]:
    """Ask each question on its own; with Summary-Query one summary serves a condition and its levels."""
    prompt = labeller.prompt
    if isinstance(prompt, SharedPrompt):
        raise TypeError("the shared-prefix layout takes an engine of its own")
    summaries: dict[tuple[int, str], str | Unanswered] = {}
    if prompt.summary_request is not None:
        firsts = {(question.report, question.condition.name): question for question in reversed(questions)}
        chats = [prompt.summary_chat(question.condition, question.given) for question in firsts.values()]
        summaries = dict(zip(firsts, (labeller.summary_engine or engine).summarise(chats), strict=True))
    answers: list[Logits | Unanswered | None] = []
    prompts = []
    for question in questions:
        summary = summaries.get((question.report, question.condition.name))
        answers.append(summary if isinstance(summary, Unanswered) else None)
        if not isinstance(summary, Unanswered):
            prompts.append(prompt.answer_prompt(question.condition, question.level, question.given, summary))
    answered = iter(engine.answer(prompts))
    return [next(answered) if answer is None else answer for answer in answers]


def _outcome(
    labeller: Labeller, report: Report, text: ReportText, answers: Sequence[tuple[_Question, Logits | Unanswered]]
) -> ReportLabels | UnlabelledReport:
    if not text.holds_findings:
        return UnlabelledReport(report.id, "The report holds no findings, conclusion or addendum.")
    findings = []
    for question, answer in answers:
        if isinstance(answer, Unanswered):
            return UnlabelledReport(report.id, str(answer))
        findings.append(_finding(labeller, text, question, answer))
    if (addressing := addresses_reader(report.text)) is not None:
        findings = [replace(each, state=State.UNCERTAIN, reason=ADDRESSED, evidence=addressing) for each in findings]
    return ReportLabels(report.id, tuple(findings))


def _finding(labeller: Labeller, text: ReportText, question: _Question, logits: Logits) -> Finding:
    condition, level, engine, calibration = question.condition, question.level, labeller.engine, labeller.calibration
    asked = (condition.name, level, condition.definition_version)
    entry = calibration.entry(labeller.answered_by, *asked) if calibration else None
    rules = read_by_rules(text.text, condition, level) if rule_reader_knows(condition) else None
    judged = judge(entry, logits.log_odds, rules)
    mention = _mention(text, condition, level)
    state, reason = _state(judged.answer, mention, is_shown=level is None or text.shows(level), level=level)
    if state in {State.PRESENT, State.ABSENT} and abs(judged.margin) <= engine.noise:
        state, reason = State.UNCERTAIN, "The answer is nearer to the threshold than the model can tell."
    elif state in {State.PRESENT, State.ABSENT} and rules is not None and rules != judged.answer:
        state, reason = State.UNCERTAIN, "The rules, which read every report as well, answer otherwise."
    return Finding(
        condition=condition.name,
        level=level,
        source=Source.REPORT,
        state=state,
        answer=judged.answer,
        probability=judged.probability,
        log_odds=logits.log_odds,
        logits=(logits.yes, logits.no),
        threshold=judged.threshold,
        standing=calibration.standing if calibration and entry else Standing.UNCALIBRATED,
        reason=reason,
        evidence=mention.sentence,
        disc=None,
        provenance=Provenance(
            model=engine.name,
            adapter=labeller.adapter,
            prompt=labeller.prompt.id,
            definition_version=condition.definition_version,
            calibration=calibration.name if calibration and entry else None,
            input_sha256=hashlib.sha256(question.given.encode()).hexdigest(),
            software=labeller.software,
        ),
    )


def _mention(text: ReportText, condition: Condition, level: str | None) -> Mention:
    """Find where the report speaks of a condition, by the words of its name or by the rules that know it."""
    mention = text.mention(condition, level)
    if mention.sentence is not None or not rule_reader_knows(condition):
        return mention
    found = sentence_by_rules(text.text, condition, level)
    return mention if found is None else Mention(text.as_written(found) or found, None)


def _state(answer: bool, mention: Mention, *, is_shown: bool, level: str | None) -> tuple[State, str]:
    """Lay a state and its reason over an answer, which stays as it is."""
    if not is_shown:
        return State.NOT_IMAGED, "The report's title names another region."
    if mention.sentence is None:
        subject = "condition" if level is None else "condition at this level"
        if answer:
            return State.UNCERTAIN, f"The model says yes, but no sentence was found that speaks of the {subject}."
        return State.NOT_MENTIONED, f"No sentence of the report speaks of the {subject}."
    if mention.hedge is not None:
        return State.UNCERTAIN, f"The report leaves it open ({mention.hedge})."
    return (State.PRESENT if answer else State.ABSENT), ""
