"""The pages as a browser on this machine asks for them."""

from collections.abc import Callable
from datetime import datetime

from fastapi.testclient import TestClient
from sqlalchemy import Engine

from config.settings import Settings
from service.store.columns import utc_now
from service.web.pages import make_pages


def browse(settings: Settings, engine: Engine, now: Callable[[], datetime] = utc_now) -> TestClient:
    """Give a client that does not follow redirects."""
    return TestClient(make_pages(settings, engine, now), base_url="http://127.0.0.1:8080", follow_redirects=False)
