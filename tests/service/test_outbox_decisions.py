"""What a person decides about deliveries: on the page, by command, and for a destination that was added later."""

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import col, select

from config.settings import Destination, Peer, Settings
from service.errors import UnknownItem
from service.late_destinations import send_current
from service.outbox import cancel_all, send_again
from service.store.database import reading, writing
from service.store.states import DeliveryState, WorkState
from service.store.tables import Delivery, Study
from tests.service.browsing import deliver, link, text
from tests.service.rows import NOW, add_study

OTHER_SITE = {"sec-fetch-site": "cross-site"}
TWO = Settings(
    peers=(Peer(name="pacs", ae_title="PACS"), Peer(name="archive", ae_title="ARCHIVE")),
    destinations=(Destination(peer="pacs", accepts="trial"), Destination(peer="archive", accepts="trial")),
)


def states(engine: Engine) -> list[tuple[str, DeliveryState]]:
    with reading(engine) as session:
        rows = session.exec(select(Delivery).order_by(col(Delivery.id)))
        return [(row.destination, row.state) for row in rows]


@pytest.mark.parametrize(
    ("before", "button", "after"),
    [
        (DeliveryState.REFUSED, "retry", DeliveryState.WAITING),
        (DeliveryState.NOT_KEPT, "retry", DeliveryState.WAITING),
        (DeliveryState.CANCELLED, "retry", DeliveryState.WAITING),
        (DeliveryState.WAITING, "cancel", DeliveryState.CANCELLED),
        (DeliveryState.REFUSED, "cancel", DeliveryState.CANCELLED),
        (DeliveryState.DELIVERED, "retry", DeliveryState.DELIVERED),
        (DeliveryState.DELIVERED, "cancel", DeliveryState.DELIVERED),
        (DeliveryState.REPLACED, "retry", DeliveryState.REPLACED),
    ],
)
def test_a_button_does_what_it_says_and_leads_back_to_the_study(
    engine: Engine, page: TestClient, before: DeliveryState, button: str, after: DeliveryState
) -> None:
    add_study(engine)
    deliver(engine, state=before)

    answer = page.post(f"/deliveries/1/{button}")

    assert (answer.status_code, answer.headers["location"]) == (303, f"/studies/{link(engine, Study)}#documents")
    assert states(engine) == [("pacs", after)]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (DeliveryState.REFUSED, ("Send again", "Send no more")),
        (DeliveryState.NOT_CONFIRMED, ("Send again",)),
        (DeliveryState.DELIVERED, ()),
    ],
)
def test_a_study_offers_only_the_buttons_that_can_do_something(
    engine: Engine, page: TestClient, state: DeliveryState, said: tuple[str, ...]
) -> None:
    add_study(engine)
    deliver(engine, state=state)

    shown = text(page, f"/studies/{link(engine, Study)}")

    assert [button for button in ("Send again", "Send no more") if button in shown] == list(said)


def test_all_that_was_refused_is_sent_again_by_one_button(engine: Engine, page: TestClient) -> None:
    for number in (1, 2):
        add_study(engine, number)
        deliver(engine, number, state=DeliveryState.REFUSED, attempts=1)

    assert "Send again what was refused" in text(page, "/waiting")
    assert page.post("/deliveries/retry").headers["location"] == "/waiting"
    assert {state for _, state in states(engine)} == {DeliveryState.WAITING}
    assert "Send again what was refused" not in text(page, "/waiting")


@pytest.mark.parametrize("headers", [OTHER_SITE, {"origin": "http://elsewhere.example"}, {"origin": "null"}])
def test_another_sites_page_cannot_press_a_button(engine: Engine, page: TestClient, headers: dict[str, str]) -> None:
    add_study(engine)
    deliver(engine, state=DeliveryState.REFUSED, attempts=1)

    assert page.post("/deliveries/1/retry", headers=headers).status_code == 403
    assert states(engine) == [("pacs", DeliveryState.REFUSED)]


def test_a_delivery_that_is_none_is_not_found(page: TestClient) -> None:
    assert page.post("/deliveries/7/retry").status_code == 404


def test_what_is_left_for_a_destination_is_cancelled_and_revived_together(engine: Engine) -> None:
    for number in (1, 2):
        add_study(engine, number)
        deliver(engine, number, state=DeliveryState.WAITING if number == 1 else DeliveryState.DELIVERED)
    with writing(engine) as session:
        assert cancel_all(session, "pacs") == 1
        assert cancel_all(session, "elsewhere") == 0
    assert states(engine) == [("pacs", DeliveryState.CANCELLED), ("pacs", DeliveryState.DELIVERED)]

    with writing(engine) as session:
        assert send_again(session, 1, NOW) == 1
        assert send_again(session, None, NOW, destination="pacs") == 1
    assert states(engine)[0] == ("pacs", DeliveryState.WAITING)


def test_a_destination_that_was_added_later_gets_the_newest_reports_once(engine: Engine) -> None:
    for number in (1, 2):
        add_study(engine, number)
        deliver(engine, number, state=DeliveryState.DELIVERED)

    with writing(engine) as session:
        assert send_current(session, TWO, "archive", None, NOW) == 2
    with writing(engine) as session:
        assert send_current(session, TWO, "archive", "1.2.3.1", NOW) == 0
    assert states(engine)[2:] == [("archive", DeliveryState.WAITING)] * 2


def test_a_destination_that_accepts_other_findings_gets_a_report_of_its_own(engine: Engine) -> None:
    study_id, _ = add_study(engine)
    deliver(engine, state=DeliveryState.DELIVERED)
    calibrated = TWO.model_copy(update={"destinations": (Destination(peer="archive"),)})

    with writing(engine) as session:
        assert send_current(session, calibrated, "archive", None, NOW) == 1
    with reading(engine) as session:
        assert session.get_one(Study, study_id).document == WorkState.WAITING


def test_a_destination_that_is_none_is_named(engine: Engine) -> None:
    with writing(engine) as session, pytest.raises(UnknownItem, match="elsewhere is none of the `destinations`"):
        send_current(session, TWO, "elsewhere", None, NOW)
