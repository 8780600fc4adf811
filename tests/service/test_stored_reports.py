"""The store's reports as texts to train on."""

from sqlalchemy import Engine

from service.store.database import writing
from service.store.states import WorkState
from service.store.tables import Report
from service.stored_reports import stored_texts
from tests.service.rows import NOW, add_study


def test_only_the_current_version_of_a_report_is_given(engine: Engine) -> None:
    _, number = add_study(engine)
    with writing(engine) as session:
        session.add(Report(message_id=1, order_key="1", received=NOW, status="corrected", text="Corrected."))
        session.flush()
        session.get_one(Report, number).superseded_by = 2
        session.add(
            Report(message_id=1, order_key="2", received=NOW, status="final", text="Another.", labels=WorkState.DONE)
        )

    assert list(stored_texts(engine)) == ["Corrected.", "Another."]
