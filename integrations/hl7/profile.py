"""The HL7 profile: what the listener takes and answers, from the tables that the code runs on and site settings."""

from collections.abc import Iterable, Mapping

from config.settings import Hl7Settings
from integrations.hl7.acks import CODES, CONDITIONS, FORMS, OUR_NAME, Form
from integrations.hl7.adt import UNLINK, UPDATES
from integrations.hl7.charset import CHARSETS, UNKNOWN_CHARSETS
from integrations.hl7.connection import ListenerLimits
from integrations.hl7.delimiters import Delimiters
from integrations.hl7.escapes import FORMATTING, letters_of
from integrations.hl7.faults import CODE_TEXT, PROCESSING_IDS, faults
from integrations.hl7.identifiers import STUDY_UID_CODES, STUDY_UID_POINTERS, STUDY_UID_TYPES
from integrations.hl7.merges import MERGES
from integrations.hl7.oru import REPORT_TYPES
from integrations.hl7.places import Fault
from integrations.hl7.status import ORDER_CODES, ROW_CODES, ROW_DELETED, Status
from integrations.hl7.text import CODED, MEASURES, POINTERS, READING_TEXT, SUFFIXES
from integrations.statements import listed, sections, table

FIELDS: tuple[tuple[str, str], ...] = (
    ("MSH-1, MSH-2", "delimiters, given back"),
    ("MSH-3, MSH-4", "sender, by which `hl7.senders` and repeats are told; receiver of the acknowledgement"),
    ("MSH-5, MSH-6", f"sender of the acknowledgement, `{OUR_NAME}` where MSH-5 is empty"),
    ("MSH-7", "time of the message, and the offset of times without one"),
    ("MSH-9", "type, as above"),
    ("MSH-10", "control id, given back in MSA-2"),
    ("MSH-11", f"processing id, one of {listed(PROCESSING_IDS)}; given back"),
    ("MSH-12", "version, by which the acknowledgement is written; given back"),
    ("MSH-15, MSH-16", "acknowledgements wanted"),
    ("MSH-18", "character sets, given back"),
    ("EVN-2", "time of the event, by which changes of a patient are ordered"),
    ("PID-2", "patient's number where PID-3 has none"),
    ("PID-3", "patient's numbers, by `hl7.authority` and `hl7.identifier_types`"),
    ("PID-5", "patient's name"),
    ("PID-7", "birth date"),
    ("PID-8", "sex"),
    ("MRG-1", "number that becomes PID-3"),
    ("MRG-7", "name that the patient had before"),
    (
        "OBR-2, OBR-3, OBR-18, OBR-20, ORC-2, ORC-3",
        "order numbers, ORC-2 where OBR-2 is empty; `hl7.accession_from` says which is the accession number",
    ),
    ("OBR-4", "procedure"),
    ("OBR-7", "time of the examination"),
    ("OBR-22", "time of the report, by which versions are ordered"),
    ("OBR-25", "status of the report"),
    ("OBR-29", "order above, whose accession number counts where the order has none"),
    ("OBX-2", "type of the value"),
    ("OBX-3", "code; its suffix names a section"),
    ("OBX-5", "text"),
    ("OBX-11", "status of the row"),
    ("NTE-3", "text, after an OBX or OBR"),
    ("ZDS-1, IPC-3", "Study Instance UID, the first of both and of the OBX that name a study"),
)
"""What a report and a patient are read from, and what an acknowledgement is written by."""

BATCH_FIELDS: tuple[tuple[str, str], ...] = (
    ("BHS-1, BHS-2", "delimiters, given back"),
    ("BHS-3, BHS-4", "sender, by which `hl7.senders` says whether answers come as a batch; its receiver"),
    ("BHS-5, BHS-6", "sender of that batch"),
    ("BHS-11", "control id, given back in BHS-12"),
    ("BTS-1, FTS-1", "counts of messages and batches; a difference is noted"),
)
"""What is read of a batch."""


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
        "answered one by one, batches of senders with `batch_acks: batch` by one batch. A connection is closed that is "
        "one too many, or whose message can be neither stored nor answered, as without MSH-10.",
        "## Messages",
        _messages(),
        "## Fields",
        "The message as it came is kept whole; this is what is read of it.",
        table(("field", "read as"), FIELDS),
        f"Accession number from {listed(settings.accession_from)}, the first that holds one. "
        f"Suffixes of OBX-3: {listed(SUFFIXES)}.",
        "Of a batch, from BHS, or FHS where there is none:",
        table(("field", "read as"), BATCH_FIELDS),
        "## Text",
        _text(),
        "## Status",
        _codes("OBR-25", ORDER_CODES),
        _codes("OBX-11", ROW_CODES),
        f"The less final of both counts. A row of OBX-11 `{ROW_DELETED}` is left out. `hl7.senders` may say otherwise "
        "for one sender.",
        "## Acknowledgements",
        _acknowledgements(faults(settings.accession_from)),
        "## Character sets",
        _charsets(settings),
    )


def _messages() -> str:
    return table(
        ("MSH-9", "does"),
        (
            (listed(sorted(REPORT_TYPES)), "brings reports"),
            (listed(sorted(UPDATES)), 'updates a patient; an empty field leaves a value, `""` clears it'),
            (listed(sorted(MERGES)), "makes the number of MRG-1 that of PID-3, and updates that patient"),
            (f"`{UNLINK}`", "undoes a merge of two numbers"),
            ("any other", "is kept and acknowledged, and not used"),
        ),
    )


