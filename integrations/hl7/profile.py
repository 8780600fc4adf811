"""The HL7 profile: what the listener takes and answers, from the tables that the code runs on and site settings."""

from collections.abc import Mapping

from config.settings import Hl7Settings
from integrations.hl7.acks import CODES, CONDITIONS
from integrations.hl7.adt import UNLINK, UPDATES
from integrations.hl7.connection import ListenerLimits
from integrations.hl7.merges import MERGES
from integrations.hl7.oru import REPORT_TYPES
from integrations.hl7.status import ORDER_CODES, ROW_CODES, Status
from integrations.hl7.text import SUFFIXES
from integrations.statements import listed, sections, table

FIELDS: tuple[tuple[str, str], ...] = (
    ("MSH-3, MSH-4", "sender, by which `hl7.senders` and repeats are told"),
    ("MSH-7", "time of the message, and the offset of times without one"),
    ("MSH-9", "type, as below"),
    ("MSH-10", "control id, given back in MSA-2"),
    ("MSH-15, MSH-16", "acknowledgements wanted"),
    ("MSH-18", "character sets"),
    ("PID-3", "patient's numbers, by `hl7.authority` and `hl7.identifier_types`"),
    ("PID-5", "patient's name"),
    ("PID-7", "birth date"),
    ("PID-8", "sex"),
    ("MRG-1", "number that becomes PID-3"),
    (
        "OBR-2, OBR-3, OBR-18, OBR-20, ORC-2, ORC-3",
        "order numbers, ORC-2 where OBR-2 is empty; `hl7.accession_from` says which is the accession number",
    ),
    ("OBR-4", "procedure"),
    ("OBR-7", "time of the examination"),
    ("OBR-22", "time of the report, by which versions are ordered"),
    ("OBR-25", "status of the report"),
    ("OBX-2", "type of the value"),
    ("OBX-3", "code; its suffix names a section"),
    ("OBX-5", "text"),
    ("OBX-11", "status of the row"),
    ("NTE-3", "text, after an OBX or OBR"),
    ("ZDS-1, IPC-3", "Study Instance UID, the first of both"),
)
"""What a report and a patient are read from."""


def hl7_profile(settings: Hl7Settings) -> str:
    """Write the profile of a site, for whoever connects a report feed to it."""
    limits = ListenerLimits()
    return sections(
        "# HL7 profile",
        "HL7 by MLLP, version 2 and any 2.x. `spinelabel statement hl7 --config site.yaml` prints this with a site's "
        "own values; without one they are the defaults. `spinelabel inspect hl7 FILE` shows what is made of a message.",
        "## Transport",
        f"Port {settings.port}, {'with TLS' if settings.tls else 'without TLS'}; {limits.connections} connections, "
        f"{limits.messages} messages at one time, "
        f"frames of up to {limits.frame_bytes:,} bytes, {limits.frame_seconds:g} s from a frame's start to its end. "
        "Bytes between frames are skipped and counted. Several messages in a frame, and FHS/BHS batches, are "
        "answered one by one, batches of senders with `batch_acks: batch` by one batch.",
        "## Messages",
        _messages(),
        "## Fields",
        "What a report and a patient are read from; the message as it came is kept whole.",
        table(("field", "read as"), FIELDS),
        f"Accession number from {listed(settings.accession_from)}, the first that holds one. Text of OBX-5 by its "
        "type: TX, FT and ST as lines, CE and CWE by their text, ED decoded (text, RTF, HTML, PDF with text). "
        f"Suffixes of OBX-3: {listed(SUFFIXES)}.",
        "## Status",
        _codes("OBR-25", ORDER_CODES),
        _codes("OBX-11", ROW_CODES),
        "The less final of both counts. `hl7.senders` may say otherwise for one sender.",
        "## Acknowledgements",
        table(("MSA-1", "given"), CODES.items()),
        table(("MSH-15, MSH-16", "an acknowledgement goes out"), CONDITIONS.items()),
        "Both empty is the original mode: one acknowledgement for each message. Before any, the message's bytes are on "
        "disk. A byte-identical repeat is acknowledged again and processed once. ERR names segment, field and a code "
        "of table 0357, from version 2.5 on in ERR-2 and ERR-3, before in ERR-1.",
        "## Character sets",
        f"As MSH-18 says, in any usual spelling; without it UTF-8 where the bytes are that, else `{settings.charset}`.",
    )


def _messages() -> str:
    return table(
        ("MSH-9", "does"),
        (
            (listed(sorted(REPORT_TYPES)), "brings reports"),
            (listed(sorted(UPDATES)), 'updates a patient; an empty field leaves a value, `""` clears it'),
            (listed(sorted(MERGES)), "makes the number of MRG-1 that of PID-3"),
            (f"`{UNLINK}`", "undoes a merge of two numbers"),
            ("any other", "is kept and acknowledged, and not used"),
        ),
    )


def _codes(field: str, meanings: Mapping[str, Status]) -> str:
    by_meaning = {status: [code for code, meaning in meanings.items() if meaning is status] for status in Status}
    rows = ((listed(codes), status.value) for status, codes in by_meaning.items() if codes)
    return table((field, "means"), rows)
