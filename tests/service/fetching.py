"""What a test of fetching needs: a fetcher on rows, and reports that wait for a study."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import select

from config.settings import Settings
from integrations.dicom.arrivals import Intake
from integrations.dicom.receiver import Receiver, start_receiver
from service.fetching import Fetcher, fetch_study, open_fetcher
from service.listening import Listening
from service.log import configure_log
from service.receiving import Receiving
from service.store.database import reading
from service.store.fetch_tables import Fetch
from service.store.objects import ObjectStore
from service.sweep import ask_for_fetches
from service.wanted_studies import want_studies_of_reports
from tests.service.messages import group, oru, receive


@dataclass
class Site:
    """A site without its daemon: its rows, and a clock that the test moves."""

    engine: Engine
    settings: Settings
    now: datetime
    asked: list[str] = field(default_factory=list)

    def fetcher(self) -> Fetcher:
        opened = open_fetcher(self.engine, self.settings, configure_log("work"))
        return Fetcher(opened.engine, opened.settings, opened.door, lambda: self.now)

    def report(self, control_id: str, sender: bytes = b"RIS", **fields: str) -> None:
        """Have a report come from a sender, by the real clock."""
        listening = Listening(self.engine, self.settings, configure_log("listen"))
        message = oru(control_id, group("No stenosis.", **fields)).replace(b"|RIS|", b"|" + sender + b"|")
        assert receive(listening, message) == ["AA"]

    def go_on(self, seconds: float = 0) -> None:
        """Let time pass, then do what the clock and `work` do."""
        self.now += timedelta(seconds=seconds)
        want_studies_of_reports(self.engine, self.settings, self.now)
        due: list[int] = []

        def enqueue(_kind: object, subject: int, work_id: str) -> None:
            due.append(subject)
            self.asked.append(work_id)

        ask_for_fetches(self.engine, enqueue, self.settings, self.now)
        for subject in due:
            fetch_study(self.fetcher(), subject)

    def fetches(self) -> list[Fetch]:
        with reading(self.engine) as session:
            return list(session.exec(select(Fetch).order_by(Fetch.id)))  # type: ignore[arg-type]


@contextmanager
def receiving(site: Site) -> Iterator[Receiver]:
    """Receive what is sent to the site, as the role `receive` does."""
    store = ObjectStore(site.settings.data)
    intake = Receiving(site.engine, store, site.settings)
    receiver = start_receiver(
        site.settings.dicom, Intake(store.incoming, intake.persist, intake.keep_refused), configure_log("receive")
    )
    try:
        yield receiver
    finally:
        receiver.stop()
