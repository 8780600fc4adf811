"""Which study a report is about: rules as a pure function over the identifiers of both.

Accession number with its issuer comes first, then Study Instance UID, then patient, procedure and time. An empty
identifier never matches. One candidate pairs; several, a UID that contradicts the accession number, or a mismatch of
name, birth date or sex, go to a person.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.names import birth_dates_fit, names_fit, sexes_fit

_USE_PAIR = "Decide, and use `spinelabel pair`."


@dataclass(frozen=True)
class Person:
    """A patient as one side names them; empty where it does not say. Birth date as YYYYMMDD or a part of it.

    `current` is the number of the row of who that patient is now, after merges; None where nobody is named.
    """

    identifier: str = ""
    authority: str = ""
    name: str = ""
    birth_date: str = ""
    sex: str = ""
    current: int | None = None


@dataclass(frozen=True)
class ReportKeys:
    """What a report says about the study it is of.

    `accessions` are the accession numbers that it covers, `other_numbers` its further order numbers: one of them may be
    the study's where a site has its accession numbers in another field. All are as they are compared
    (`accession_keys`). `issuers` names who gave out each, where that is another than `accession_issuer`. `apart` are
    the studies from which a person has parted it.
    """

    accessions: tuple[str, ...]
    accession_issuer: str
    study_uid: str
    person: Person
    procedure: str
    observed: datetime | None
    other_numbers: tuple[str, ...] = ()
    issuers: Mapping[str, str] = field(default_factory=dict)
    apart: frozenset[int] = frozenset()


@dataclass(frozen=True)
class StudyKeys:
    """What a study says about itself. `started` is its date and time in the site's zone.

    `known_as` is what the hospital's ADT has told of its patient, now or before.
    """

    id: int
    accession: str
    accession_issuer: str
    study_uid: str
    person: Person
    description: str
    started: datetime | None
    known_as: tuple[Person, ...] = ()


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
        if candidates := [study for study in studies if study.id not in report.apart and fits(study)]:
            return _decide(report, candidates, how)
    for how, fits in rules:
        if parted := tuple(study.id for study in studies if fits(study)):
            return NeedsReview(
                parted, f"The {how} fits, but a person has parted this report from its study. {_USE_PAIR}"
            )
    return Unpaired(why_unpaired(report))


def _decide(report: ReportKeys, candidates: list[StudyKeys], how: str) -> Decision:
    ids = tuple(study.id for study in candidates)
    if contradiction := _contradiction(report, candidates, how):
        return NeedsReview(ids, f"{contradiction} {_USE_PAIR}")
    mismatches = sorted({name for study in candidates for name in _mismatches(report.person, study)})
    if mismatches:
        return NeedsReview(ids, f"The {how} fits, but {' and '.join(mismatches)} differ. {_USE_PAIR}")
    one_each = how == "accession number" and len({study.accession for study in candidates}) == len(candidates)
    if len(candidates) > 1 and not one_each:
        return NeedsReview(ids, f"{len(candidates)} studies fit by {how}. Choose one, and use `spinelabel pair`.")
    return Paired(ids, how, f"{how} fits {'one study' if len(ids) == 1 else f'{len(ids)} studies'}")


def _contradiction(report: ReportKeys, candidates: list[StudyKeys], how: str) -> str:
    """Say how accession number and study UID contradict each other, where the report and its studies have both."""
    if how == "accession number" and report.study_uid:
        # Of several orders the UID names one only, whose study may be still to come.
        are_all_there = {study.accession for study in candidates} >= set(report.accessions)
        if are_all_there and report.study_uid not in {study.study_uid for study in candidates}:
            return "The accession number fits, but the report's study UID is of another study."
    if how == "study UID" and report.accessions:
        numbers = {*report.accessions, *report.other_numbers}
        if any(study.accession and study.accession not in numbers for study in candidates):
            return "The study UID fits, but the accession numbers differ."
        if any(study.accession in report.accessions for study in candidates):
            return "The study UID fits, but the accession numbers are of two issuers."
    return ""


def _same_accession(report: ReportKeys, study: StudyKeys) -> bool:
    ours = report.issuers.get(study.accession, report.accession_issuer)
    issuers = {ours, study.accession_issuer} - {""}
    return bool(study.accession) and study.accession in report.accessions and len(issuers) <= 1


def _same_patient_and_time(report: ReportKeys, study: StudyKeys, window: timedelta) -> bool:
    person, other = report.person, study.person
    if not _same_patient(person, other):
        return False
    if report.observed is None or study.started is None or abs(report.observed - study.started) > window:
        return False
    return not (report.accessions and study.accession) and _share_a_word(report.procedure, study.description)


def _same_patient(person: Person, other: Person) -> bool:
    """Tell whether both are one patient now, or have one number that no two authorities gave out."""
    if person.current is not None and person.current == other.current:
        return True
    if not person.identifier or person.identifier != other.identifier:
        return False
    return not (person.authority and other.authority and person.authority != other.authority)


def _share_a_word(procedure: str, description: str) -> bool:
    """Tell whether two names of a procedure may mean the same; an unnamed one may mean any."""
    ours, theirs = (
        set(re.findall(r"\w{3,}", text.casefold())) - {"mri", "mrt", "irm"} for text in (procedure, description)
    )
    return not ours or not theirs or bool(ours & theirs)


def _mismatches(ours: Person, study: StudyKeys) -> list[str]:
    """Name what of a report's patient differs from what the study says.

    What differs is none where ADT has told both of this patient: people marry, and birth dates are corrected. It must
    have told both, since a study of somebody else may have been made under this number.
    """
    theirs = study.person
    told = study.known_as if ours.current is not None and ours.current == theirs.current else ()
    compared: tuple[tuple[str, Callable[[str, str], bool], Callable[[Person], str]], ...] = (
        ("the names", names_fit, lambda person: person.name),
        ("the birth dates", birth_dates_fit, lambda person: person.birth_date),
        ("the sexes", sexes_fit, lambda person: person.sex),
    )
    found = []
    for what, fit, of in compared:
        known = [of(person) for person in told if of(person)]
        both_known = all(any(fit(of(person), each) for each in known) for person in (ours, theirs))
        if not fit(of(ours), of(theirs)) and not both_known:
            found.append(what)
    return found


def why_unpaired(report: ReportKeys) -> str:
    """Say why a report is paired with nothing, where no study fits."""
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
