"""What every `hub admin` command begins with."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.registry.accounts.permissions import Actor

if TYPE_CHECKING:
    from hub.administration import Administration

Endpoint = Annotated[
    str,
    typer.Option(
        "--endpoint",
        help="Do it on the server at this address, with the administrator's token in HF_TOKEN, instead of here.",
        show_default=False,
    ),
]
"""Every command takes it."""


def group(help: str) -> typer.Typer:
    """A group of commands that looks like the others."""
    return typer.Typer(help=help, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


@contextmanager
def administration(endpoint: str) -> Iterator[Administration]:
    """This installation's registry, or a server, for as long as the command runs."""
    from hub.administration import LocalAdministration, RemoteAdministration

    if endpoint:
        from huggingface_hub import get_token

        yield RemoteAdministration(endpoint, get_token() or "")
        return
    from hub.local import LocalHub

    with LocalHub.open() as hub:
        yield LocalAdministration(hub, operator())


def lines(rows: list[tuple[Any, ...]]) -> None:
    """Rows of words, as columns that other programs can split at tabs."""
    for row in rows:
        print("\t".join(str(each) for each in row))


def operator() -> Actor:
    """The person at the keyboard, for the audit log."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "somebody"
    return Actor(f"{name} (hub admin)")
