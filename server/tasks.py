"""What the server's worker can do: every task that the outbox may owe, by name."""

from __future__ import annotations

from hub.local import LocalHub
from hub.outbox import Task
from hub.publish import reference_task
from server.scanning.scan import scan_task
from server.webhooks.delivery import delivery_task


def tasks_of(hub: LocalHub) -> list[Task]:
    """All tasks, in the order in which they take turns. Tests do what is due with `hub.outbox.work_off` and these."""
    return [reference_task(hub.registry, hub.store), delivery_task(hub), scan_task(hub)]
