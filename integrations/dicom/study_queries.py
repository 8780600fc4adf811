"""Questions for studies, and whether an answer is one to them (PS3.4, Annex C, Study Root).

A PACS may ignore a key that it does not match by, and may match without regard to case, so each answer is held against
what was asked. Nothing here speaks to a network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from integrations.dicom.errors import Unaskable
from integrations.dicom.header import is_uid

KEYS = {
    "STUDY": {
        "AccessionNumber": "single value",
        "StudyInstanceUID": "single value",
        "PatientID": "single value",
        "ModalitiesInStudy": "single value",
        "StudyDate": "range",
        "IssuerOfPatientID": "",
        "StudyTime": "",
        "StudyDescription": "",
        "NumberOfStudyRelatedInstances": "",
        "InstanceAvailability": "",
    },
    "SERIES": {
        "StudyInstanceUID": "single value",
        "SeriesInstanceUID": "",
        "Modality": "",
        "NumberOfSeriesRelatedInstances": "",
    },
    "IMAGE": {
        "StudyInstanceUID": "single value",
        "SeriesInstanceUID": "single value",
        "SOPInstanceUID": "single value",
    },
}
"""The keys of a C-FIND at each level, and how they are matched by where they have a value; empty is asked back only."""
_WILDCARDS = frozenset("*?\\")  # PS3.4, C.2.2.2.4; the backslash stands between values and cannot be escaped


@dataclass(frozen=True)
class StudyQuery:
    """What studies are looked for by; an empty key is not asked. Dates are YYYYMMDD, both within the range."""

    accession: str = ""
    study_uid: str = ""
    patient_id: str = ""
    modality: str = ""
    from_date: str = ""
    to_date: str = ""


@dataclass(frozen=True)
class FoundStudy:
    """A study that a PACS has, as it says itself; empty or None where it does not say.

    `availability` is the Instance Availability: ONLINE, NEARLINE, OFFLINE or UNAVAILABLE.
    """

    study_uid: str
    accession: str
    patient_id: str
    study_date: str
    description: str
    modalities: tuple[str, ...]
    instances: int | None
    availability: str


def study_identifier(query: StudyQuery) -> Dataset:
    """Write the identifier of a C-FIND for studies.

    Raises:
        Unaskable: no key names a study, a UID is none, or a value holds what a PACS reads as a wildcard.
    """
    if not (query.accession or query.study_uid or query.patient_id):
        raise Unaskable("A study is asked for by accession number, study UID or patient ID, and there is none.")
    if query.study_uid and not is_uid(query.study_uid):
        raise Unaskable("The study UID is not a UID. Correct it where it comes from.")
    for name, value in (("accession number", query.accession), ("patient ID", query.patient_id)):
        if _WILDCARDS & set(value) or not value.isprintable():
            raise Unaskable(f"The {name} holds a character that a PACS reads as a wildcard. Ask by the study UID.")
    values = {
        "AccessionNumber": query.accession,
        "StudyInstanceUID": query.study_uid,
        "PatientID": query.patient_id,
        "ModalitiesInStudy": query.modality,
        "StudyDate": f"{query.from_date}-{query.to_date}" if query.from_date or query.to_date else "",
    }
    identifier = identifier_of("STUDY", values)
    _declare_character_set(identifier, query.accession + query.patient_id)
    return identifier


def identifier_of(level: str, values: Mapping[str, str]) -> Dataset:
    """Write an identifier with all keys of a level, empty where there is no value."""
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    for keyword in KEYS[level]:
        setattr(identifier, keyword, values.get(keyword))
    return identifier


def read_answer(answer: Dataset) -> FoundStudy:
    """Read an answer; whatever in it cannot be read counts as not said."""
    return FoundStudy(
        study_uid=text_of(answer, "StudyInstanceUID"),
        accession=text_of(answer, "AccessionNumber"),
        patient_id=text_of(answer, "PatientID"),
        study_date=text_of(answer, "StudyDate"),
        description=text_of(answer, "StudyDescription"),
        modalities=tuple(filter(None, (each.strip() for each in text_of(answer, "ModalitiesInStudy").split("\\")))),
        instances=number_of(answer, "NumberOfStudyRelatedInstances"),
        availability=text_of(answer, "InstanceAvailability").upper(),
    )


def is_answer(found: FoundStudy, query: StudyQuery) -> bool:
    """Tell whether a study was asked for; what the PACS does not say of modality and date is no difference."""
    if not is_uid(found.study_uid):
        return False
    exact = (
        (query.accession, found.accession),
        (query.study_uid, found.study_uid),
        (query.patient_id, found.patient_id),
    )
    if any(asked and asked.strip() != given for asked, given in exact):
        return False
    if query.modality and found.modalities and query.modality not in found.modalities:
        return False
    if not found.study_date:
        return True
    return (not query.from_date or query.from_date <= found.study_date) and (
        not query.to_date or found.study_date <= query.to_date
    )


def text_of(answer: Dataset, keyword: str) -> str:
    """Give a value as text without its padding, several joined by a backslash; empty where there is none to read."""
    try:
        value = answer.get(keyword)
    except Exception:  # noqa: BLE001  # pydicom converts at this moment, and raises almost anything at a broken value
        return ""
    if isinstance(value, MultiValue | list | tuple):
        return "\\".join(str(each) for each in value)
    return str(value if value is not None else "").strip(" \0")


def number_of(answer: Dataset, keyword: str) -> int | None:
    """Give a count, or None where there is none to read."""
    text = text_of(answer, keyword)
    return int(text) if text.isascii() and text.isdigit() else None


def holds(modalities: Sequence[str], wanted: Sequence[str]) -> bool:
    """Tell whether a study holds one of the wanted modalities, or may, since its PACS does not say."""
    return not modalities or bool(set(modalities) & set(wanted))


def _declare_character_set(identifier: Dataset, text: str) -> None:
    """Declare the plainest character set that holds a text, since not every PACS knows UTF-8."""
    if text.isascii():
        return
    try:
        text.encode("latin_1")
    except UnicodeEncodeError:
        identifier.SpecificCharacterSet = "ISO_IR 192"
    else:
        identifier.SpecificCharacterSet = "ISO_IR 100"
