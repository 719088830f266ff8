"""What a server counts of itself, for Prometheus: requests by route, durations, bytes; and how much there is.

Counters are this process's own: with several workers, each one is a target of its own, or sums are made of what a
scraper meets. Labels are routes and not addresses, methods and statuses, so their number is bounded and no name,
token or query gets into them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.errors import HubError
from hub.local import LocalHub
from server.middleware import HttpLayer

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_FRESH_S = 60.0
"""How long sums over whole tables are kept: among a million artifacts they take a while."""


class Meter:
    """The counters of one application."""

    def __init__(self, hub: LocalHub) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("linguahub_requests", "Requests that were answered.", labels, registry=self.registry)
        self.seconds = Histogram(
            "linguahub_request_seconds", "Seconds from a request's first byte to its answer's last.", ("method", "route"),
            buckets=_BUCKETS_S, registry=self.registry,
        )  # fmt: skip
        self.received = Counter(
            "linguahub_received_bytes", "Bytes of bodies that came in.", ("route",), registry=self.registry
        )
        self.sent = Counter(
            "linguahub_sent_bytes", "Bytes of bodies that went out.", ("route",), registry=self.registry
        )
        self.registry.register(_Holdings(hub))

    def text(self) -> bytes:
        """Everything in Prometheus' own format."""
        return generate_latest(self.registry)


class Metering(HttpLayer):
    """Counts every request when its last byte has gone, or when it failed."""

    def __init__(self, app: ASGIApp, meter: Meter) -> None:
        super().__init__(app)
        self.meter = meter

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and count."""
        began, status, received, sent = time.perf_counter(), 500, 0, 0

        async def receive_and_count() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def send_and_count(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive_and_count, send_and_count)
        finally:
            route = str(getattr(scope.get("route"), "path_format", "none"))
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self.meter.requests.labels(method, route, str(status)).inc()
            self.meter.seconds.labels(method, route).observe(time.perf_counter() - began)
            self.meter.received.labels(route).inc(received)
            self.meter.sent.labels(route).inc(sent)


class _Holdings(Collector):
    """How much there is: asked when somebody looks, and not more often than once a minute what takes long."""

    def __init__(self, hub: LocalHub) -> None:
        self._hub = hub
        self._sums: dict[str, float] = {}
        self._asked_at = float("-inf")

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: else registering would ask the database."""
        yield from ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Sizes of outbox, registry and store; none of what does not answer."""
        database = self._hub.registry.database
        try:
            yield _gauge(
                "outbox_debts", "Work that is still to be done.", database.rows("SELECT count(*) FROM outbox")[0][0]
            )
            kinds = GaugeMetricFamily("linguahub_artifacts", "Public artifacts.", labels=["kind"])
            for row in database.rows("SELECT value, artifacts FROM facet_counts WHERE facet = 'kind' ORDER BY value"):
                kinds.add_metric([row["value"]], row["artifacts"])
            yield kinds
            sums = self._summed()
        except HubError:
            return
        yield _gauge("store_bytes", "Bytes of all files that revisions name, each once.", sums["bytes"])
        yield _gauge("store_blobs", "Different files that revisions name.", sums["blobs"])
        yield _gauge("revisions", "Revisions of all artifacts.", sums["revisions"])
        yield _gauge("downloads", "Downloads of all artifacts that are here.", sums["downloads"])

    def _summed(self) -> dict[str, float]:
        if time.monotonic() - self._asked_at > _FRESH_S:
            rows = self._hub.registry.database.rows
            blobs, size = rows("SELECT count(*), coalesce(sum(size_bytes), 0) FROM blobs")[0]
            self._sums = {
                "blobs": float(blobs),
                "bytes": float(size),
                "revisions": float(rows("SELECT count(*) FROM revisions")[0][0]),
                "downloads": float(rows("SELECT coalesce(sum(downloads), 0) FROM artifacts")[0][0]),
            }
            self._asked_at = time.monotonic()
        return self._sums


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"linguahub_{name}", meaning, value=float(value))
