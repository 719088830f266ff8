"""Administration: each operation is written once and runs locally, on a server, and as an endpoint of the API.

An operation is a frozen dataclass of parameters with a `run` method; see `hub.administration.operation`. The command line runs it
through `Administration`; the server has an endpoint for each of `operations()`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hub.administration.operation import Administration, LocalAdministration, Operation, RemoteAdministration
from hub.registry.parts import parts

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Administration", "LocalAdministration", "Operation", "RemoteAdministration", "operations"]


def operations() -> Iterator[type[Operation[Any]]]:
    """Yield the core operations in the order of the API documentation, then those of installed parts."""
    from hub.administration import (
        account_policy,
        audit,
        moderation,
        organisations,
        outbox,
        quotas,
        repositories,
        tokens,
        unsafe_files,
        users,
    )

    subjects = (
        users, tokens, organisations, account_policy, quotas, repositories, unsafe_files, moderation, outbox, audit,
    )  # fmt: skip
    for subject in subjects:
        yield from subject.OPERATIONS
    for part in parts():
        for module in part.operations:
            yield from import_module(module).OPERATIONS
