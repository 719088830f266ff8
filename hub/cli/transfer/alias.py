"""`hub alias`: movable names of revisions, such as `@stable`."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from typer import Argument, Option

from hub.cli.find.search import ENDPOINT
from hub.cli.terminal import print_table
from hub.errors import InvalidRequest

HEX = 10
"""Printed digits of a revision id."""


def alias(
    name: Annotated[str, Argument(help="Artifact: `owner/name` or `name`.")],
    alias: Annotated[str, Argument(help="Alias, such as @stable (default: list all).", show_default=False)] = "",
    revision: Annotated[str, Option(help="Revision to point the alias to.", show_default=False)] = "",
    protect: Annotated[
        bool | None,
        Option(
            "--protect/--open",
            help="Restrict moving the alias to administrators, or open it to everyone with write access.",
            show_default=False,
        ),
    ] = None,
    delete: Annotated[bool, Option("--delete", help="Delete the alias.")] = False,
    endpoint: Annotated[str, Option(help=ENDPOINT, show_default=False)] = "",
) -> None:
    """List, create, move or delete aliases of an artifact."""
    if not alias and (revision or delete or protect is not None):
        raise InvalidRequest("missing alias. Example: `hub alias NAME @stable --revision main`.")
    if alias and delete == bool(revision):
        raise InvalidRequest(f"`{alias}` needs one action: either --revision or --delete.")
    rows = _remote(endpoint, name, alias, revision, protect) if endpoint else _local(name, alias, revision, protect)
    if rows:
        print_table(("ALIAS", "REVISION", "STATE"), rows)
    else:
        print("No aliases.")


def _local(name: str, alias: str, revision: str, protect: bool | None) -> list[tuple[str, str, str]]:
    from hub.local import LocalHub
    from hub.publish.publish import drain_outbox
    from hub.registry.accounts.permissions import Actor
    from hub.registry.artifacts.aliases import aliases, delete_alias, set_alias

    with LocalHub.open() as hub:
        database, artifact = hub.registry.database, hub.registry.get(name).name
        actor = Actor("hub alias")
        if alias and revision:
            found = hub.registry.revision(artifact, revision)
            set_alias(database, artifact, alias, found.id, actor, may_administer=True, protected=protect)
        elif alias:
            delete_alias(database, artifact, alias, actor, may_administer=True)
        drain_outbox(hub.registry, hub.store)
        return [(each.name, each.revision[:HEX], "protected" * each.protected) for each in aliases(database, artifact)]


def _remote(address: str, name: str, alias: str, revision: str, protect: bool | None) -> list[tuple[str, str, str]]:
    from hub.remote.client import Endpoint

    endpoint = Endpoint(address)
    at = f"/artifacts/{endpoint.full_name(name)}/aliases"
    if alias and revision:
        body = {"revision": revision, **({} if protect is None else {"protected": protect})}
        endpoint.ask("PUT", f"{at}/{quote(alias)}", body=body)
    elif alias:
        endpoint.ask("DELETE", f"{at}/{quote(alias)}")
    return [
        (each["name"], each["revision"][:HEX], "protected" * each["protected"])
        for each in endpoint.ask("GET", at)["aliases"]
    ]
