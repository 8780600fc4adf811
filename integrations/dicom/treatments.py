"""What is made of the statuses that a peer may answer with, as tables that the conformance statement shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Outcome = TypeVar("Outcome", bound=str, covariant=True)


@dataclass(frozen=True)
class Treatment(Generic[Outcome]):
    """What is made of the statuses from one to another."""

    first: int
    last: int
    outcome: Outcome

    def __str__(self) -> str:
        return f"{self.first:04X}H" if self.first == self.last else f"{self.first:04X}H to {self.last:04X}H"


def outcome_of(treatments: Sequence[Treatment[Outcome]], status: int) -> Outcome:
    """Give what is made of a status: the first row that it fits counts, and the last one takes every status."""
    return next(each.outcome for each in treatments if each.first <= status <= each.last)
