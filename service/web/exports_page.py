"""The page of exports: each cohort with its schedule, its next run, and its last ones."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from service.calendar import next_slot
from service.cohort_files import Cohort, read_cohorts
from service.store.tables import CohortRun

RUNS = 5


@dataclass(frozen=True)
class CohortLine:
    """One cohort with its next run and its newest ones."""

    cohort: Cohort
    upcoming: datetime | None
    runs: list[CohortRun]


def list_cohorts(session: Session, folder: Path, now: datetime) -> tuple[list[CohortLine], list[str]]:
    """Give each cohort, and what is wrong with the files that hold none."""
    cohorts, faults = read_cohorts(folder)
    lines = []
    for cohort in cohorts:
        newest = select(CohortRun).where(CohortRun.cohort == cohort.name).order_by(col(CohortRun.id).desc())
        upcoming = next_slot(cohort.schedule, ZoneInfo(cohort.time_zone), now) if cohort.schedule else None
        lines.append(CohortLine(cohort, upcoming, list(session.exec(newest.limit(RUNS)))))
    return lines, [str(fault) for fault in faults]
