"""`hub admin repo`: exceptions that only an administrator makes."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from hub.cli.admin.opening import Endpoint, administration, group

repositories = group("Exceptions that an administrator makes for single artifacts.")


@repositories.command("allow")
def allow(
    name: Annotated[str, Argument(help="`owner/name`.")],
    forbid: Annotated[bool, Option("--forbid", help="Take the permission back.")] = False,
    endpoint: Endpoint = "",
) -> None:
    """Let an artifact hold pickles, archives and programs."""
    from hub.administration.repositories import AllowAnyFile

    with administration(endpoint) as admin:
        found = admin.run(AllowAnyFile(name=name, any_file=not forbid)).name
    print(f"{found} may {'not ' if forbid else ''}hold pickles, archives and programs")


@repositories.command("free")
def free(
    name: Annotated[str, Argument(help="`owner/name` that was deleted or moved.")], endpoint: Endpoint = ""
) -> None:
    """Let a name be given again. Links to it will lead to other bytes."""
    from hub.administration.repositories import FreeName

    with administration(endpoint) as admin:
        found = admin.run(FreeName(name=name)).name
    print(f"{found} may be given again")
