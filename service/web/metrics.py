"""Prometheus metrics, read from the rows, so that they survive restarts and cover every machine.

Labels are states, queues, roles, and names from the settings and cohort files; nothing that a sender wrote.
"""

import shutil
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from config.settings import Settings
from service.heartbeat import is_silent
from service.installation import SOFTWARE
from service.queues import queues
from service.store.commitment_tables import Commitment
from service.store.database import reading
from service.store.fetch_tables import Fetch
from service.store.room import bytes_in_use
from service.store.states import RoleState, RunState
from service.store.tables import CohortRun, Delivery, Instance, Message, Report, RoleRow, Study


def render_metrics(engine: Engine, settings: Settings, now: datetime) -> bytes:
    """Give every metric in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Rows(engine, settings, now))
    return generate_latest(registry)


class _Rows(Collector):
    """Reads the metrics from the database at one moment."""

    def __init__(self, engine: Engine, settings: Settings, now: datetime) -> None:
        self._engine, self._settings, self._now = engine, settings, now

    def collect(self) -> Iterator[Metric]:
        """Give each metric with its samples."""
        yield InfoMetricFamily("spinelabel_build", "The software.", {"software": SOFTWARE})
        yield from _disk(self._settings)
        with reading(self._engine) as session:
            yield from _roles(session, self._now)
            yield from _received(session)
            yield _gauge("spinelabel_store_bytes", "What the files of the object store have.", bytes_in_use(session))
            yield from _states(session)
            yield from _queues(session, self._now)
            yield _exports(session)


def _disk(settings: Settings) -> Iterator[Metric]:
    yield _gauge("spinelabel_disk_free_bytes", "Free on the disk of the store.", shutil.disk_usage(settings.data).free)
    keep = settings.storage.keep_free_gb * 1e9
    yield _gauge("spinelabel_disk_keep_free_bytes", "Objects are refused when less than this is free.", keep)


def _roles(session: Session, now: datetime) -> Iterator[Metric]:
    up = GaugeMetricFamily("spinelabel_role_up", "1 while a role is up and answers.", labels=["role", "host"])
    restarts = CounterMetricFamily(
        "spinelabel_role_restarts", "Times that a role had to be started again.", labels=["role", "host"]
    )
    for row in session.exec(select(RoleRow)):
        is_up = row.state == RoleState.UP and not is_silent(row, now)
        up.add_metric([row.role, row.host], float(is_up))
        restarts.add_metric([row.role, row.host], row.restarts)
    yield from (up, restarts)


def _received(session: Session) -> Iterator[Metric]:
    yield _by_state(session, CounterMetricFamily, Instance.state, "spinelabel_objects", "DICOM objects received.")
    yield _by_state(session, CounterMetricFamily, Message.state, "spinelabel_messages", "HL7 messages received.")
    last = GaugeMetricFamily(
        "spinelabel_last_received_timestamp_seconds", "When the newest object or message came.", labels=["kind"]
    )
    for kind, column in (("object", Instance.received), ("message", Message.received)):
        newest = session.exec(select(func.max(column))).one()
        if newest is not None:
            last.add_metric([kind], newest.timestamp())
    yield last


def _states(session: Session) -> Iterator[Metric]:
    for column, name, text in (
        (Study.images, "spinelabel_studies_images", "Studies by how far the reading of their images has come."),
        (Study.document, "spinelabel_studies_document", "Studies by how far their structured report has come."),
        (Report.labels, "spinelabel_reports_labels", "Reports, all versions, by how far their labelling has come."),
        (Report.pairing, "spinelabel_reports_pairing", "Reports, all versions, by whether they found their study."),
    ):
        yield _by_state(session, GaugeMetricFamily, column, name, text)
    fetches = GaugeMetricFamily(
        "spinelabel_fetches", "Studies asked for at archives, by what for and how far.", labels=["origin", "state"]
    )
    for origin, state, count in session.exec(
        select(Fetch.origin, Fetch.state, func.count()).group_by(col(Fetch.origin), col(Fetch.state))
    ):
        fetches.add_metric([origin, state], count)
    yield fetches
    deliveries = GaugeMetricFamily(
        "spinelabel_deliveries", "Structured reports by destination and state.", labels=["destination", "state"]
    )
    counted = select(Delivery.destination, Delivery.state, func.count()).group_by(
        col(Delivery.destination), col(Delivery.state)
    )
    for destination, state, count in session.exec(counted):
        deliveries.add_metric([destination, state], count)
    yield deliveries
    commitments = GaugeMetricFamily(
        "spinelabel_commitments",
        "Storage commitments by peer, who asked for them (it, we), and how far they have come.",
        labels=["peer", "asked_by", "state"],
    )
    by_us = col(Commitment.delivery_id).is_not(None)
    rows = select(Commitment.peer, by_us, Commitment.state, func.count())
    for peer, is_ours, state, count in session.exec(rows.group_by(col(Commitment.peer), by_us, col(Commitment.state))):
        commitments.add_metric([peer, "we" if is_ours else "it", state], count)
    yield commitments


def _queues(session: Session, now: datetime) -> Iterator[Metric]:
    length = GaugeMetricFamily("spinelabel_queue_length", "Items that wait for work.", labels=["queue"])
    oldest = GaugeMetricFamily(
        "spinelabel_queue_oldest_seconds", "How long the oldest item of a queue has waited.", labels=["queue"]
    )
    for queue in queues(session, now):
        length.add_metric([queue.name], queue.length)
        oldest.add_metric([queue.name], (now - queue.oldest).total_seconds() if queue.oldest else 0)
    yield from (length, oldest)


def _exports(session: Session) -> Metric:
    last = GaugeMetricFamily(
        "spinelabel_cohort_exported_timestamp_seconds", "When a cohort was last exported.", labels=["cohort"]
    )
    done = select(CohortRun.cohort, func.max(CohortRun.started)).where(CohortRun.state == RunState.DONE)
    for cohort, started in session.exec(done.group_by(CohortRun.cohort)):
        last.add_metric([cohort], started.timestamp())
    return last


def _by_state(
    session: Session, family: type[CounterMetricFamily | GaugeMetricFamily], column: Any, name: str, text: str
) -> Metric:
    metric = family(name, text, labels=["state"])
    for state, count in session.exec(select(column, func.count()).group_by(column)):
        metric.add_metric([state], count)
    return metric


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value)
