"""What happens to a received DICOM object before it is answered: its bytes to their place, its rows to the database."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from config.settings import Settings
from integrations.dicom.arrivals import Arrival, ReceivedObject, RefusedObject, StoreOutcome
from integrations.dicom.errors import ContradictsCommand, OutOfResources, Refusal
from service.errors import DiskNearlyFull, StoreFull
from service.filing import file_under_study, series_of
from service.returned import OurOwn, describe_return, find_our_own
from service.same_content import Comparing, Copy, describe_difference
from service.store.columns import utc_now
from service.store.commits import Commits
from service.store.database import reading, writing
from service.store.faults import is_held
from service.store.objects import ObjectStore
from service.store.room import check_room, remove_unnamed, take_room
from service.store.states import ObjectState, WorkState
from service.store.tables import Instance, Series, Study, row_id
from service.study_images import is_image
from service.usual_objects import file_usual_objects, instance_values

IN_USE = (ObjectState.STORED, ObjectState.HEADER)
"""Of the objects of one UID the one that counts, with its pixels or without, has one of these states."""
_STORE_FULL = "The receiver's store has reached its limit"


@dataclass(frozen=True)
class _Placed:
    """A file in its place, by its name there."""

    file: str
    size_bytes: int


@dataclass(frozen=True)
class _Comparison:
    """How an object differs from the one in use of the same UID, whose file and state it was compared with."""

    file: str
    state_then: ObjectState
    state: ObjectState
    reason: str = ""


@dataclass(frozen=True)
class _Filing:
    """An object whose bytes are in place, to be filed."""

    received: ReceivedObject
    placed: _Placed
    compared: _Comparison | None


@dataclass(frozen=True)
class Receiving:
    """Where received objects go. What several associations bring at one time is written in one transaction."""

    engine: Engine
    store: ObjectStore
    settings: Settings
    commits: Commits[_Filing, StoreOutcome | Instance] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "commits", Commits(self.engine, self._file_together))

    def persist(self, received: ReceivedObject) -> StoreOutcome:
        """Keep an object; it is safely on disk, with its rows, when this returns.

        Raises:
            OutOfResources: disk or store are nearly full, or the file was removed while it was filed.
        """
        ours = self._our_own(received)
        if ours is not None:
            return self._keep_returned(received, ours)
        placed = self._place(received, received.sha256)
        compared: _Comparison | None = None
        try:
            while True:
                found = self.commits.write(_Filing(received, placed, compared))
                if isinstance(found, StoreOutcome):
                    return found
                # Outside of the transaction, since both files are read.
                compared = self._compare(received, placed, found)
        except Exception as error:
            self._take_back(placed, received.sha256, error)
            if isinstance(error, StoreFull):
                raise OutOfResources(_STORE_FULL) from error
            raise

    def keep_refused(self, refused: RefusedObject) -> None:
        """Keep the bytes of an object that is refused, with the reason, where a person finds them."""
        # Named by all that was sent, so that it never stands for an object that was accepted.
        with refused.path.open("rb") as sent:
            placed = self._place(refused, hashlib.file_digest(sent, "sha256").hexdigest())
        try:
            with writing(self.engine) as session:
                instance = Instance(**instance_values(refused, placed.file, utc_now()))
                instance.state = ObjectState.REFUSED
                instance.reason = f"{refused.refusal.comment}. {what_to_do(refused.refusal)}"
                session.add(instance)
                self._count(session, placed.size_bytes)
        except Exception as error:
            self._take_back(placed, refused.sha256, error)
            raise

    def _file_together(self, session: Session, filings: Sequence[_Filing]) -> list[StoreOutcome | Instance]:
        """File objects that came at one time, all that are usual first."""
        now = utc_now()
        if not all(self.store.path(filing.placed.file).exists() for filing in filings):
            # The same content was taken away by retention at this moment.
            raise OutOfResources("The object could not be filed")
        usual = file_usual_objects(session, [(filing.received, filing.placed.file) for filing in filings], now)
        if usual:
            self._count(session, sum(filings[place].placed.size_bytes for place in usual))
        return [
            StoreOutcome.STORED if place in usual else self._file(session, filing, now)
            for place, filing in enumerate(filings)
        ]

    def _file(self, session: Session, filing: _Filing, now: datetime) -> StoreOutcome | Instance:
        """File an object whose bytes are in place; gives the one of its UID that it must be compared with first."""
        received, placed, compared = filing.received, filing.placed, filing.compared
        header = received.header
        came_before = session.exec(select(Instance).where(Instance.sop_instance_uid == header.sop_instance_uid)).all()
        known = next((before for before in came_before if before.sha256 == received.sha256), None)
        first = next((before for before in came_before if before.state in IN_USE), None)
        if known is not None and _is_nothing_new(known, first):
            if known.file != placed.file:  # its pixels had been removed, and have now come again
                known.file = placed.file
                self._count(session, placed.size_bytes)
            return StoreOutcome.KNOWN_ALREADY
        if first is not None and known is None and not _is_compared(compared, first):
            return first
        instance = known or Instance(**instance_values(received, placed.file, now))
        instance.file, instance.sop_instance_uid = placed.file, header.sop_instance_uid
        self._count(session, placed.size_bytes)
        if first is None:
            file_under_study(session, self.settings, instance, header)
        elif known is not None:
            _bring_back(session, known, first, now)
        elif compared is not None:
            _file_beside(session, instance, first, compared)
        session.add(instance)
        return StoreOutcome.CONFLICT if instance.state == ObjectState.CONFLICT else StoreOutcome.STORED

    def _our_own(self, received: ReceivedObject) -> OurOwn | None:
        if is_image(received.header.modality, received.header.sop_class_uid):
            return None
        with reading(self.engine) as session:
            return find_our_own(session, received.header)

    def _keep_returned(self, received: ReceivedObject, ours: OurOwn) -> StoreOutcome:
        """Keep a report of ours that came back; nothing about its study changes, and no person needs to look at it."""
        header = received.header
        known = select(Instance.id).where(
            Instance.sop_instance_uid == header.sop_instance_uid, Instance.sha256 == received.sha256
        )
        with reading(self.engine) as session:
            if session.exec(known).first() is not None:
                return StoreOutcome.KNOWN_ALREADY
        copy = Copy(received.path, received.transfer_syntax_uid)
        reason = describe_return(self.store, ours, copy, self.settings.dicom.charset)
        placed = self._place(received, received.sha256)
        try:
            with writing(self.engine) as session:
                if session.exec(known).first() is not None:
                    return StoreOutcome.KNOWN_ALREADY
                instance = Instance(**instance_values(received, placed.file, utc_now()))
                instance.sop_instance_uid = header.sop_instance_uid
                instance.state, instance.reason = ObjectState.RETURNED, reason
                study = session.exec(select(Study).where(Study.study_uid == header.study_uid)).one_or_none()
                if study is not None:
                    instance.series_id = row_id(series_of(session, row_id(study), header))
                session.add(instance)
                self._count(session, placed.size_bytes)
        except Exception as error:
            self._take_back(placed, received.sha256, error)
            raise
        return StoreOutcome.STORED

    def _compare(self, received: ReceivedObject, placed: _Placed, first: Instance) -> _Comparison:
        """Tell an object that came before in another transfer syntax from one with other content."""
        differs = describe_difference(
            Comparing(self.store.incoming, self.settings.dicom.charset),
            Copy(self.store.path(first.file), first.transfer_syntax_uid),
            Copy(self.store.path(placed.file), received.transfer_syntax_uid),
            headers_only=first.state == ObjectState.HEADER,
        )
        if not differs:
            return _Comparison(first.file, first.state, ObjectState.SAME_CONTENT)
        reason = f"The SOP instance came before with other content: {differs}. The first stays in use."
        return _Comparison(first.file, first.state, ObjectState.CONFLICT, reason)

    def _place(self, arrival: Arrival, name: str) -> _Placed:
        """Give a file its place, unless there is no room for it."""
        size_bytes = arrival.path.stat().st_size
        try:
            if self.settings.storage.limit_gb is not None:
                with reading(self.engine) as session:
                    check_room(session, size_bytes, self.settings.storage.limit_gb)
            return _Placed(self.store.place(arrival.path, name), size_bytes)
        except DiskNearlyFull as error:
            raise OutOfResources("The disk of the receiver is nearly full") from error
        except StoreFull as error:
            raise OutOfResources(_STORE_FULL) from error

    def _count(self, session: Session, size_bytes: int) -> None:
        """Count files that were placed; asked again, since others were placed meanwhile."""
        check_room(session, size_bytes, self.settings.storage.limit_gb)
        take_room(session, size_bytes)

    def _take_back(self, placed: _Placed, sha256: str, error: Exception) -> None:
        """Remove a file whose rows could not be written, as on a full disk: what is not answered for is not kept."""
        if is_held(error):
            return  # the sender has waited long enough; `unnamed_files` looks after it
        with suppress(SQLAlchemyError, OSError), writing(self.engine) as session:
            remove_unnamed(session, self.store, placed.file, sha256)


def what_to_do(refusal: Refusal) -> str:
    """Say what a person can do about a refused object."""
    if isinstance(refusal, ContradictsCommand):
        return "Take it as its data set says with `spinelabel reprocess objects`, or correct it at the sender."
    return "Correct it at the sender and send it again; `spinelabel reprocess objects` tries again what is kept here."


def first_in_use(session: Session, sop_instance_uid: str) -> Instance | None:
    """Give the instance of that UID that is in use, with its pixels or without."""
    in_use = col(Instance.state).in_(IN_USE)
    return session.exec(select(Instance).where(Instance.sop_instance_uid == sop_instance_uid, in_use)).one_or_none()


def _is_compared(compared: _Comparison | None, first: Instance) -> bool:
    return compared is not None and (compared.file, compared.state_then) == (first.file, first.state)


def _file_beside(session: Session, instance: Instance, first: Instance, compared: _Comparison) -> None:
    """File an object beside the one of its UID that came first."""
    instance.conflict_of, instance.series_id = first.id, first.series_id
    instance.state, instance.reason = compared.state, compared.reason
    session.add(instance)
    if (first.state, instance.state) == (ObjectState.HEADER, ObjectState.SAME_CONTENT):
        session.flush()
        _bring_back(session, instance, first, instance.received)


def _is_nothing_new(known: Instance | None, first: Instance | None) -> bool:
    """Tell whether an object came before, and is a conflict or has its pixels still."""
    if known is None or first is None:
        return False
    return known.state in {ObjectState.CONFLICT, ObjectState.DISMISSED} or first.state == ObjectState.STORED


def _bring_back(session: Session, image: Instance, first: Instance, now: datetime) -> None:
    """Take an image that has its pixels into use, where those of the first had been removed; its study is read again.

    Where it came in another transfer syntax than the first, the two change their places.
    """
    if image is not first:
        first.state, first.conflict_of = ObjectState.SAME_CONTENT, image.id
        session.add(first)
    image.state, image.conflict_of, image.reason = ObjectState.STORED, None, ""
    study = session.exec(select(Study).join(Series).where(Series.id == image.series_id)).one()
    study.last_image, study.images, study.images_starts = now, WorkState.WAITING, 0
    session.add(study)
