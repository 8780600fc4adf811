"""The pages in a real Chromium: for people who cannot see them well, on a telephone, at night."""

import json
import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from selenium_axe_python import Axe  # type: ignore[attr-defined]
from sqlalchemy import Engine
from sqlmodel import select

from config.settings import ExportSettings, Peer, Settings
from service.store.database import open_database, reading, writing
from service.store.tables import Message, Study
from service.store.upgrade import upgrade_database
from service.web.pages import make_pages
from tests.peers.browser import WIDTHS, look, running_browser
from tests.peers.dicom import free_port
from tests.service.busy_store import fill
from tests.service.rows import NOW
from tests.waiting import wait_until

LISTS = ("/", "/studies", "/studies?which=for%20a%20person", "/unpaired", "/waiting", "/exports", "/nothing")
SHOTS = os.environ.get("SPINELABEL_SHOTS")
"""A folder to keep a picture of each page in, for a person to look at."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data = tmp_path_factory.mktemp("data")
    upgrade_database(data)
    engine = open_database(data)
    fill(engine)
    return engine


@pytest.fixture(scope="module")
def site(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a server of the pages of a busy store."""
    folder, port = tmp_path_factory.mktemp("cohorts"), free_port()
    (folder / "nightly.yaml").write_text('name: nightly\ndescription: Every finding\nschedule: "0 2 * * *"')
    (folder / "broken.yaml").write_text("name: [")
    settings = Settings(
        data=folder, peers=(Peer(name="pacs", ae_title="PACS"),), exports=ExportSettings(cohorts=folder)
    )
    app = make_pages(settings, engine, lambda: NOW + timedelta(hours=1))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, "the server")
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with running_browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture(scope="module")
def addresses(engine: Engine) -> dict[str, str]:
    """Give every page by a name for its picture."""
    with reading(engine) as session:
        studies = [session.exec(select(Study.link).where(Study.id == number)).one() for number in (1, 5)]
        message = session.exec(select(Message.link).where(Message.id == 7)).one()
    named = {address.strip("/").replace("?which=", "-").replace("%20", "-") or "overview": address for address in LISTS}
    return named | {
        "study": f"/studies/{studies[0]}",
        "study-away": f"/studies/{studies[1]}",
        "message": f"/messages/{message}",
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_can_be_used_by_everybody_at_every_width(
    browser: Chrome, site: str, addresses: dict[str, str], width: str, scheme: str
) -> None:
    faults: dict[str, Any] = {}
    for name, address in addresses.items():
        look(browser, WIDTHS[width], scheme)
        browser.get(site + address)
        if SHOTS:
            browser.save_screenshot(str(Path(SHOTS) / f"{name}-{width}-{scheme}.png"))
        axe = Axe(browser)
        axe.inject()  # type: ignore[no-untyped-call]
        found = [v for v in axe.run()["violations"] if v["impact"] in {"serious", "critical"}]
        overflow = browser.execute_script(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if found or overflow > 0:
            faults[name] = ([(v["id"], [node["html"][:120] for node in v["nodes"][:3]]) for v in found], overflow)

    assert faults == {}


def entries(browser: Chrome, log: str) -> list[dict[str, str]]:
    """Give what a log of the browser holds since it was last asked."""
    found: list[dict[str, str]] = browser.get_log(log)  # type: ignore[no-untyped-call]
    return found


def test_a_page_loads_nothing_from_elsewhere_and_says_nothing_on_the_console(
    browser: Chrome, site: str, addresses: dict[str, str]
) -> None:
    for log in ("browser", "performance"):
        entries(browser, log)
    for address in addresses.values():
        if address != "/nothing":
            browser.get(site + address)

    asked = [json.loads(entry["message"])["message"] for entry in entries(browser, "performance")]
    urls = [event["params"]["request"]["url"] for event in asked if event["method"] == "Network.requestWillBeSent"]
    assert [url for url in urls if not url.startswith((site, "data:"))] == []
    assert entries(browser, "browser") == []


def test_a_study_is_found_from_the_keyboard_and_its_address_says_nothing(
    browser: Chrome, site: str, addresses: dict[str, str]
) -> None:
    browser.get(site)
    browser.find_element(By.ID, "wanted").send_keys("CANARYACC1\n")
    WebDriverWait(browser, 20).until(lambda seen: "/studies/" in seen.current_url)

    assert browser.current_url == site + addresses["study"]
    assert browser.find_element(By.TAG_NAME, "h1").text == "Study CANARYACC1"


def test_a_page_that_is_left_open_stays_current(browser: Chrome, site: str, engine: Engine) -> None:
    browser.get(f"{site}/studies")
    with writing(engine) as session:
        session.get_one(Study, 6).description = "MR SACRUM, NEWLY DESCRIBED"

    WebDriverWait(browser, 30).until(lambda seen: "NEWLY DESCRIBED" in seen.find_element(By.TAG_NAME, "main").text)


@pytest.mark.long
def test_a_page_that_is_left_open_says_that_the_daemon_answers_no_more(browser: Chrome, site: str) -> None:
    browser.get(f"{site}/studies")
    browser.execute_script("window.fetch = () => Promise.reject(new TypeError('nobody answers'))")

    def said(seen: Chrome) -> str:
        return seen.find_element(By.ID, "stale").text

    WebDriverWait(browser, 30).until(lambda seen: "not been brought up to date" in said(seen))

    browser.execute_script("window.fetch = () => Promise.resolve(new Response('<main>as new</main>'))")
    WebDriverWait(browser, 30).until(lambda seen: said(seen) == "")
