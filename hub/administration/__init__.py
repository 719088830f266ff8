"""Everything that an administrator does, each operation written once: here, on a server, and as an address of the API.

An operation is a frozen dataclass of its parameters with the function that does it; see `hub.administration.operation`. The
command line runs it through `Administration`, the server offers every one of `operations()`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.administration.operation import Administration, LocalAdministration, Operation, RemoteAdministration
from hub.plugins import advertised

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Administration", "LocalAdministration", "Operation", "RemoteAdministration", "operations"]


def operations() -> Iterator[type[Operation[Any]]]:
    """Our own operations in the order of the API's document, then those of installed parts, in `hub.operations`."""
    from hub.administration import (
        audit,
        organisations,
        outbox,
        quotas,
        repositories,
        signing_keys,
        tokens,
        users,
        webhooks,
    )  # fmt: skip

    for subject in (users, tokens, organisations, quotas, repositories, webhooks, signing_keys, outbox, audit):
        yield from subject.OPERATIONS
    for point in advertised("hub.operations").values():
        yield from point.load()
