"""Which study a report is about: rules as a pure function over the identifiers of both.

Accession number with its issuer comes first, then Study Instance UID, then patient, procedure and time. An empty
identifier never matches. One candidate pairs; several, or a mismatch of name, birth date or sex, go to a person.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Person:
    """A patient as one side names them; empty where it does not say. Birth date as YYYYMMDD or a part of it."""

    identifier: str = ""
    authority: str = ""
    name: str = ""
    birth_date: str = ""
    sex: str = ""


@dataclass(frozen=True)
class ReportKeys:
    """What a report says about the study it is of.

    `accessions` are the accession numbers that it covers, `other_numbers` its further order numbers: one of them may be
    the study's where a site has its accession numbers in another field.
    """

    accessions: tuple[str, ...]
    accession_issuer: str
    study_uid: str
    person: Person
    procedure: str
    observed: datetime | None
    other_numbers: tuple[str, ...] = ()


@dataclass(frozen=True)
class StudyKeys:
    """What a study says about itself. `started` is its date and time in the site's zone."""

    id: int
    accession: str
    accession_issuer: str
    study_uid: str
    person: Person
    description: str
    started: datetime | None


@dataclass(frozen=True)
class Paired:
    """The report is about these studies."""

    study_ids: tuple[int, ...]
    how: str
    evidence: str


@dataclass(frozen=True)
class NeedsReview:
    """A person has to decide; `study_ids` are the candidates."""

    study_ids: tuple[int, ...]
    reason: str


@dataclass(frozen=True)
class Unpaired:
    """No study fits yet; one that arrives later may."""

    reason: str


Decision = Paired | NeedsReview | Unpaired


def pair(report: ReportKeys, studies: Sequence[StudyKeys], window: timedelta) -> Decision:
    """Decide which of the studies the report is about.

    Args:
        report: the report's identifiers.
        studies: every study that shares an accession number, the UID or the patient identifier with it.
        window: the longest time between study and observation for pairing by patient.
    """
    rules: tuple[tuple[str, Callable[[StudyKeys], bool]], ...] = (
        ("accession number", lambda study: _same_accession(report, study)),
        ("study UID", lambda study: bool(report.study_uid) and report.study_uid == study.study_uid),
        ("order number", lambda study: bool(study.accession) and study.accession in report.other_numbers),
        ("patient, procedure and time", lambda study: _same_patient_and_time(report, study, window)),
    )
    for how, fits in rules:
        if candidates := [study for study in studies if fits(study)]:
            return _decide(report, candidates, how)
    return Unpaired(_why_unpaired(report))


def _decide(report: ReportKeys, candidates: list[StudyKeys], how: str) -> Decision:
    ids = tuple(study.id for study in candidates)
    mismatches = sorted({field for study in candidates for field in _mismatches(report.person, study.person)})
    if mismatches:
        return NeedsReview(
            ids, f"The {how} fits, but {' and '.join(mismatches)} differ. Decide, and use `spinelabel pair`."
        )
    one_each = how == "accession number" and len({study.accession for study in candidates}) == len(candidates)
    if len(candidates) > 1 and not one_each:
        return NeedsReview(ids, f"{len(candidates)} studies fit by {how}. Choose one, and use `spinelabel pair`.")
    return Paired(ids, how, f"{how} fits {'one study' if len(ids) == 1 else f'{len(ids)} studies'}")


def _same_accession(report: ReportKeys, study: StudyKeys) -> bool:
    issuers = {report.accession_issuer, study.accession_issuer} - {""}
    return bool(study.accession) and study.accession in report.accessions and len(issuers) <= 1


def _same_patient_and_time(report: ReportKeys, study: StudyKeys, window: timedelta) -> bool:
    person, other = report.person, study.person
    if not person.identifier or person.identifier != other.identifier:
        return False
    if person.authority and other.authority and person.authority != other.authority:
        return False
    if report.observed is None or study.started is None or abs(report.observed - study.started) > window:
        return False
    return not (report.accessions and study.accession) and _share_a_word(report.procedure, study.description)


def _share_a_word(procedure: str, description: str) -> bool:
    """Tell whether two names of a procedure may mean the same; an unnamed one may mean any."""
    ours, theirs = (
        set(re.findall(r"\w{3,}", text.casefold())) - {"mri", "mrt", "irm"} for text in (procedure, description)
    )
    return not ours or not theirs or bool(ours & theirs)


def _mismatches(ours: Person, theirs: Person) -> list[str]:
    found = []
    if ours.name and theirs.name and not _name_parts(ours.name) & _name_parts(theirs.name):
        found.append("the names")
    if not (ours.birth_date.startswith(theirs.birth_date) or theirs.birth_date.startswith(ours.birth_date)):
        found.append("the birth dates")
    if {ours.sex, theirs.sex} == {"F", "M"}:
        found.append("the sexes")
    return found


def _name_parts(name: str) -> set[str]:
    """Give the family names of all groups, without accents, case and punctuation."""
    plain = unicodedata.normalize("NFKD", name)
    groups = ("".join(c for c in group.split("^")[0] if c.isalnum()).casefold() for group in plain.split("="))
    return {group for group in groups if group}


def _why_unpaired(report: ReportKeys) -> str:
    carried = [
        what
        for what, there in (
            ("accession number", bool(report.accessions)),
            ("study UID", bool(report.study_uid)),
            ("patient identifier with a time", bool(report.person.identifier and report.observed)),
        )
        if there
    ]
    if not carried:
        return "The report has no accession number, study UID or patient identifier. Pair it with `spinelabel pair`."
    return f"No study with its {' or '.join(carried)} has arrived. Send the study, or use `spinelabel pair`."
