"""Patient and study of a structured report, taken from an image that may be incomplete or wrongly declared.

highdicom reads these from the image itself and stops at absent attributes, odd values and some character sets; the
report is therefore built on bare references, and gets these attributes afterwards.
"""

import re
from datetime import datetime, timedelta, timezone

from pydicom import Dataset
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_has_tag, dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

from integrations.dicom.text import CharacterSet

_TYPE_2 = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""Attributes of patient and study that must be there, empty where unknown (PS3.3 C.7.1.1, C.7.2.1)."""

_CARRIED = (
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "IssuerOfAccessionNumberSequence",
    "StudyDescription",
    "ProcedureCodeSequence",
    "PatientAge",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "LongitudinalTemporalInformationModified",
)
"""Attributes that go along where the image has a value."""

_TEXT_VRS = frozenset({"AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "SQ", "ST", "TM", "UC", "UI", "UR", "UT"})
"""What is copied from items of sequences; numbers have no part in codes and issuers."""

_REPLACEMENT = "\ufffd"


def patient_and_study(image: Dataset, fallback: str) -> Dataset:
    """Take patient and study from an image that nobody has decoded yet, for a data set in ISO_IR 192.

    Nothing is made up: what the image lacks is empty or absent. Text is read in its declared character set, else in
    `fallback` (a defined term of PS3.3 C.12.1.1.2), and never holds U+FFFD. Values that break the rules of their VR
    are kept as they are. A time zone that is no offset is left out.
    """
    declared = _declared(image, None)
    header = Dataset()
    for keyword in (*_TYPE_2, *_CARRIED):
        element = _copied(image, _tag(keyword), (declared, fallback))
        if not element.is_empty or keyword in _TYPE_2:
            header.add(element)
    if zone_of(image) is not None:
        header.TimezoneOffsetFromUTC = image.TimezoneOffsetFromUTC
    return header


def patient_id(image: Dataset, fallback: str) -> str:
    """Read the patient identifier of an image, empty where it has none, and leave the image undecoded."""
    return str(_copied(image, _tag("PatientID"), (_declared(image, None), fallback)).value or "")


def zone_of(image: Dataset) -> timezone | None:
    """Give the zone of an image's dates and times, None where it states none that can be read."""
    offset = re.fullmatch(r"([+-])(\d\d)(\d\d)", str(image.get("TimezoneOffsetFromUTC", "")).strip())
    if not offset or int(offset[2]) > 14 or int(offset[3]) > 59:
        return None
    minutes = int(offset[2]) * 60 + int(offset[3])
    return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))


def local_to(image: Dataset, moment: datetime) -> datetime:
    """Turn a moment into the zone that an image states, so that the zone carried over holds for it as well."""
    zone = zone_of(image)
    return moment.astimezone(zone) if zone else moment


def _tag(keyword: str) -> BaseTag:
    tag = tag_for_keyword(keyword)
    assert tag is not None, f"{keyword} is in no dictionary"  # noqa: S101 the keywords are ours
    return Tag(tag)


def _declared(dataset: Dataset, parent: str | None) -> str | None:
    terms = dataset.get("SpecificCharacterSet", parent)
    return "\\".join(terms) if isinstance(terms, MultiValue) else terms


def _copied(dataset: Dataset, tag: BaseTag, charsets: tuple[str | None, str]) -> DataElement:
    vr = dictionary_VR(tag)
    if tag not in dataset:
        return DataElement(tag, vr, None)
    if vr == "SQ":
        return DataElement(tag, vr, [_copied_item(item, charsets) for item in dataset[tag].value or []])
    stored = dataset.get_item(tag)  # unlike dataset[tag], this does not decode
    value = stored.value if isinstance(stored, RawDataElement | DataElement) else None
    # IGNORE keeps pydicom from putting a value into a warning.
    return DataElement(tag, vr, _text(value, vr, charsets), validation_mode=IGNORE)


def _copied_item(item: Dataset, charsets: tuple[str | None, str]) -> Dataset:
    inner = (_declared(item, charsets[0]), charsets[1])
    copy = Dataset()
    for tag in item.keys():  # noqa: SIM118 iterating a data set decodes its values
        is_text = dictionary_has_tag(tag) and dictionary_VR(tag) in _TEXT_VRS
        if is_text and tag != _tag("SpecificCharacterSet"):
            copy.add(_copied(item, tag, inner))
    return copy


def _text(value: object, vr: str, charsets: tuple[str | None, str]) -> str:
    if value is None:
        return ""
    if isinstance(value, MultiValue):
        return "\\".join(str(part) for part in value)
    if not isinstance(value, bytes):
        return str(value).replace(_REPLACEMENT, "")
    declared = tuple(term.strip() for term in (charsets[0] or "").split("\\"))
    text, _ = CharacterSet(declared, charsets[1]).read(value, is_name=vr == "PN")
    # What is left was damaged before it came here.
    return text.replace(_REPLACEMENT, "").strip(" \0")
