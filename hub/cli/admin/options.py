"""The options of `hub admin`; run its operations locally or on a server, and print their results."""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from hub.administration import Administration, LocalAdministration, RemoteAdministration
from hub.administration.operation import Operation, Result
from hub.registry.accounts.permissions import Actor

Endpoint = Annotated[
    str,
    typer.Option(
        "--endpoint",
        help="URL of a server to administer instead of the local registry; needs an administrator's token in HF_TOKEN.",
        show_default=False,
    ),
]
"""The option that every command has."""
User = Annotated[str, typer.Argument(help="Name of the user.")]
Owner = Annotated[str, typer.Argument(help="Name of a user or an organisation.")]
Reason = Annotated[str, typer.Option(help="Reason, shown to the owner and the other administrators.")]
FullName = Annotated[str, typer.Option(help="Display name.", show_default=False)]


def group(help: str) -> typer.Typer:
    """Return an empty group of commands."""
    return typer.Typer(help=help, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


@contextmanager
def administration(endpoint: str) -> Iterator[Administration]:
    """Open the server at `endpoint`, or the local registry if it is empty."""
    if endpoint:
        from huggingface_hub import get_token

        yield RemoteAdministration(endpoint, get_token() or "")
        return
    from hub.local import LocalHub

    with LocalHub.open() as hub:
        yield LocalAdministration(hub, operator())


def run(endpoint: str, operation: Operation[Result]) -> Result:
    """Run an operation on the server at `endpoint`, or locally if it is empty, and return its result."""
    with administration(endpoint) as admin:
        return admin.run(operation)


def lines(rows: Iterable[tuple[Any, ...]]) -> None:
    """Print rows as tab-separated columns."""
    for row in rows:
        print(*row, sep="\t")


def operator() -> Actor:
    """Return the user of this machine, who is named in the audit log."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Actor(f"{name} (hub admin)")
