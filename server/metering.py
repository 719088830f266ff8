"""Prometheus metrics: requests by route, durations, bytes, and the size of registry and store.

Each process has its own counters: with several workers, each is a separate target. Labels are route templates, methods and
statuses, so their number is bounded and they contain no names, tokens or queries.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import Scope

from hub.errors import HubError
from hub.local import LocalHub
from hub.registry.artifacts.usage import RegistryTotals, public_by_kind, totals
from hub.registry.outbox.queue import count_jobs
from server.http.middleware import Exchange

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Meter:
    """The counters of one application."""

    def __init__(self, hub: LocalHub) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("linguahub_requests", "HTTP requests.", labels, registry=self.registry)
        self.seconds = Histogram(
            "linguahub_request_seconds", "Seconds from the first byte of a request to the last byte of its response.", ("method", "route"),
            buckets=_BUCKETS_S, registry=self.registry,
        )  # fmt: skip
        self.received = Counter(
            "linguahub_received_bytes", "Bytes of request bodies.", ("route",), registry=self.registry
        )
        self.sent = Counter("linguahub_sent_bytes", "Bytes of response bodies.", ("route",), registry=self.registry)
        self.registry.register(_Sizes(hub))

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def count(self, scope: Scope, seen: Exchange) -> None:
        """Count a finished request."""
        route = str(getattr(scope.get("route"), "path_format", "none"))
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.requests.labels(method, route, str(seen.status)).inc()
        self.seconds.labels(method, route).observe(seen.seconds)
        self.received.labels(route).inc(seen.received_bytes)
        self.sent.labels(route).inc(seen.sent_bytes)


class _Sizes(Collector):
    """Sizes of outbox, registry and store, read at each scrape. Sums over whole tables are cached for a minute."""

    def __init__(self, hub: LocalHub) -> None:
        self._hub = hub
        self._totals: RegistryTotals | None = None
        self._queried_at = 0.0

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield nothing: by default, registering a collector would query the database."""
        yield from ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the sizes; fewer or none if the database does not respond."""
        database = self._hub.registry.database
        try:
            yield _gauge("outbox_jobs", "Pending background jobs.", count_jobs(database))
            kinds = GaugeMetricFamily("linguahub_artifacts", "Public artifacts.", labels=["kind"])
            for kind, count in public_by_kind(database).items():
                kinds.add_metric([kind], count)
            yield kinds
            found = self._cached_totals()
            damaged = sum(1 for _ in self._hub.store.quarantined())
        except HubError:
            return
        yield _gauge("store_bytes", "Bytes of the distinct files of all revisions.", found.bytes)
        yield _gauge("store_blobs", "Distinct files of all revisions.", found.blobs)
        yield _gauge("store_damaged_blobs", "Damaged blobs, which are not served.", damaged)
        yield _gauge("revisions", "Revisions of all artifacts.", found.revisions)
        yield _gauge("downloads", "Downloads of all artifacts.", found.downloads)

    def _cached_totals(self) -> RegistryTotals:
        if self._totals is None or time.monotonic() - self._queried_at > 60.0:
            self._totals, self._queried_at = totals(self._hub.registry.database), time.monotonic()
        return self._totals


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"linguahub_{name}", meaning, value=value)
