"""What the service needs to know of a received object: its identifiers and a few texts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integrations.dicom.elements import first_item, read_elements
from integrations.dicom.errors import UnusableIdentifier
from integrations.dicom.part10 import data_set_offset
from integrations.dicom.text import CharacterSet

_UIDS = {
    "sop_class_uid": (0x00080016, "SOP Class UID"),
    "sop_instance_uid": (0x00080018, "SOP Instance UID"),
    "study_uid": (0x0020000D, "Study Instance UID"),
    "series_uid": (0x0020000E, "Series Instance UID"),
}
_TEXTS = {
    "patient_id": (0x00100020, "Patient ID"),
    "patient_id_issuer": (0x00100021, "Issuer of Patient ID"),
    "patient_name": (0x00100010, "Patient's Name"),
    "accession_number": (0x00080050, "Accession Number"),
    "study_id": (0x00200010, "Study ID"),
    "study_description": (0x00081030, "Study Description"),
    "series_description": (0x0008103E, "Series Description"),
    "referring_physician": (0x00080090, "Referring Physician's Name"),
    "manufacturer": (0x00080070, "Manufacturer"),
}
_PLAIN = {
    "birth_date": 0x00100030,
    "sex": 0x00100040,
    "study_date": 0x00080020,
    "study_time": 0x00080030,
    "modality": 0x00080060,
}
_NUMBERS = {"series_number": 0x00200011, "instance_number": 0x00200013}
_NAMES = frozenset({"patient_name", "referring_physician"})
_CHARACTER_SET = 0x00080005
_ACCESSION_ISSUER = 0x00080051
_ISSUER_IDS = (0x00400031, 0x00400032)  # Local Namespace Entity ID before Universal Entity ID
_TAGS = (*_UIDS.values(), *_TEXTS.values())
_WANTED = frozenset(
    {_CHARACTER_SET, _ACCESSION_ISSUER, *_PLAIN.values(), *_NUMBERS.values(), *(tag for tag, _ in _TAGS)}
)
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")


@dataclass(frozen=True)
class InstanceHeader:
    """Identifiers and texts of one object, as they stand in it, without the padding.

    An attribute that is empty or absent is the empty string, a number that cannot be read is None. UIDs keep leading
    zeros. Dates are YYYYMMDD and times HHMMSS.FFFFFF as sent. `character_set` is what the object declares, its values
    joined by a backslash. `notes` says in words what was read otherwise than declared; it holds no value.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    patient_id: str
    patient_id_issuer: str
    patient_name: str
    birth_date: str
    sex: str
    accession_number: str
    accession_issuer: str
    study_id: str
    study_date: str
    study_time: str
    study_description: str
    referring_physician: str
    modality: str
    series_description: str
    series_number: int | None
    instance_number: int | None
    manufacturer: str
    character_set: str
    notes: tuple[str, ...]


def read_header(path: Path, transfer_syntax_uid: str, fallback_charset: str = "ISO_IR 100") -> InstanceHeader:
    """Read the identifiers of a Part 10 file; nothing behind Instance Number (0020,0013) is looked at.

    Lengths and value representations that break the standard are taken as they are. Text that does not fit the declared
    character set is read with the fallback, and a note says so.

    Args:
        path: a file with preamble and file meta information, or a bare data set.
        transfer_syntax_uid: how the data set is encoded; the file meta information is not asked.
        fallback_charset: the site's character set, a defined term of (0008,0005).

    Raises:
        UnusableIdentifier: SOP Class, SOP Instance, Study Instance or Series Instance UID is missing or is no UID.
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        stream.seek(data_set_offset(stream))
        raw = read_elements(stream, transfer_syntax_uid, _WANTED)
    declared = _plain(raw.get(_CHARACTER_SET, b""))
    charset = CharacterSet(tuple(term.strip() for term in declared.split("\\")), fallback_charset)
    texts, notes = _texts(raw, charset)
    issuer, _ = charset.read(_accession_issuer(raw, transfer_syntax_uid))
    values: dict[str, Any] = {
        **{field: _uid(raw.get(tag), tag, name) for field, (tag, name) in _UIDS.items()},
        **texts,
        **{field: _plain(raw.get(tag, b"")) for field, tag in _PLAIN.items()},
        **{field: _number(raw.get(tag, b"")) for field, tag in _NUMBERS.items()},
    }
    return InstanceHeader(**values, accession_issuer=issuer.strip(), character_set=declared, notes=notes)


def is_uid(value: str) -> bool:
    """Whether a value can be a UID: digits and dots, 64 characters at most (PS3.5, 9.1).

    Components with leading zeros are let through, since scanners write them.
    """
    return len(value) <= 64 and _UID.fullmatch(value) is not None


def _uid(value: bytes | None, tag: int, name: str) -> str:
    place = f"{name} ({tag >> 16:04X},{tag & 0xFFFF:04X})"
    text = _plain(value or b"")
    if not text:
        raise UnusableIdentifier(f"{place} is missing")
    if not is_uid(text):
        raise UnusableIdentifier(f"{place} is not a UID")
    return text


def _texts(raw: Mapping[int, bytes], charset: CharacterSet) -> tuple[dict[str, str], tuple[str, ...]]:
    texts, notes = {}, []
    for field, (tag, name) in _TEXTS.items():
        text, fits = charset.read(raw.get(tag, b""), is_name=field in _NAMES)
        texts[field] = text.strip(" \0")
        if not fits:
            declared = "\\".join(charset.declared) or "the default character set"
            notes.append(f"{name} does not fit {declared} and is read as {charset.fallback}.")
    return texts, tuple(notes)


def _accession_issuer(raw: Mapping[int, bytes], transfer_syntax_uid: str) -> bytes:
    item = first_item(raw.get(_ACCESSION_ISSUER, b""), transfer_syntax_uid, frozenset(_ISSUER_IDS))
    return next((item[tag].strip(b" \0") for tag in _ISSUER_IDS if item.get(tag)), b"")


def _plain(value: bytes) -> str:
    return value.decode("latin_1").strip(" \0")


def _number(value: bytes) -> int | None:
    try:
        return int(float(_plain(value)))
    except (ValueError, OverflowError):
        return None
