"""A change of `rules.accession`: what it would do, shown beforehand, and doing it to what is stored."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, bindparam, update
from sqlmodel import Session, col, select

from config.rule_settings import AccessionRule, DropPrefix, RuleSettings
from config.settings import Settings
from service.accession_keys import accession_key
from service.candidates import in_turns, pair_reports
from service.store.database import reading, writing
from service.store.identity_tables import AppliedRules
from service.store.states import PairingState
from service.store.tables import OrderNumber, Report, Study, row_id

NAME = "accession"


@dataclass(frozen=True)
class RulesPreview:
    """What rules would do to accession numbers.

    `changes` are numbers as received with what they would be compared by, where the two differ; `collisions` those of
    studies that several different numbers would become; `pairs` the unpaired reports that would find studies, as
    report number and the studies' accession numbers.
    """

    looked_at: int
    changes: dict[str, str]
    collisions: dict[str, list[str]]
    pairs: dict[int, list[str]] = field(default_factory=dict)


def apply_rules(engine: Engine, settings: Settings, now: datetime) -> int:
    """Compare what is stored by the present rules, where it was written by others; gives how many numbers changed.

    Then unpaired reports are looked at again. Killed in the middle, it begins anew at the next start.
    """
    wanted = _as_text(settings.rules)
    with reading(engine) as session:
        applied = session.exec(select(AppliedRules).where(AppliedRules.name == NAME)).one_or_none()
    if wanted == (applied.rules if applied else _as_text(RuleSettings())):
        return 0
    changed = sum(
        _write_keys(engine, table, number, settings.rules.accession)
        for table, number in ((Study, "accession"), (OrderNumber, "number"))
    )
    _pair_unpaired(engine, settings, now)
    with writing(engine) as session:
        row = session.exec(select(AppliedRules).where(AppliedRules.name == NAME)).one_or_none()
        row = row or AppliedRules(name=NAME, rules=wanted)
        row.rules = wanted
        session.add(row)
    return changed


def preview_rules(session: Session, rules: Sequence[AccessionRule]) -> RulesPreview:
    """Say what rules would do to what is stored, changing nothing."""
    studies: dict[str, set[str]] = defaultdict(set)
    numbers = set(session.exec(select(Study.accession).where(Study.accession != "").distinct()))
    for number in numbers:
        studies[accession_key(number, rules)].add(number)
    carried: dict[int, list[str]] = defaultdict(list)
    unpaired = (
        select(OrderNumber.report_id, OrderNumber.number)
        .join(Report)
        .where(*_unpaired(), col(OrderNumber.is_accession).is_(True))
    )
    for report_id, number in session.exec(unpaired):
        carried[report_id].append(number)
        numbers.add(number)
    pairs = {
        report_id: sorted({study for number in own for study in studies.get(accession_key(number, rules), ())})
        for report_id, own in sorted(carried.items())
    }
    shared = {key: sorted(alike) for key, alike in studies.items() if len(alike) > 1}
    return RulesPreview(
        len(numbers), _changes(numbers, rules), shared, {k: found for k, found in pairs.items() if found}
    )


def preview_numbers(numbers: Sequence[str], rules: Sequence[AccessionRule]) -> RulesPreview:
    """Say what rules would do to these accession numbers."""
    alike: dict[str, set[str]] = defaultdict(set)
    for number in numbers:
        alike[accession_key(number, rules)].add(number)
    shared = {key: sorted(each) for key, each in alike.items() if len(each) > 1}
    return RulesPreview(len(set(numbers)), _changes(set(numbers), rules), shared)


def _changes(numbers: set[str], rules: Sequence[AccessionRule]) -> dict[str, str]:
    keys = {number: accession_key(number, rules) for number in sorted(numbers)}
    return {number: key for number, key in keys.items() if key != number}


def _write_keys(engine: Engine, table: type[Study | OrderNumber], number: str, rules: Sequence[AccessionRule]) -> int:
    key = "accession_key" if table is Study else "key"
    changed, last = 0, 0
    while rows := _rows_after(engine, table, last):
        last = row_id(rows[-1])
        values = [
            {"row": row_id(row), "value": accession_key(getattr(row, number), rules)}
            for row in rows
            if getattr(row, key) != accession_key(getattr(row, number), rules)
        ]
        if values:
            with writing(engine) as session:
                statement = update(table).where(col(table.id) == bindparam("row")).values({key: bindparam("value")})
                session.connection().execute(statement, values)
        changed += len(values)
    return changed


def _rows_after(engine: Engine, table: type[Study | OrderNumber], last: int) -> Sequence[Any]:
    with reading(engine) as session:
        return session.exec(select(table).where(col(table.id) > last).order_by(col(table.id)).limit(1000)).all()


def _pair_unpaired(engine: Engine, settings: Settings, now: datetime) -> None:
    with reading(engine) as session:
        sharing = select(OrderNumber.report_id).join(Study, col(Study.accession_key) == OrderNumber.key)
        found = select(Report.id).where(*_unpaired(), col(Report.id).in_(sharing)).order_by(col(Report.id))
        waiting = [number for number in session.exec(found) if number is not None]
    for some in in_turns(waiting):
        with writing(engine) as session:
            reports = session.exec(select(Report).where(col(Report.id).in_(some))).all()
            pair_reports(session, reports, settings, now)


def _unpaired() -> Iterator[Any]:
    yield col(Report.pairing) != PairingState.PAIRED
    yield col(Report.superseded_by).is_(None)


def _as_text(rules: RuleSettings) -> str:
    return json.dumps([rule.model_dump() if isinstance(rule, DropPrefix) else rule for rule in rules.accession])
