"""How long a peer that does not answer is left alone: the columns of it, for each kind of thing that is asked of it."""

from datetime import datetime, timedelta

from sqlmodel import Field, SQLModel

from service.pauses import doubling_pause
from service.store.columns import time_column


class Silence(SQLModel):
    """Whether a peer answers: after so many times in vain it is not asked before `next_attempt`.

    `answer` is what the last attempt in vain met with, in the peer's own words where it said something.
    """

    name: str = Field(unique=True)
    unanswered: int = 0
    silent_since: datetime | None = time_column(nullable=True)
    next_attempt: datetime | None = time_column(nullable=True)
    answer: str = ""

    def lasts(self, why: str, first_pause: timedelta, now: datetime) -> None:
        """Note one more attempt in vain, and let the next one wait twice as long."""
        self.unanswered += 1
        self.silent_since = self.silent_since or now
        self.next_attempt = now + doubling_pause(first_pause, self.unanswered)
        self.answer = why

    def ends(self) -> None:
        """Note that the peer answers."""
        self.unanswered, self.silent_since, self.next_attempt, self.answer = 0, None, None, ""
