"""The objects of a study in a store that holds many others."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session

from service.store.database import reading
from service.study_images import are_removed, cited_files, image_files


@pytest.mark.parametrize("ask", [image_files, cited_files, are_removed])
def test_only_the_objects_of_the_study_are_gone_through(engine: Engine, ask: Callable[[Session, int], object]) -> None:
    plans: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plans.extend(step[3] for step in cursor.fetchall())

    event.listen(engine, "before_cursor_execute", explain)
    with reading(engine) as session:
        ask(session, 1)

    assert any("instance USING INDEX ix_instance_series_id" in step for step in plans), plans
