"""The file of a back-load campaign: a table whose rows name studies by accession number or study UID."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from integrations.dicom.errors import Unaskable
from integrations.dicom.header import is_uid
from integrations.dicom.study_queries import StudyQuery, study_identifier
from service.errors import UnusableCampaign
from service.fetches import Wanted
from service.store.fetch_tables import ACCESSION, STUDY_UID
from service.store.states import FetchOrigin

_COLUMNS = {
    "accession": ACCESSION,
    "accession number": ACCESSION,
    "study uid": STUDY_UID,
    "study instance uid": STUDY_UID,
}


@dataclass(frozen=True)
class BadRow:
    """A row that names no study that can be asked for; its value is not repeated, since it may name a patient."""

    line: int
    reason: str


@dataclass(frozen=True)
class Campaign:
    """What a file asks for: the studies, each once, and the rows that cannot be used."""

    wanted: tuple[Wanted, ...]
    bad: tuple[BadRow, ...]


def read_campaign(path: Path) -> Campaign:
    """Read a CSV file with a column `accession` or `study_uid`, or both; the UID counts where a row has both.

    Columns may be parted by commas, semicolons or tabs. Other columns are not looked at.

    Raises:
        UnusableCampaign: the file cannot be read, or has neither column.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UnusableCampaign(f"{path}: {why}. Name a CSV file in UTF-8.") from error
    head = lines[0] if lines else ""
    rows = csv.DictReader(lines, delimiter=max(",;\t", key=head.count))
    columns = {name: by for name in rows.fieldnames or () if (by := _COLUMNS.get(_plain(name))) is not None}
    if not columns:
        raise UnusableCampaign(f"{path}: its first line names no column `accession` or `study_uid`. Add one.")
    wanted: dict[tuple[str, str], Wanted] = {}
    bad = []
    for row in rows:
        try:
            study = _wanted(row, columns)
        except Unaskable as error:
            bad.append(BadRow(rows.line_num, str(error)))
        else:
            wanted[study.by, study.value] = study
    return Campaign(tuple(wanted.values()), tuple(bad))


def _wanted(row: Mapping[str, str | None], columns: Mapping[str, str]) -> Wanted:
    values = {by: (row.get(name) or "").strip() for name, by in columns.items()}
    accession, study_uid = values.get(ACCESSION, ""), values.get(STUDY_UID, "")
    if not (accession or study_uid):
        raise Unaskable("It has neither an accession number nor a study UID.")
    if study_uid and not is_uid(study_uid):
        raise Unaskable("Its study UID is not a UID.")
    by, value = (STUDY_UID, study_uid) if study_uid else (ACCESSION, accession)
    study_identifier(StudyQuery(study_uid=study_uid) if study_uid else StudyQuery(accession=accession))
    return Wanted(by, value, FetchOrigin.CAMPAIGN)


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())
