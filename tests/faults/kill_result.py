"""What came of a campaign: what senders were told is kept, against what is stored, found, written and delivered."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

from pydicom import dcmread
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from service.compared import compare
from service.ledger import account
from service.ledger_places import PLACES, Standing
from service.store.columns import utc_now
from service.store.database import DATABASE, WORKFLOWS, reading
from service.store.integrity import check_integrity, check_pages
from service.store.objects import OBJECTS, ObjectStore
from service.store.states import ObjectState
from service.store.tables import Document, FindingRow, Instance, Message, Report, Study
from tests.faults.acknowledged import Record
from tests.peers.dicom import Orthanc


class Fought(Protocol):
    """What a campaign leaves to be judged."""

    @property
    def engine(self) -> Engine:
        """Its database."""

    @property
    def data(self) -> Path:
        """Its folder."""

    @property
    def record(self) -> Record:
        """What senders were told."""

    @property
    def kills(self) -> list[tuple[str, str, dict[str, int]]]:
        """What was killed, where, and what was in hand."""


@dataclass(frozen=True)
class Result:
    """The figures of a campaign, and a sentence for each thing that is wrong."""

    kills: list[tuple[str, str, dict[str, int]]]
    figures: dict[str, Any]
    wrong: list[str]


def judge(fought: Fought, orthanc: Orthanc, studies: int, given_up: int) -> Result:
    """Hold what was acknowledged against what is there; the site is stopped, its database is open."""
    with reading(fought.engine) as session:
        lost = [*_lost_objects(session, fought), *_lost_messages(session, fought)]
        repeated = [
            *_repeated(session),
            *_said_twice(session, fought.data / OBJECTS),
            *_repeated_at_the_pacs(session, orthanc, studies),
        ]
        ledger = account(session)
    peer = orthanc.dicom.model_copy(update={"name": "pacs"})
    compared = compare(fought.engine, ObjectStore(fought.data), peer, "SPINELABEL")
    found = check_integrity(fought.engine, fought.data / OBJECTS, utc_now())
    corrupt = [*found.missing, *found.damaged]
    for name in (DATABASE, WORKFLOWS):
        check_pages(fought.data / name)
    said = [*compared.lacking, *compared.fuller, *filter(None, [compared.unanswered])]
    figures = {
        "kills": len(fought.kills),
        "kills with nothing in hand": sum(not in_hand for _, _, in_hand in fought.kills),
        "studies": studies,
        "objects acknowledged": len(fought.record.objects),
        "messages acknowledged": len(fought.record.messages),
        "sent again by their senders": fought.record.repeated,
        "lost": len(lost),
        "repeated": len(repeated),
        "corrupt": len(corrupt),
        "unaccounted for": list(ledger.unaccounted),
        "open": {
            PLACES[line.place].words: line.count
            for line in ledger.lines
            if PLACES[line.place].standing == Standing.OPEN
        },
        "structured reports found at the PACS by C-FIND": compared.documents - len(compared.lacking),
        "files without a row": len(found.unnamed),
        "given up and tried again by a person": given_up,
    }
    return Result(fought.kills, figures, [*lost, *repeated, *corrupt, *ledger.unaccounted, *said])


def _lost_objects(session: Session, fought: Fought) -> Iterator[str]:
    for uid, sent in fought.record.objects.items():
        rows = session.exec(select(Instance).where(Instance.sop_instance_uid == uid)).all()
        if [row.state for row in rows] != [ObjectState.STORED]:
            yield f"object {uid}: acknowledged, and stored {len(rows)} times"
        elif dcmread(fought.data / OBJECTS / rows[0].file) != dcmread(sent):
            yield f"object {uid}: other content than was sent"


def _lost_messages(session: Session, fought: Fought) -> Iterator[str]:
    kept = Counter(session.exec(select(Message.raw)))
    for message in fought.record.messages:
        if not kept[message]:
            yield "a message that was acknowledged is not in the log"


def _repeated(session: Session) -> Iterator[str]:
    """Find what is there twice, or not as in all other studies, which are alike."""
    reports = Counter(session.exec(select(Report.order_key)))
    yield from (f"report {key}: filed {count} times" for key, count in reports.items() if count > 1)
    rows = Counter(
        (row.report_id, row.study_id, row.condition, row.level, row.source)
        for row in session.exec(select(FindingRow).where(col(FindingRow.superseded).is_(None)))
    )
    yield from (f"finding {key}: {count} rows" for key, count in rows.items() if count > 1)
    superseded = select(FindingRow.id).where(col(FindingRow.superseded).is_not(None))
    yield from (f"finding {number}: superseded by the same" for number in session.exec(superseded))
    findings = Counter(session.exec(select(FindingRow.study_id).where(col(FindingRow.study_id).is_not(None))))
    usual = Counter(findings.values()).most_common(1)
    for study in session.exec(select(Study.id)):
        if usual and findings[study] != usual[0][0]:
            yield f"study {study}: {findings[study]} findings of images, others have {usual[0][0]}"


def _said_twice(session: Session, root: Path) -> Iterator[str]:
    """Find structured reports that say what the one before them of their study says.

    Where work is given up after five kills its study is written up without it, and again once a person had it tried
    again: the second says more, and names the first as its predecessor.
    """
    said: dict[int, list[str]] = {}
    for document in session.exec(select(Document).order_by(col(Document.id))):
        said.setdefault(document.study_id, []).append(what_it_says(root / document.file))
    for study, texts in said.items():
        if any(before == after for before, after in pairwise(texts)):
            yield f"study {study}: {len(texts)} structured reports that say the same"


def what_it_says(path: Path) -> str:
    """Give what a structured report says, without the times and names of its own writing."""
    content = dcmread(path).ContentSequence
    return json.dumps([item.to_json_dict() for item in content if item.ValueType in {"CONTAINER", "CODE"}])


def _repeated_at_the_pacs(session: Session, orthanc: Orthanc, studies: int) -> Iterator[str]:
    """Hold the instances at the PACS against the documents: each there, and no other."""
    every = {"Level": "Instance", "Expand": True, "Query": {}}
    there = {
        each["MainDicomTags"]["SOPInstanceUID"] for each in orthanc.request("/tools/find", json.dumps(every).encode())
    }
    written = set(session.exec(select(Document.sop_instance_uid)))
    of_studies = len(set(session.exec(select(Document.study_id))))
    if there != written or of_studies != studies:
        yield f"{len(written)} structured reports of {of_studies} of {studies} studies, {len(there)} at the PACS"
