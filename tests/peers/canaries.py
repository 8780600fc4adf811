"""Unmistakable strings in every field that can name a patient, and the search for them in whatever left the store."""

import base64
import re
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pyarrow.parquet as pq
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence

from integrations.hl7.compose import OutgoingReport, compose_oru

MARK = "Qzxjvkwq"  # no word and no name has it, and it is long enough to be found in base64
BIRTH = datetime(1877, 2, 13, tzinfo=UTC)
BIRTH_DATE = BIRTH.strftime("%Y%m%d")
PHONE = "05557741963"

OF_OBJECTS: Mapping[str, str] = {
    "PatientName": f"{MARK}family^{MARK}given",
    "PatientID": f"{MARK}id71",
    "IssuerOfPatientID": f"{MARK}issuer",
    "OtherPatientNames": f"{MARK}othername",
    "PatientBirthName": f"{MARK}birthname",
    "PatientMotherBirthName": f"{MARK}mother",
    "PatientAddress": f"{MARK} street 4",
    "PatientTelephoneNumbers": PHONE,
    "PatientComments": f"{MARK}comment",
    "Occupation": f"{MARK}trade",
    "AccessionNumber": f"{MARK}acc7",
    "StudyID": f"{MARK}study",
    "ReferringPhysicianName": f"{MARK}referrer",
    "PerformingPhysicianName": f"{MARK}performer",
    "OperatorsName": f"{MARK}operator",
    "NameOfPhysiciansReadingStudy": f"{MARK}reader",
    "RequestingPhysician": f"{MARK}requester",
    "InstitutionName": f"{MARK}hospital",
    "InstitutionAddress": f"{MARK}road",
    "StudyDescription": f"{MARK}described",
    "RequestedProcedureDescription": f"{MARK}procedure",
    "PerformedProcedureStepDescription": f"{MARK}step",
    "ImageComments": f"{MARK}imagecomment",
    "DeviceSerialNumber": f"{MARK}serial",
}
OF_REPORTS: Mapping[str, str] = {
    "PID-11": f"{MARK}lane^^{MARK}town",
    "PID-13": PHONE,
    "PID-19": f"{MARK}insured",
    "NK1-2": f"{MARK}kin^{MARK}next",
    "PV1-7": f"1^{MARK}attending",
    "OBR-16": f"2^{MARK}orderer",
    "ZXX-1": f"{MARK}zed",
}
SENTENCE = f"The {MARK}sentence stands in no log."
BIRTH_DATES = (BIRTH_DATE, f"{BIRTH:%Y-%m-%d}", f"{BIRTH:%d.%m.%Y}", f"{BIRTH:%d/%m/%Y}", f"{BIRTH:%m/%d/%Y}")


def planted(image: Dataset, series: str) -> Dataset:
    """Put canaries into every element of an image that names or describes; private ones and nested ones too."""
    for keyword, value in OF_OBJECTS.items():
        setattr(image, keyword, value)
    image.PatientBirthDate, image.PatientSex = BIRTH_DATE, "F"
    image.SeriesDescription = f"{series} {MARK}series"
    image.private_block(0x0099, f"{MARK}creator", create=True).add_new(0x01, "LO", f"{MARK}private")
    nested = Dataset()
    nested.PatientID = f"{MARK}nested"
    image.OtherPatientIDsSequence = Sequence([nested])
    return image


