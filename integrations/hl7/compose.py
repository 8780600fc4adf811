"""Writing a report as an ORU^R01 message, for the demo and the self-test, whose reports are plain text.

Source: HL7 2.5.1 chapter 7; IHE Radiology TF-2 for ZDS-1.
"""

from dataclasses import dataclass
from datetime import datetime

from integrations.hl7.delimiters import STANDARD
from integrations.hl7.escapes import escape


@dataclass(frozen=True)
class OutgoingReport:
    """A final report. Times carry a zone; `birth_date` is YYYYMMDD; what is empty is left out of the message."""

    control_id: str
    accession: str
    study_uid: str
    patient_id: str
    authority: str
    family: str
    given: str
    birth_date: str
    sex: str
    procedure_code: str
    procedure: str
    observed_at: datetime
    reported_at: datetime
    text: str


def compose_oru(report: OutgoingReport) -> bytes:
    """Write a message of version 2.5.1 in UTF-8, one OBX for each line of the text, without MLLP framing."""
    procedure = _composed(report.procedure_code, report.procedure, "LOCAL")
    reported = _time(report.reported_at)
    segments = [
        _segment(
            "MSH",
            {
                2: "^~\\&",
                3: "DEMO",
                5: "SPINELABEL",
                7: reported,
                9: "ORU^R01^ORU_R01",
                10: _plain(report.control_id),
                11: "P",
                12: "2.5.1",
                18: "UNICODE UTF-8",
            },
        ),
        _segment(
            "PID",
            {
                1: "1",
                3: _composed(report.patient_id, "", "", report.authority, "MR") if report.patient_id else "",
                5: _composed(report.family, report.given),
                7: report.birth_date,
                8: _plain(report.sex),
            },
        ),
        _segment(
            "OBR",
            {
                1: "1",
                3: _plain(report.accession),
                4: procedure,
                7: _time(report.observed_at),
                18: _plain(report.accession),
                22: reported,
                25: "F",
            },
        ),
        *(
            _segment("OBX", {1: str(number), 2: "TX", 3: procedure, 5: _plain(line), 11: "F"})
            for number, line in enumerate(report.text.split("\n"), start=1)
        ),
    ]
    if report.study_uid:
        segments.append(_segment("ZDS", {1: _composed(report.study_uid, "DEMO", "Application", "DICOM")}))
    return "".join(f"{segment}\r" for segment in segments).encode()


def _segment(name: str, fields: dict[int, str]) -> str:
    """Write a segment; MSH-1 is the separator before MSH-2."""
    first = 2 if name == "MSH" else 1
    return STANDARD.field.join([name, *(fields.get(number, "") for number in range(first, max(fields) + 1))])


def _composed(*components: str) -> str:
    return STANDARD.component.join(map(_plain, components)).rstrip(STANDARD.component)


def _plain(value: str) -> str:
    return escape(value, STANDARD)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S%z")
