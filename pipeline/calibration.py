"""Calibration of a language model's answers: the threshold that decides, and the probability that is shown."""

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from pipeline.errors import UnusableCalibration
from pipeline.values import Standing

UNCALIBRATED_THRESHOLD = 0.5
_STEP = 0.0001  # of the probabilities that are shown


@dataclass(frozen=True)
class AnsweredBy:
    """What gave the answers: model and adapter as `name@sha256:…`, data type, prompt id.

    A calibration holds for exactly one of these, since each of them moves the log-odds.
    """

    model: str
    adapter: str | None
    data_type: str
    prompt: str

    @property
    def digests(self) -> tuple[str, ...]:
        """Give what tells it from any other: the names of folders do not count."""
        named = (name.rpartition("@") for name in (self.model, self.adapter or ""))
        digests = (digest if digest.startswith("sha256:") else folder + digest for folder, _, digest in named)
        return (*digests, self.data_type, self.prompt)


@dataclass(frozen=True)
class Example:
    """One answer to a question whose answer is known; `report` is the report's digest (see `splits`).

    `rules` is the second reader's answer; None where it has no rules for the condition.
    """

    report: str
    condition: str
    level: str | None
    definition_version: str
    present: bool
    log_odds: float
    rules: bool | None = None


@dataclass(frozen=True)
class FittedOn:
    """What an entry was fitted on, and its figures there; figures on other reports are `evaluate`'s."""

    n: int
    positives: int
    balanced_accuracy: float
    eer: float
    auroc: float


@dataclass(frozen=True)
class CalibrationEntry:
    """The calibration of one question.

    The second reader's yes adds `rules_weight` to the model's log-odds and its no takes that away: 0 where it has no
    say. An answer is yes where these joint log-odds reach `threshold_log_odds`. `slope` (above 0) and `offset` turn
    them into those that are shown (Platt scaling), which never decides.
    """

    condition: str
    level: str | None
    definition_version: str
    threshold_log_odds: float
    slope: float
    offset: float
    fitted_on: FittedOn
    rules_weight: float = 0.0

    def joint_log_odds(self, log_odds: float, rules: bool | None) -> float:
        """Give the log-odds of model and second reader together."""
        return log_odds if rules is None else log_odds + self.rules_weight * (1 if rules else -1)


@dataclass(frozen=True)
class LeftUncalibrated:
    """A question with too few examples, which keeps the threshold .5."""

    condition: str
    level: str | None
    n: int
    positives: int
    reason: str


@dataclass(frozen=True)
class Calibration:
    """Thresholds for one model, adapter, data type and prompt; each entry is for one wording of a definition.

    `name` is `NAME@sha256:…` of all the rest. `standing` is what its findings get: calibrated here for a site's own,
    calibrated for one from real reports of elsewhere, demonstration where the reports were invented. `reports` are the
    digests of every report that it was fitted on, on which it must not be tested.
    """

    name: str
    answered_by: AnsweredBy
    standing: Standing
    entries: tuple[CalibrationEntry, ...]
    uncalibrated: tuple[LeftUncalibrated, ...]
    reports: tuple[str, ...]

    def entry(
        self, answered_by: AnsweredBy, condition: str, level: str | None, definition_version: str
    ) -> CalibrationEntry | None:
        """Give the entry of a question; None where there is none for exactly this model, prompt and wording."""
        if answered_by.digests != self.answered_by.digests:
            return None
        asked = (condition, level, definition_version)
        return next((e for e in self.entries if (e.condition, e.level, e.definition_version) == asked), None)


@dataclass(frozen=True)
class Judgement:
    """A yes/no answer: `answer` is `probability >= threshold`; `margin` is the log-odds above the threshold's."""

    answer: bool
    probability: float
    threshold: float
    margin: float


def judge(entry: CalibrationEntry | None, log_odds: float, rules: bool | None = None) -> Judgement:
    """Answer by the joint log-odds against the threshold; without an entry by the rounded probability and .5.

    The probability that is shown is Platt-scaled and rounded, then held on the answer's side of the threshold, so that
    it and the threshold in its scale always give the answer again. It never falls as the log-odds rise.
    """
    if entry is None:
        probability = round(_sigmoid(log_odds), 4)
        return Judgement(probability >= UNCALIBRATED_THRESHOLD, probability, UNCALIBRATED_THRESHOLD, log_odds)
    log_odds = entry.joint_log_odds(log_odds, rules)
    shown, threshold = (
        round(_sigmoid(entry.slope * value + entry.offset), 4) for value in (log_odds, entry.threshold_log_odds)
    )
    threshold = min(max(threshold, _STEP), 1 - _STEP)
    answer = log_odds >= entry.threshold_log_odds
    probability = max(shown, threshold) if answer else min(shown, round(threshold - _STEP, 4))
    return Judgement(answer, probability, threshold, log_odds - entry.threshold_log_odds)


def named_calibration(name: str, calibration: Calibration) -> Calibration:
    """Give a calibration under a name that tells it from any other, `NAME@sha256:…` of all but the name."""
    content = asdict(calibration)
    del content["name"]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return Calibration(
        f"{name}@sha256:{digest}",
        calibration.answered_by,
        calibration.standing,
        calibration.entries,
        calibration.uncalibrated,
        calibration.reports,
    )


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Write a calibration as JSON."""
    path.write_text(json.dumps(asdict(calibration), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_calibration(path: Path) -> Calibration:
    """Read a calibration.

    Raises:
        UnusableCalibration: the file cannot be read, holds no calibration, or was changed since it was fitted.
    """
    try:
        # json reads back the very floats that it wrote, which pydantic's own JSON reader does not always do
        calibration = TypeAdapter(Calibration).validate_python(json.loads(path.read_bytes()))
    except OSError as error:
        raise UnusableCalibration(
            f"{path}: {error.strerror}. Name a file that `spinelabel calibrate` wrote, or none."
        ) from error
    except ValueError as error:
        raise UnusableCalibration(f"{path} holds no calibration. Write it with `spinelabel calibrate`.") from error
    if named_calibration(calibration.name.split("@sha256:")[0], calibration) != calibration:
        raise UnusableCalibration(f"{path} was changed after it was fitted. Calibrate again instead of editing it.")
    return calibration


def reports_calibrated_on(calibration: Calibration, digests: Iterable[str]) -> list[int]:
    """Give the places of the digests that the calibration was fitted on."""
    fitted = frozenset(calibration.reports)
    return [place for place, digest in enumerate(digests) if digest in fitted]


def _sigmoid(value: float) -> float:
    return 0.5 * (1 + math.tanh(value / 2))
