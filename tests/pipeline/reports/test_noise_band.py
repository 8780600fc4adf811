"""How far an answer of the embedded model moves with what else is in its batch."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from config.conditions import load_conditions, questions
from pipeline.reports.engines.shared_engine import AskedText, SharedPrefixEngine
from pipeline.reports.labelling import load_labeller
from pipeline.training.report_grammar import draw_report
from pipeline.training.report_phrases import load_phrases

BATCHINGS = 1000
ASKED = tuple(questions(load_conditions()))


def log_odds(engine: SharedPrefixEngine, texts: list[AskedText]) -> list[list[float]]:
    answers = [answer for answer in engine.answer_reports(texts) if isinstance(answer, list)]
    assert len(answers) == len(texts)
    return [[logits.log_odds for logits in answer] for answer in answers]


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_no_answer_leaves_the_noise_band_in_a_thousand_random_batchings(
    embedded_data: Path, record_property: Callable[[str, object], None]
) -> None:
    engine = load_labeller("embedded", "shared", embedded_data, "test").engine
    assert isinstance(engine, SharedPrefixEngine)
    drawn = sorted((draw_report(seed, load_phrases("validation")).text for seed in range(60)), key=len)
    reports = [AskedText(text, ASKED) for text in (*drawn[:6], drawn[40])]  # short ones, and one to pad them against
    alone = [log_odds(engine, [report])[0] for report in reports]
    draw = random.Random(1)  # noqa: S311  batches
    furthest = 0.0
    for _ in range(BATCHINGS):
        chosen = draw.sample(range(len(reports)), draw.randint(2, 3))
        answered = log_odds(engine, [reports[index] for index in chosen])
        for index, values in zip(chosen, answered, strict=True):
            furthest = max(furthest, *(abs(a - b) for a, b in zip(values, alone[index], strict=True)))
    record_property("furthest", furthest)

    assert 0 < furthest <= engine.noise
