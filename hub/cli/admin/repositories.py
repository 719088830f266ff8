"""`hub admin repo`: exceptions that only an administrator makes."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from hub.cli.admin.opening import group, opened, operator

repositories = group("Exceptions that an administrator makes for single artifacts.")


@repositories.command("allow")
def allow(
    name: Annotated[str, Argument(help="`owner/name`.")],
    forbid: Annotated[bool, Option("--forbid", help="Take the permission back.")] = False,
) -> None:
    """Let an artifact hold pickles, archives and programs."""
    from hub.registry.repositories import allow_any_file

    with opened() as hub:
        found = hub.registry.get(name)
        allow_any_file(hub.registry.database, found.name, not forbid, operator())
    print(f"{found.name} may {'not ' if forbid else ''}hold pickles, archives and programs")


@repositories.command("free")
def free(name: Annotated[str, Argument(help="`owner/name` that was deleted or moved.")]) -> None:
    """Let a name be given again. Links to it will lead to other bytes."""
    from hub.names import ArtifactName
    from hub.registry.repositories import remove_tombstone

    with opened() as hub:
        found = ArtifactName.parse(name, hub.home.owner)
        remove_tombstone(hub.registry.database, found, operator())
    print(f"{found} may be given again")
