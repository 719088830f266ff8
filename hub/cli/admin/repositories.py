"""`hub admin repo`: exceptions for single repositories."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from hub.administration.repositories import AllowUnsafeFiles, FreeName
from hub.cli.admin.options import Endpoint, group, run

repositories = group("Make exceptions for single repositories.")


@repositories.command("allow")
def allow(
    name: Annotated[str, Argument(help="Artifact, `owner/name`.")],
    forbid: Annotated[bool, Option("--forbid", help="Revoke the permission.")] = False,
    endpoint: Endpoint = "",
) -> None:
    """Allow pickles, archives and programs in an artifact, or forbid them again."""
    found = run(endpoint, AllowUnsafeFiles(name=name, allow_unsafe_files=not forbid)).name
    print(f"pickles, archives and programs are {'no longer ' if forbid else ''}allowed in {found}")


@repositories.command("free")
def free(
    name: Annotated[str, Argument(help="Deleted or renamed artifact, `owner/name`.")], endpoint: Endpoint = ""
) -> None:
    """Forget a deleted or renamed artifact: its former name no longer redirects, and a mirror may request it again."""
    print(f"{run(endpoint, FreeName(name=name)).name} is available again")
