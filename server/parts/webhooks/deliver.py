"""The outbox task `deliver-webhook`: send a delivery and save the result. The outbox retries failures."""

from __future__ import annotations

import http.client
import time
from http import HTTPStatus
from importlib.metadata import version

from hub.errors import InvalidRequest, Unreachable
from hub.local import LocalHub
from hub.registry.outbox.queue import Job
from hub.registry.outbox.worker import PermanentFailure, Task
from server.parts.webhooks.deliveries import DELIVER, Delivery, find_delivery, save_attempt
from server.parts.webhooks.destinations import Refused, read_destination
from server.parts.webhooks.send import headers_of, post
from server.parts.webhooks.webhooks import Webhook, allowed_hosts, find_webhook

MAX_ATTEMPTS = 8
FIRST_WAIT_S = 30.0
"""Seconds before the second attempt. Eight attempts take about an hour in total."""


def delivery_task(hub: LocalHub) -> Task:
    """Return the task that sends one delivery. Final failures are recorded in the log of the webhook, not in the outbox."""

    def deliver(job: Job) -> None:
        delivery = find_delivery(hub.registry.database, job.subject)
        webhook = find_webhook(hub.registry.database, delivery.webhook_id) if delivery else None
        if delivery is not None and webhook is not None and not webhook.disabled:
            _deliver(hub, webhook, delivery)

    return Task(
        DELIVER, deliver, lease_s=120, max_attempts=MAX_ATTEMPTS, first_wait_s=FIRST_WAIT_S, keep_failures=False
    )


def _deliver(hub: LocalHub, webhook: Webhook, delivery: Delivery) -> None:
    """Raise Unreachable to retry later, PermanentFailure if retrying cannot help."""
    body = delivery.body.encode()
    headers = {"Content-Type": "application/json", "User-Agent": f"linguahub/{version('linguahub')}"}
    headers |= headers_of(delivery.id, int(time.time()), body, webhook.secret)
    started_at = time.perf_counter()
    status: int | None = None
    is_final = False
    try:
        status = post(read_destination(webhook.url, allowed_hosts(hub.registry.database)), body, headers)
        error = ""
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            is_final = status < HTTPStatus.BAD_REQUEST or status == HTTPStatus.GONE
            error = f"status {status}" + (": redirects are not followed" if status < HTTPStatus.BAD_REQUEST else "")
    except (Refused, InvalidRequest) as refusal:
        error, is_final = str(refusal), True
    except (OSError, http.client.HTTPException) as failure:
        error = f"no response: {failure or type(failure).__name__}"
    duration_ms = round(1000 * (time.perf_counter() - started_at))
    save_attempt(hub.registry.database, delivery, status=status, error=error, duration_ms=duration_ms)
    if is_final:
        raise PermanentFailure(error)
    if error:
        raise Unreachable(error)  # Without the URL, which can contain a token.
