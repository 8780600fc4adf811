"""How long what was tried in vain rests before it is tried again."""

from datetime import timedelta

LONGEST_PAUSE = timedelta(hours=1)


def doubling_pause(first: timedelta, attempts: int) -> timedelta:
    """Give the pause after so many attempts in vain: the first one, doubled with each further attempt up to an hour."""
    doublings = max(0, min(attempts - 1, 20))  # beyond that only the number would grow
    return min(LONGEST_PAUSE, first * (1 << doublings))
