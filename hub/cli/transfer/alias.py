"""`hub alias`: names such as `@stable`, which are moved from revision to revision by hand."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from typer import Argument, Option

from hub.cli.find.search import ENDPOINT
from hub.cli.tables import print_table
from hub.errors import WrongRequest

HEX = 10


def alias(
    name: Annotated[str, Argument(help="`owner/name`, or `name` alone.")],
    alias: Annotated[str, Argument(help="`@` and a word; without one, all are listed.", show_default=False)] = "",
    revision: Annotated[str, Option(help="Where it shall lead.", show_default=False)] = "",
    protect: Annotated[
        bool | None, Option("--protect/--open", help="Whether administrators alone move it.", show_default=False)
    ] = None,
    delete: Annotated[bool, Option("--delete", help="Take it away.")] = False,
    endpoint: Annotated[str, Option(help=ENDPOINT, show_default=False)] = "",
) -> None:
    """List, make, move or take away the aliases of an artifact."""
    if not alias and (revision or delete or protect is not None):
        raise WrongRequest("which alias? Write `hub alias NAME @stable --revision main`.")
    if alias and delete == bool(revision):
        raise WrongRequest(f"what shall become of `{alias}`? Give `--revision` or `--delete`.")
    rows = _there(endpoint, name, alias, revision, protect) if endpoint else _here(name, alias, revision, protect)
    if rows:
        print_table(("ALIAS", "REVISION", ""), rows)
    else:
        print("No aliases.")


def _here(name: str, alias: str, revision: str, protect: bool | None) -> list[tuple[str, str, str]]:
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


def _there(address: str, name: str, alias: str, revision: str, protect: bool | None) -> list[tuple[str, str, str]]:
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
