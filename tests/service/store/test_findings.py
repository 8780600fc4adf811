from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Engine
from sqlmodel import select

from pipeline.values import Source
from service.store.database import reading, writing
from service.store.findings import Subject, current_findings, record_findings, supersede_findings, to_findings
from service.store.tables import FindingRow
from tests.service.rows import NOW, add_study, finding

LATER = NOW + timedelta(minutes=1)


def record(engine: Engine, report_id: int, work: str, probability: float) -> None:
    with writing(engine) as session:
        changed = replace(finding(), probability=probability)
        record_findings(session, Subject(report_id=report_id), [changed], work=work, now=LATER)


def rows(engine: Engine) -> list[tuple[float | None, bool]]:
    with reading(engine) as session:
        found = session.exec(select(FindingRow).where(FindingRow.source == "report").order_by(FindingRow.id))  # type: ignore[arg-type]
        return [(row.probability, row.superseded is None) for row in found]


def test_findings_come_back_as_they_were(engine: Engine) -> None:
    study_id, _ = add_study(engine)

    with reading(engine) as session:
        found = to_findings(session, current_findings(session, study_id))

    assert found == [finding(), finding(level="L4-L5", source=Source.IMAGE)]


def test_the_series_that_a_finding_was_read_from_comes_back(engine: Engine) -> None:
    study_id, _ = add_study(engine)
    elsewhere = replace(finding(source=Source.IMAGE), series_uid="1.2.3.whole")

    with writing(engine) as session:
        record_findings(session, Subject(study_id=study_id), [elsewhere], work="read again", now=LATER)

    with reading(engine) as session:
        assert elsewhere in to_findings(session, current_findings(session, study_id))


def test_new_findings_supersede_and_never_overwrite(engine: Engine) -> None:
    _, report_id = add_study(engine)

    record(engine, report_id, "label-2", 0.9)

    assert rows(engine) == [(0.75, False), (0.9, True)]


def test_work_that_runs_twice_writes_once(engine: Engine) -> None:
    _, report_id = add_study(engine)

    for _ in range(2):
        record(engine, report_id, "label-2", 0.9)

    assert rows(engine) == [(0.75, False), (0.9, True)]


def test_the_same_findings_again_change_nothing(engine: Engine) -> None:
    _, report_id = add_study(engine)

    record(engine, report_id, "label-2", 0.75)

    assert rows(engine) == [(0.75, True)]


def test_a_withdrawn_report_has_no_current_finding(engine: Engine) -> None:
    study_id, report_id = add_study(engine)

    with writing(engine) as session:
        supersede_findings(session, report_id, LATER)

    with reading(engine) as session:
        assert [row.source for row in current_findings(session, study_id)] == ["image"]
