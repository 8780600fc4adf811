"""Messages that try a row of the HL7 profile, and a running listener with a store of its own to send them to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from config.settings import Hl7Settings, Settings
from integrations.hl7.connection import Doors, ListenerLimits
from integrations.hl7.faults import (
    MERGED_INTO_ITSELF,
    MISSING_IN_HEADER,
    NO_MERGED,
    NO_MRG,
    NO_MSH,
    NO_ORDER,
    NO_PATIENT,
    NO_SURVIVOR,
    NOT_STORED,
    NOT_TWO_NUMBERS,
    PROCESSING_ID,
    TOO_LONG,
    UNFILED,
    VERSION,
    unidentified,
)
from integrations.hl7.listener import start_listener
from service.listening import Listening
from service.log import configure_log
from service.store.database import open_database
from service.store.upgrade import upgrade_database
from tests.integrations.hl7.mllp import Sender

FRAME_BYTES = 4096


def message(
    *segments: str, kind: str = "ORU^R01^ORU_R01", control_id: str = "7", processing: str = "P", version: str = "2.5.1"
) -> str:
    """Write a message whose MSH-15 and MSH-16 are still to be put in the place of WANTED."""
    head = f"MSH|^~\\&|RIS|H|US|X|20260302120000+0100||{kind}|{control_id}|{processing}|{version}|||WANTED||8859/1"
    return "".join(f"{segment}\r" for segment in (head, *segments))


REPORT = (
    "PID|1|P2|P1^^^H^MR||Marsh^Ada||19610704|F",
    "ORC|RE|PLACER|FILLER",
    "OBR|1|PLACER|FILLER|MRLS^MR LUMBAR SPINE^L|||20260302113000|||||||||||ACC1||SEC||20260302115000|||F||||ABOVE",
    "OBX|1|TX|MRLS&IMP||Stenosis.||||||F",
    "NTE|1||A note.",
    "ZDS|1.2.3.4^H^Application^DICOM",
    "IPC|A|B|1.2.3.4",
)
MERGE = ("EVN||20260302", "PID|1|P3|P2^^^H^MR||Marsh^Ada||19610704|F", "MRG|P1^^^H^MR||||||Mars^Ada")

PROVOKED = {
    NO_MSH: "no header",
    NOT_STORED: message(*REPORT, control_id="not stored"),
    TOO_LONG: message(*REPORT, f"NTE|2||{'x' * FRAME_BYTES}"),
    **dict(
        zip(
            MISSING_IN_HEADER,
            (
                message(*REPORT, kind=""),
                message(*REPORT, control_id=""),
                message(*REPORT, processing=""),
                message(*REPORT, version=""),
            ),
            strict=True,
        )
    ),
    PROCESSING_ID: message(*REPORT, processing="X"),
    VERSION: message(*REPORT, version="3.0"),
    UNFILED: message(*REPORT, control_id="unfiled"),
    NO_ORDER: message(REPORT[0]),
    unidentified(Hl7Settings().accession_from): message("OBR|1", *REPORT[3:5]),
    NO_PATIENT: message("PID|1", kind="ADT^A08"),
    NOT_TWO_NUMBERS: message(MERGE[1], kind="ADT^A37"),
    NO_MRG: message(MERGE[1], kind="ADT^A40"),
    NO_SURVIVOR: message("PID|1", MERGE[2], kind="ADT^A40"),
    NO_MERGED: message(MERGE[1], "MRG|", kind="ADT^A40"),
    MERGED_INTO_ITSELF: message(MERGE[1], "MRG|P2^^^H^MR", kind="ADT^A40"),
}
"""A message for each fault, which for `NOT_STORED` and `UNFILED` has to meet a fault of ours."""


@dataclass(frozen=True)
class Feed:
    """A listener that stores in a database."""

    port: int
    engine: Engine

    def answers(self, *messages: str, wanted: str = "|") -> Iterator[bytes]:
        """Send messages on one connection and give what comes back, one for each call of `next`."""
        with Sender(self.port) as sender:
            for each in messages:
                sender.send(f"\x0b{each.replace('WANTED', wanted)}\x1c\r".encode())
            while True:
                yield sender.answer()


@contextmanager
def running_feed(folder: Path) -> Iterator[Feed]:
    """Start a listener on a store in `folder`, and stop it at the end."""
    settings = Settings(data=folder, hl7=Hl7Settings(port=0))
    upgrade_database(folder)
    engine, log = open_database(folder), configure_log("listen")
    listening = Listening(engine, settings, log)
    doors = Doors(listening.receive, listening.keep_incomplete)
    with start_listener(settings.hl7, doors, log, ListenerLimits(frame_bytes=FRAME_BYTES)) as listener:
        yield Feed(listener.port, engine)
    engine.dispose()
