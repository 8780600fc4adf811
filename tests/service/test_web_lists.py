"""Finding a study on the pages, and the lists of them."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event

from service.store.database import writing
from service.store.states import DeliveryState, MessageState, WorkState
from service.store.tables import Message, OrderNumber, Report, Study
from service.web.lists import PAGE
from tests.service.browsing import change, deliver, link
from tests.service.rows import NOW, add_study

# Finding.


@pytest.mark.parametrize(
    "wanted", ["CANARYACC1", " CANARYACC1 ", "CANARYID1", "1.2.3.1", "MSG1", "FILLER1"], ids=lambda wanted: wanted
)
def test_a_study_is_found_by_each_of_its_numbers(engine: Engine, page: TestClient, wanted: str) -> None:
    for number in (1, 2):
        add_study(engine, number)
        with writing(engine) as session:
            session.get_one(Message, number).control_id = f"MSG{number}"
            session.add(OrderNumber(report_id=number, number=f"FILLER{number}"))

    answer = page.post("/search", data={"wanted": wanted})

    assert (answer.status_code, answer.headers["location"]) == (303, f"/studies/{link(engine, Study)}")


def test_a_message_whose_report_has_no_study_is_found(engine: Engine, page: TestClient) -> None:
    with writing(engine) as session:
        session.add(Message(received=NOW, peer="a", sha256="0", raw=b"x", state=MessageState.REPORT, control_id="M1"))
        session.flush()
        session.add(Report(message_id=1, order_key="1", received=NOW, status="final", text="", accession="A1"))

    for wanted in ("M1", "A1"):
        answer = page.post("/search", data={"wanted": wanted})
        assert answer.headers["location"] == f"/messages/{link(engine, Message)}"


def test_a_report_that_was_replaced_does_not_stand_beside_its_study(engine: Engine, page: TestClient) -> None:
    add_study(engine)
    old: dict[str, Any] = {"accession": "CANARYACC1", "patient_identifier": "CANARYID1"}
    with writing(engine) as session:
        session.add(Message(received=NOW, peer="a", sha256="0", raw=b"x", state=MessageState.REPORT, control_id="OLD"))
        session.flush()
        values: dict[str, Any] = {"message_id": 2, "order_key": "1", "received": NOW, "superseded_by": 1}
        session.add(Report(status="final", text="", **values, **old))

    for wanted in old.values():
        answer = page.post("/search", data={"wanted": wanted})
        assert answer.headers.get("location") == f"/studies/{link(engine, Study)}"
    answer = page.post("/search", data={"wanted": "OLD"})  # who asks for that message is shown it
    assert answer.headers["location"] == f"/messages/{link(engine, Message, 2)}"


def test_several_hits_are_listed(engine: Engine, page: TestClient) -> None:
    for number in (1, 2):
        add_study(engine, number)
    with writing(engine) as session:
        session.get_one(Study, 2).accession = "CANARYACC1"

    found = page.post("/search", data={"wanted": "CANARYACC1"}).text

    assert link(engine, Study, 1) in found
    assert link(engine, Study, 2) in found


def test_a_search_without_a_hit_says_what_was_compared(page: TestClient) -> None:
    assert "Nothing has A404 as its accession" in page.post("/search", data={"wanted": "A404"}).text


def test_an_empty_search_asks_for_something(page: TestClient) -> None:
    assert "Enter an accession number" in page.post("/search", data={"wanted": " "}).text


# Lists.


def test_the_list_of_studies_goes_on_page_by_page_without_gap_or_repeat(engine: Engine, page: TestClient) -> None:
    for number in range(1, 2 * PAGE + 2):
        add_study(engine, number)  # all received at one moment
    address, seen = "/studies", []
    while address:
        content = page.get(address).text
        seen += re.findall(r"CANARYACC(\d+)<", content)
        following = re.search(r'href="(/studies\?which=all&amp;after=[^"]+)"', content)
        address = following[1].replace("&amp;", "&") if following else ""

    assert seen == [str(number) for number in range(2 * PAGE + 1, 0, -1)]


@pytest.mark.parametrize(
    ("which", "accessions"),
    [("all", "123456"), ("waiting", "25"), ("for a person", "346"), ("delivered", "1")],
)
def test_the_list_of_studies_can_be_narrowed(engine: Engine, page: TestClient, which: str, accessions: str) -> None:
    for number in range(1, 7):
        add_study(engine, number)
    deliver(engine, 1, state=DeliveryState.DELIVERED)
    change(engine, 2, document=WorkState.WAITING)
    change(engine, 3, images=WorkState.FAILED)
    deliver(engine, 4, state=DeliveryState.REFUSED)
    deliver(engine, 5, state=DeliveryState.WAITING)
    change(engine, 6, document_reason="Remove that report at the PACS by hand.")

    content = page.get("/studies", params={"which": which}).text

    assert sorted(re.findall(r"CANARYACC(\d)<", content)) == list(accessions)


@pytest.mark.parametrize(("more", "said"), [(0, False), (1, True)])
def test_a_list_that_leaves_some_out_says_so(engine: Engine, page: TestClient, more: int, said: bool) -> None:
    with writing(engine) as session:
        for number in range(1, PAGE + more + 1):
            session.add(Message(received=NOW, peer="a", sha256="0", raw=b"x", state=MessageState.REPORT))
            session.flush()
            session.add(Report(message_id=number, order_key=str(number), received=NOW, status="final", text=""))

    assert (f"No more than the oldest {PAGE} are shown" in page.get("/unpaired").text) == said
    assert (f"No more than the newest {PAGE} of a kind are shown" in page.get("/waiting").text) == said


def test_a_page_of_fifty_takes_as_many_queries_as_a_page_of_one(
    engine: Engine, page: TestClient, count_statements: Callable[[], int]
) -> None:
    add_study(engine)
    count_statements()
    page.get("/studies")
    one = count_statements()
    for number in range(2, PAGE + 1):
        add_study(engine, number)
    count_statements()
    page.get("/studies")

    assert count_statements() == one


@pytest.fixture
def count_statements(engine: Engine) -> Callable[[], int]:
    """Give how many statements were run since it was last asked."""
    ran: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: ran.append(arguments[2]))

    def count() -> int:
        so_far = len(ran)
        ran.clear()
        return so_far

    return count


def test_a_report_that_waits_too_long_for_its_study_is_for_a_person_and_stays(engine: Engine, page: TestClient) -> None:
    with writing(engine) as session:
        session.add(Message(received=NOW, peer="a", sha256="0", raw=b"x", state=MessageState.REPORT))
        session.flush()
        session.add_all(
            Report(message_id=1, order_key=name, received=NOW - timedelta(hours=hours), status="final", text="",
                   accession=name)
            for name, hours in (("SHORT", 70), ("LONG", 24 * 400))
        )  # fmt: skip

    rows = re.findall(r"<tr><th scope=.row.*?</tr>", page.get("/unpaired").text)

    assert [("LONG" in row, "for a person" in row) for row in rows] == [(True, True), (False, False)]
