"""`hub admin repo`: exceptions for single repositories, and hidden ones."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from hub.administration.moderation import HideArtifact, ListHiddenArtifacts, ShowArtifact
from hub.administration.repositories import AllowUnsafeFiles, FreeName
from hub.cli.admin.options import Endpoint, Reason, group, lines, run

repositories = group("Make exceptions for single repositories, and hide them.")


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


@repositories.command("hide")
def hide(
    name: Annotated[str, Argument(help="Artifact, `owner/name`.")], reason: Reason, endpoint: Endpoint = ""
) -> None:
    """Hide an artifact: only its owner and administrators see it, and its owner cannot make it public."""
    print(f"{run(endpoint, HideArtifact(name=name, reason=reason)).artifact} is hidden")


@repositories.command("show")
def show(name: Annotated[str, Argument(help="Hidden artifact, `owner/name`.")], endpoint: Endpoint = "") -> None:
    """Show a hidden artifact again, as visible as it was before."""
    print(f"{run(endpoint, ShowArtifact(name=name)).name} is not hidden")


@repositories.command("hidden")
def hidden(endpoint: Endpoint = "") -> None:
    """List hidden artifacts: name, administrator, time, reason."""
    lines((each.artifact, each.hidden_by, each.at, each.reason) for each in run(endpoint, ListHiddenArtifacts()))
