"""`hub yank`: withdraw a revision without deleting it."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from hub.cli.find.search import ENDPOINT
from hub.errors import InvalidRequest


def yank(
    name: Annotated[str, Argument(help="Artifact: `owner/name` or `name`.")],
    revision: Annotated[str, Argument(help="Revision: id, number or branch.")],
    reason: Annotated[str, Option(help="Reason, shown in the audit log.", show_default=False)] = "",
    undo: Annotated[bool, Option("--undo", help="Undo an earlier yank.")] = False,
    endpoint: Annotated[str, Option(help=ENDPOINT, show_default=False)] = "",
) -> None:
    """Withdraw a revision. It remains available to anyone who pinned it, with a warning."""
    if not undo and not reason:
        raise InvalidRequest("missing --reason. Example: `hub yank NAME REVISION --reason 'trained on the test set'`.")
    if endpoint:
        number, yanked = _remote(endpoint, name, revision, reason, undo=undo)
    else:
        number, yanked = _local(name, revision, reason, undo=undo)
    print(f"{name} revision {number} is {'withdrawn' if yanked else 'no longer withdrawn'}")


def _local(name: str, revision: str, reason: str, *, undo: bool) -> tuple[int, bool]:
    from hub.local import LocalHub
    from hub.publish.commit import yank as withdraw
    from hub.registry.accounts.permissions import Actor

    with LocalHub.open() as hub:
        artifact = hub.registry.get(name)
        found = withdraw(artifact, revision, hub.registry, hub.store, Actor("hub yank"), yanked=not undo, reason=reason)
        return found.number, found.yanked


def _remote(address: str, name: str, revision: str, reason: str, *, undo: bool) -> tuple[int, bool]:
    from urllib.parse import quote

    from hub.remote.client import Endpoint

    endpoint = Endpoint(address)
    at = f"/artifacts/{endpoint.full_name(name)}/revisions/{quote(revision, safe='')}/yank"
    found = endpoint.ask("DELETE" if undo else "POST", at, body=None if undo else {"reason": reason})
    return found["number"], found["yanked"]
