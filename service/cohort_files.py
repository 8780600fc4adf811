"""Cohort files: which findings a research group gets, in which formats, and when."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from config.files import read_yaml
from config.time_zones import TimeZoneName
from service.calendar import check_cron
from service.errors import UnknownCohort, UnusableCohort

EXAMPLE_COHORTS = Path(__file__).with_name("cohorts")


class Cohort(BaseModel):
    """One cohort, as its file describes it. Empty `conditions` or `sources` mean all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    description: str = ""
    conditions: tuple[str, ...] = ()
    sources: tuple[Literal["report", "image"], ...] = ()
    formats: Annotated[tuple[Literal["parquet", "csv"], ...], Field(min_length=1)] = ("parquet", "csv")
    schedule: str | None = None
    time_zone: TimeZoneName = "UTC"

    @field_validator("schedule")
    @classmethod
    def _is_cron(cls, schedule: str | None) -> str | None:
        if schedule is not None:
            check_cron(schedule)
        return schedule


def load_cohorts(folder: Path) -> tuple[Cohort, ...]:
    """Read every cohort file of a folder.

    Raises:
        UnusableCohort: names the file, the key and what is wrong with it.
    """
    cohorts, faults = read_cohorts(folder)
    if faults:
        raise faults[0]
    return cohorts


def read_cohorts(folder: Path) -> tuple[tuple[Cohort, ...], tuple[UnusableCohort, ...]]:
    """Read the cohort files of a folder, and say of those that cannot be used why; the others are unharmed."""
    cohorts: dict[str, Cohort] = {}
    faults = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            cohort = _read_cohort(path)
        except UnusableCohort as fault:
            fault.cohort = fault.cohort or path.stem
            faults.append(fault)
            continue
        if cohort.name in cohorts:
            faults.append(UnusableCohort(f"{path}: another file names its cohort {cohort.name}. Give it its own name."))
            continue
        cohorts[cohort.name] = cohort
    return tuple(cohorts.values()), tuple(faults)


def _read_cohort(path: Path) -> Cohort:
    values = read_yaml(path, UnusableCohort, "Make the file readable for the service.")
    try:
        return Cohort.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(step) for step in fault["loc"]) or "the file"
        named = values.get("name") if isinstance(values, dict) else None
        raise UnusableCohort(
            f"{path}, {place}: {fault['msg'].removeprefix('Value error, ')}.", str(named or "")
        ) from error


def find_cohort(folder: Path, name: str) -> Cohort:
    """Give the cohort of that name.

    Raises:
        UnknownCohort: no file of the folder has it; the message lists those there.
        UnusableCohort: a file cannot be read.
    """
    cohorts = load_cohorts(folder)
    for cohort in cohorts:
        if cohort.name == name:
            return cohort
    raise UnknownCohort(f"{folder} has no cohort {name}; it has {', '.join(c.name for c in cohorts) or 'none'}.")