def message(image: Dataset, control_id: str, text: str) -> bytes:
    """Compose the report about an image, with canaries in every field that names somebody."""
    now = datetime.now(UTC)
    report = OutgoingReport(
        control_id=f"{MARK}{control_id}",
        accession=str(image.AccessionNumber),
        study_uid="",
        patient_id=str(image.PatientID),
        authority="",
        family=str(image.PatientName.family_name),
        given=str(image.PatientName.given_name),
        birth_date=BIRTH_DATE,
        sex="F",
        procedure_code="MRLS",
        procedure=f"{MARK}procedure",
        observed_at=now,
        reported_at=now,
        text=text,
    )
    segments = compose_oru(report).decode().split("\r")
    patient = segments[1].split("|") + [""] * 20
    patient[11], patient[13], patient[19] = (OF_REPORTS[f"PID-{number}"] for number in (11, 13, 19))
    segments[1] = "|".join(patient[:20])
    order = segments[2].split("|")
    order[16] = OF_REPORTS["OBR-16"]
    segments[2] = "|".join(order)
    segments[2:2] = [f"NK1|1|{OF_REPORTS['NK1-2']}", f"PV1|1|I|||||{OF_REPORTS['PV1-7']}"]
    segments.insert(-1, f"ZXX|{OF_REPORTS['ZXX-1']}")
    return "\r".join(segments).encode()


def find(content: bytes) -> set[str]:
    """Give the canaries in some bytes, in any letter case and in plain, UTF-16, percent, base64 or hexadecimal form."""
    whole = _flat(content)
    seen = (content, content.lower(), whole, whole.lower())
    return {name for name, pattern in _PATTERNS.items() if any(pattern.search(each) for each in seen)}


def _flat(content: bytes) -> bytes:
    """Join what was wrapped: base64 is cut into lines."""
    return re.sub(rb"[\r\n]+", b"", content) if len(content) < 1 << 26 else content


def _forms(canary: str) -> Iterator[bytes]:
    for spelling in {canary, canary.lower(), canary.upper(), canary.swapcase()}:
        plain = spelling.encode()
        yield plain
        yield spelling.encode("utf-16-le")
        yield spelling.encode("utf-16-be")
        yield quote(spelling, safe="").encode()
        yield "".join(f"%{byte:02X}" for byte in plain).encode()
        yield "".join(f"%{byte:02x}" for byte in plain).encode()
        yield plain.hex().encode()
        for wide in (plain, spelling.encode("utf-16-le")):
            yield from _in_base64(wide)


def _in_base64(plain: bytes) -> Iterator[bytes]:
    """Give the characters that stand for some bytes, however many stand before them."""
    for before in range(3):
        coded = base64.b64encode(bytes(before) + plain)
        yield coded[-(-before * 8 // 6) : (before + len(plain)) * 8 // 6]


def _pattern(*canaries: str) -> re.Pattern[bytes]:
    return re.compile(b"|".join(re.escape(form) for canary in canaries for form in sorted(set(_forms(canary)))))


_PATTERNS = {"mark": _pattern(MARK), "birth date": _pattern(*BIRTH_DATES), "phone": _pattern(PHONE)}


def decoded(path: Path) -> Iterator[bytes]:
    """Give what a file holds: its bytes, and what a reader of its kind makes of them."""
    content = path.read_bytes()
    yield content
    if content.startswith(b"SQLite format 3"):
        yield from _rows(path)
    elif content.startswith(b"PAR1"):
        yield pl.read_parquet(path).write_csv().encode()
        yield repr(pq.read_schema(path).metadata).encode()
    elif content.startswith(b"\x89PNG"):
        with Image.open(path) as picture:
            yield repr(picture.info).encode()
    elif content[128:132] == b"DICM":
        yield str(dcmread(path)).encode()


def _rows(path: Path) -> Iterator[bytes]:
    with sqlite3.connect(path) as connection:
        tables = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (table,) in tables:
            for row in connection.execute(f'select * from "{table}"'):  # noqa: S608  names of its own tables
                for value in row:
                    yield value if isinstance(value, bytes) else str(value).encode()


def search(folder: Path, *, leave_out: frozenset[str] = frozenset()) -> dict[str, set[str]]:
    """Give the canaries in the names and the contents of all files of a folder, by the path below it.

    Args:
        folder: what is searched.
        leave_out: names at its top whose contents are the store itself; the names of files there are searched.
    """
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*")):
        below = path.relative_to(folder)
        hits = find(str(below).encode())
        if path.is_file() and below.parts[0] not in leave_out:
            for piece in decoded(path):
                hits |= find(piece)
        if hits:
            found[str(below)] = hits
    return found
