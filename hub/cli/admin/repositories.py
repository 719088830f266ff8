"""`hub admin repo`: exceptions for single repositories."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from hub.administration.repositories import AllowUnsafeFiles, FreeName
from hub.cli.admin.opening import Endpoint, group, run

repositories = group("Make exceptions for single repositories.")


@repositories.command("allow")
def allow(
    name: Annotated[str, Argument(help="Artifact, `owner/name`.")],
    forbid: Annotated[bool, Option("--forbid", help="Revoke the permission.")] = False,
    endpoint: Endpoint = "",
) -> None:
    """Allow pickles, archives and programs in an artifact."""
    found = run(endpoint, AllowUnsafeFiles(name=name, allow_unsafe_files=not forbid)).name
    print(f"{found} may {'not ' if forbid else ''}hold pickles, archives and programs")


@repositories.command("free")
def free(
    name: Annotated[str, Argument(help="Deleted or renamed artifact, `owner/name`.")], endpoint: Endpoint = ""
) -> None:
    """Release the name of a deleted artifact. Old links will lead to whatever takes the name next."""
    print(f"{run(endpoint, FreeName(name=name)).name} is available again")
