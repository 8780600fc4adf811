"""The pages as a browser on this machine asks for them."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import select

from config.settings import Settings
from service.store.columns import utc_now
from service.store.database import reading, writing
from service.store.tables import Delivery, Document, Message, Study, row_id
from service.web.pages import make_pages
from tests.service.rows import NOW


def browse(settings: Settings, engine: Engine, now: Callable[[], datetime] = utc_now) -> TestClient:
    """Give a client that does not follow redirects."""
    return TestClient(make_pages(settings, engine, now), base_url="http://127.0.0.1:8080", follow_redirects=False)


def text(page: TestClient, address: str) -> str:
    """Give what a page says, without its markup."""
    answer = page.get(address)
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]*>", " ", answer.text).split())


def link(engine: Engine, table: type[Study | Message], number: int = 1) -> str:
    with reading(engine) as session:
        return session.exec(select(table.link).where(table.id == number)).one()


def change(engine: Engine, number: int = 1, **values: object) -> None:
    with writing(engine) as session:
        study = session.get_one(Study, number)
        for name, value in values.items():
            setattr(study, name, value)


def deliver(engine: Engine, study: int = 1, **values: Any) -> None:
    """Write a structured report of a study with one delivery."""
    with writing(engine) as session:
        made: dict[str, Any] = {"accepts": "trial", "inputs": "0", "file": "f", "sha256": "0", "created": NOW}
        document = Document(study_id=study, sop_instance_uid=f"2.25.{study}", **made)
        session.add(document)
        session.flush()
        session.add(Delivery(document_id=row_id(document), destination="pacs", next_attempt=NOW, **values))
