"""The real receiver over the real store, for objects sent byte by byte."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import col, select

from config.settings import Settings
from integrations.dicom.arrivals import Intake
from integrations.dicom.incoming import clear_incoming
from integrations.dicom.receiver import Receiver, start_receiver
from service.log import configure_log
from service.receiving import Receiving
from service.store.database import open_database, reading
from service.store.objects import ObjectStore
from service.store.states import ObjectState
from service.store.tables import Instance
from service.store.upgrade import upgrade_database
from tests.integrations.dicom.sending import Sent, take_apart
from tests.odd.dicom.make_cases import write_case
from tests.peers.scripted import ACCEPTED, ScriptedClient, associate_request


@dataclass(frozen=True)
class Arriving:
    """A receiver that runs, and what it fills."""

    receiver: Receiver
    engine: Engine
    store: ObjectStore
    settings: Settings

    def rows(self) -> list[Instance]:
        """Give the objects that are in use, in the order in which they came."""
        with reading(self.engine) as session:
            found = select(Instance).where(Instance.state == ObjectState.STORED).order_by(col(Instance.id))
            return list(session.exec(found))

    def files(self) -> set[str]:
        """Give the names of all files of the store."""
        return {str(path.relative_to(self.store.root)) for path in self.store.root.rglob("*") if path.is_file()}

    def is_clean(self) -> bool:
        """Tell whether each file has its row, and nothing is on its way."""
        with reading(self.engine) as session:
            named = set(session.exec(select(Instance.file)))
        return self.files() == named and not any(self.store.incoming.iterdir())


@contextmanager
def arriving(settings: Settings) -> Iterator[Arriving]:
    """Start as the role `receive` does, on what is there already; stop at the end."""
    upgrade_database(settings.data)
    engine = open_database(settings.data)
    store = ObjectStore(settings.data, keep_free_bytes=int(settings.storage.keep_free_gb * 1e9))
    clear_incoming(store.incoming)
    receiving = Receiving(engine, store, settings)
    intake = Intake(store.incoming, receiving.persist, receiving.keep_refused)
    receiver = start_receiver(settings.dicom, intake, configure_log("receive"), settings.peers)
    try:
        yield Arriving(receiver, engine, store, settings)
    finally:
        receiver.stop()
        engine.dispose()


def case_objects(folder: Path, case: str = "plain") -> list[Sent]:
    """Give the objects of a case of tests/odd/dicom, in the order of their names."""
    write_case(case, folder)
    return [take_apart(path) for path in sorted(folder.rglob("*.dcm"))]


@contextmanager
def association(port: int, sent: Sent) -> Iterator[ScriptedClient]:
    """Associate for objects of one class and transfer syntax."""
    with ScriptedClient(port) as client:
        client.send(associate_request([(sent.sop_class, sent.transfer_syntax)]))
        answer = client.receive()
        assert answer is not None
        assert answer.kind == ACCEPTED
        yield client
