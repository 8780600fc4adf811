"""Records of the past go once their time is over, and none that is still waited for."""

from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import SQLModel, col, select

from service.forgetting import KEEP_COMMITMENTS, KEEP_HINTS, forget
from service.store.commitment_tables import Commitment, CommitmentReference
from service.store.database import reading, writing
from service.store.hint_tables import NamedInstance, StudyHint
from service.store.states import CommitmentState
from service.store.tables import Change, row_id
from tests.service.browsing import deliver
from tests.service.rows import NOW, add_study

MUCH_LATER = NOW + KEEP_COMMITMENTS + timedelta(seconds=1)


def add_commitment(engine: Engine, state: CommitmentState, ended: datetime | None, delivery: int | None = None) -> int:
    with writing(engine) as session:
        row = Commitment(
            peer="pacs", our_title="US", delivery_id=delivery, state=state, asked=NOW, next_attempt=NOW, expires=NOW
        )
        row.ended = ended
        session.add(row)
        session.flush()
        if delivery is None:
            session.add(CommitmentReference(commitment_id=row_id(row), sop_class_uid="1.2", sop_instance_uid="1.2.3.4"))
        return row_id(row)


def count(engine: Engine, table: type[SQLModel]) -> int:
    with reading(engine) as session:
        return len(session.exec(select(table)).all())


def test_commitments_go_with_what_belongs_to_them_a_while_after_their_end(engine: Engine) -> None:
    add_commitment(engine, CommitmentState.ENDED, NOW)
    add_commitment(engine, CommitmentState.GIVEN_UP, NOW)

    assert forget(engine, NOW + KEEP_COMMITMENTS - timedelta(seconds=1)) == 0
    assert (count(engine, Commitment), count(engine, CommitmentReference)) == (2, 2)

    assert forget(engine, MUCH_LATER) == 2
    assert [count(engine, table) for table in (Commitment, CommitmentReference, Change)] == [0, 0, 0]


def test_commitments_whose_result_is_not_known_stay_however_old(engine: Engine) -> None:
    add_commitment(engine, CommitmentState.WAITING, None)
    add_commitment(engine, CommitmentState.ASKED, None)

    assert forget(engine, MUCH_LATER) == 0
    assert count(engine, CommitmentReference) == 2


def test_earlier_requests_for_a_delivery_stay_while_it_is_asked_about_since_they_are_counted(engine: Engine) -> None:
    add_study(engine)
    add_study(engine, 2)
    deliver(engine, 1)
    deliver(engine, 2)
    first = add_commitment(engine, CommitmentState.GIVEN_UP, NOW, delivery=1)
    second = add_commitment(engine, CommitmentState.ASKED, None, delivery=1)
    add_commitment(engine, CommitmentState.GIVEN_UP, NOW, delivery=2)

    assert forget(engine, MUCH_LATER) == 1

    with reading(engine) as session:
        assert session.exec(select(Commitment.id).order_by(col(Commitment.id))).all() == [first, second]


def test_more_than_go_at_one_time_go_all(engine: Engine) -> None:
    for _ in range(101):
        add_commitment(engine, CommitmentState.ENDED, NOW)

    assert forget(engine, MUCH_LATER) == 101


def test_hints_go_with_the_objects_that_they_name(engine: Engine) -> None:
    with writing(engine) as session:
        hint = StudyHint(sop_instance_uid="1.2.9", study_uid="1.2.3", status="IN PROGRESS", peer="pacs", heard=NOW)
        session.add(hint)
        session.flush()
        session.add(NamedInstance(study_hint_id=row_id(hint), sop_instance_uid="1.2.3.4"))

    assert forget(engine, NOW + KEEP_HINTS - timedelta(seconds=1)) == 0
    assert forget(engine, NOW + KEEP_HINTS + timedelta(seconds=1)) == 1
    assert (count(engine, StudyHint), count(engine, NamedInstance)) == (0, 0)
