"""Training on answers about invented reports, with a tiny model of random weights."""

from itertools import islice
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipeline.reports.adapter_folder import WEIGHTS
from pipeline.reports.models import ModelFiles, model_files
from pipeline.training import answers as training_module
from pipeline.training.answer_examples import BATCHES_PER_DRAW, OTHERS, example_batches
from pipeline.training.answers import AnswerTraining, rate_at, train_answers
from pipeline.training.errors import OtherTraining
from pipeline.training.report_phrases import Phrases, load_phrases
from tests.pipeline.reports.conftest import MakeModel

SHORT = AnswerTraining(steps=3, batch=2, rank=2)
PHRASES = load_phrases("training")


class Interrupted(Exception):
    pass


def quiet(step: int, loss: float) -> None:
    assert loss > 0


@pytest.fixture(scope="module")
def base(make_model: MakeModel) -> ModelFiles:
    return model_files(make_model(("Ġyes", "Ġno")))


def weights(base: ModelFiles, training: AnswerTraining, folder: Path) -> dict[str, torch.Tensor]:
    folder.mkdir(exist_ok=True)
    train_answers(base, training, PHRASES, folder / "state.safetensors", quiet).save_pretrained(folder)
    return load_file(folder / WEIGHTS)


def test_the_same_seed_trains_the_same_adapter(base: ModelFiles, tmp_path: Path) -> None:
    first, second = (weights(base, SHORT, tmp_path / name) for name in ("a", "b"))

    assert all(torch.equal(weight, second[name]) for name, weight in first.items())


def test_an_interrupted_training_goes_on_to_the_same_adapter(
    base: ModelFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_module, "_SAVE_EVERY", 1)
    straight = weights(base, SHORT, tmp_path / "straight")

    def stop(step: int, _loss: float) -> None:
        if step == 3:
            raise Interrupted

    state = tmp_path / "broken" / "state.safetensors"
    state.parent.mkdir()
    with pytest.raises(Interrupted):
        train_answers(base, SHORT, PHRASES, state, stop)
    resumed = weights(base, SHORT, state.parent)

    assert all(torch.equal(weight, resumed[name]) for name, weight in straight.items())


@pytest.mark.parametrize(
    ("training", "phrases"),
    [
        pytest.param(AnswerTraining(steps=4, batch=2, rank=2), PHRASES, id="other settings"),
        pytest.param(SHORT, PHRASES.with_others(["scoliosis", "kyphosis", "pars defect"]), id="other findings"),
    ],
)
def test_a_state_of_another_training_is_refused(
    base: ModelFiles, tmp_path: Path, training: AnswerTraining, phrases: Phrases
) -> None:
    weights(base, SHORT, tmp_path)

    with pytest.raises(OtherTraining):
        train_answers(base, training, phrases, tmp_path / "state.safetensors", quiet)


def test_training_moves_the_answers_towards_the_truth(base: ModelFiles, tmp_path: Path) -> None:
    losses: list[float] = []
    training = AnswerTraining(steps=40, batch=2, rank=4, rate=5e-3)

    train_answers(base, training, PHRASES, tmp_path / "state.safetensors", lambda _step, loss: losses.append(loss))

    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])


def test_the_rate_of_a_long_training_falls_twice() -> None:
    long, short = AnswerTraining(steps=1300), AnswerTraining(steps=600)
    rates = [rate_at(long, step) / long.rate for step in range(1300)]

    assert max(rates[:20]) > 0.95
    assert rates[999] == 0.05
    assert rates[1000] == 0.5
    assert rates[1299] == pytest.approx(0.025)
    assert rate_at(short, 599) == min(rate_at(short, step) for step in range(20, 600))


def test_batches_go_on_where_they_were_left() -> None:
    whole = list(islice(example_batches(1, PHRASES, 3), 2 * BATCHES_PER_DRAW))

    assert list(islice(example_batches(1, PHRASES, 3, first=5), 3)) == whole[5:8]


def test_a_batch_asks_about_the_core_conditions_and_a_few_others() -> None:
    for batch in islice(example_batches(1, PHRASES, 3), 6):
        assert len(batch.definitions) == len(PHRASES.core) + OTHERS
        for example in batch.examples:
            assert example.questions
            assert all(question.definition < len(batch.definitions) for question in example.questions)


def test_both_answers_are_asked_for_in_fair_shares() -> None:
    answers = [
        question.answer
        for batch in islice(example_batches(1, PHRASES, 4), 40)
        for example in batch.examples
        for question in example.questions
    ]

    assert 0.25 < sum(answers) / len(answers) < 0.6
