"""Metrics for Prometheus: what waits, what runs, and how the API answers. Read anew at every scrape, never stored."""

from collections.abc import Iterator

from fastapi import APIRouter
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from core.commands import statistics
from core.db import Database, workspaces
from core.errors import WhetstoneError
from core.runtime.process import RUNNING
from core.tuning.jobs import queries

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
#: Seconds. Most answers take milliseconds; exports and verification take minutes.
_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)


class Metrics:
    """Those of one application, so that two in one process do not add up."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self._requests = Counter(
            "whetstone_http_requests", "Answers of the API.", ("method", "route", "status"), registry=registry
        )
        self._seconds = Histogram(
            "whetstone_http_request_seconds",
            "Seconds until an answer of the API was sent.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=registry,
        )
        ProcessCollector(registry=registry)
        registry.register(_State())
        self.router = APIRouter(tags=["health"])
        self.router.add_api_route(
            "/metrics",
            self.answer,
            response_class=Response,
            summary="Metrics",
            responses={200: {"content": {"text/plain": {"schema": {"type": "string", "title": "Metrics"}}}}},
        )

    def seen(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer. Labels are ours, never what was asked for: there would be as many as addresses."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def answer(self) -> Response:
        """Return the queue, jobs and requests, in the form that Prometheus reads."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)


class _State(Collector):
    """What stands in the database at this moment; `whetstone_database_up` is 0 where nobody can say."""

    def describe(self) -> Iterator[Metric]:
        """Nothing, so that registering asks no database."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("whetstone_database_up", "Whether the database answers.")
        try:
            found = list(_families(RUNNING.database()))
        except (WhetstoneError, SQLAlchemyError):
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from found


def _families(database: Database) -> Iterator[Metric]:
    commands = GaugeMetricFamily(
        "whetstone_commands", "Commands of the queue, by status.", labels=("workspace", "status")
    )
    oldest = GaugeMetricFamily(
        "whetstone_oldest_pending_seconds",
        "How long the oldest command that could be claimed waits.",
        labels=("workspace",),
    )
    jobs = GaugeMetricFamily("whetstone_tuning_jobs", "Fine-tuning jobs, by state.", labels=("workspace", "state"))
    workers = GaugeMetricFamily("whetstone_workers", "Workers that were heard of lately.", labels=("workspace",))
    for name in workspaces.with_table(database, "fine_tuning_metrics"):
        db = database.in_workspace(name)
        counts = statistics.counts(db)
        for status, number in counts.by_status.items():
            commands.add_metric([name, status], number)
        oldest.add_metric([name], counts.oldest_pending_s or 0.0)
        for state, number in queries.counts(db).items():
            jobs.add_metric([name, state], number)
        workers.add_metric([name], sum(worker.is_alive for worker in statistics.workers(db)))
    yield from (commands, oldest, jobs, workers)