def _codes(field: str, meanings: Mapping[str, Status]) -> str:
    by_meaning = {status: [code for code, meaning in meanings.items() if meaning is status] for status in Status}
    rows = ((listed(codes), status.value) for status, codes in by_meaning.items() if codes)
    return table((field, "means"), rows)


def _text() -> str:
    of_study = f"{listed(STUDY_UID_POINTERS)}; {listed(STUDY_UID_TYPES)} where OBX-3 is {listed(STUDY_UID_CODES)}"
    types = (
        (of_study, "no text: Study Instance UID, where ZDS-1 and IPC-3 have none"),
        ("`ED`, and any other that holds base64", "decoded: text, RTF, HTML, PDF with text; else a person reads it"),
        (listed(sorted(CODED)), f"text of component {', '.join(map(str, READING_TEXT))}, the first that holds one"),
        (listed(sorted(POINTERS)), "no text: it points elsewhere; noted"),
        (listed(sorted(MEASURES)), "no text: it is a measured value; noted"),
        ("any other, as `TX`, `FT`, `ST`", "text, each repetition a line"),
    )
    letters = letters_of(Delimiters(truncation="#"))
    escapes = (
        (
            _escaped(name for name, character in letters.items() if character),
            "the delimiter, `\\P\\` where MSH-2 has a fifth character",
        ),
        (_escaped(name for name, character in letters.items() if not character), "nothing"),
        *(
            (_escaped(f".{name}" for name, text in FORMATTING.items() if text == becomes), meaning)
            for becomes, meaning in (("\n", "a line break"), (" ", "a space"), ("", "nothing"))
        ),
        (_escaped(("Xdd…",)), "the bytes, in UTF-8 or else the message's character set"),
        (_escaped(("Cxxyy", "Mxxyyzz")), "a switch of the character set (ISO 2022)"),
        ("any other", "itself, as sent"),
    )
    return sections(
        table(("OBX-2", "what OBX-5 becomes"), types),
        table(("escape", "becomes"), escapes),
        f"{_escaped(('.sp', '.sk'))} take a number of lines and spaces.",
    )


def _escaped(names: Iterable[str]) -> str:
    return listed(f"\\{name}\\" for name in names)


def _acknowledgements(known: tuple[Fault, ...]) -> str:
    return sections(
        table(("MSA-1", "given"), ((code, _given(code, meaning, known)) for code, meaning in CODES.items())),
        table(("MSH-15, MSH-16", "an acknowledgement goes out"), CONDITIONS.items()),
        "Both empty is the original mode: one acknowledgement for each message. Before any, the message's bytes are on "
        "disk. A byte-identical repeat is acknowledged again and processed once. A sender with `acks: original` is "
        "answered in original mode whatever it asks for.",
        "ERR names the fault by a code of table 0357 and its place: segment, number among those of its name, field.",
        table(
            ("MSA-1", "ERR-2", "ERR-3", "ERR-8"),
            (
                (", ".join(codes_of(fault)), _place(fault), f"{fault.code} {CODE_TEXT[fault.code]}", fault.problem)
                for fault in known
            ),
        ),
        table(
            ("MSH-12", "MSH-9 of the acknowledgement", "ERR holds"),
            ((f"{'.'.join(map(str, form.since))} and later", _type(form), _places(form)) for form in FORMS),
        ),
        "The first row that fits counts. Instead of R01 stands the trigger of the message.",
    )


def codes_of(fault: Fault) -> tuple[str, ...]:
    """Give what MSA-1 may be for a fault."""
    letter = "R" if fault.rejects else "E"
    return (f"A{letter}",) if fault.originally else (f"A{letter}", f"C{letter}")


def _given(code: str, meaning: str, known: Iterable[Fault]) -> str:
    always = [fault.problem for fault in known if fault.originally and codes_of(fault) == (code,)]
    return f"{meaning} In any mode: {' '.join(always)}" if always else meaning


def _place(fault: Fault) -> str:
    return str(fault.place) if fault.place.field else fault.place.segment


def _type(form: Form) -> str:
    return f"`{'^'.join(('ACK', 'R01', 'ACK')[: form.type_parts])}`"


def _places(form: Form) -> str:
    said = ("place", "code", "severity E", "problem") if len(form.places) > 1 else ("place and code",)
    return ", ".join(f"ERR-{number} {what}" for number, what in zip(form.places, said, strict=True))


def _charsets(settings: Hl7Settings) -> str:
    by_codec: dict[str, list[str]] = {}
    for codec, names in CHARSETS:
        by_codec.setdefault(codec, []).extend(names)
    return sections(
        "As MSH-18 says; of several the first that fits, UTF-8 before others; without one, or where none fits, UTF-8 "
        f"where the bytes are that, else `{settings.charset}`. Of a name only letters and digits count.",
        table(("MSH-18", "Python codec"), ((listed(names), f"`{codec}`") for codec, names in by_codec.items())),
        f"Of table 0211 {listed(UNKNOWN_CHARSETS)} are not understood.",
    )
