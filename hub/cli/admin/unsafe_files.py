"""`hub admin file`: which files can be published, which malicious ones are served, and which are blocked."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from hub.administration.moderation import BlockFile, ListBlockedFiles, UnblockFile
from hub.administration.unsafe_files import AllowFile, ListFilePolicies, ListMaliciousFiles, SetFilePolicy
from hub.cli.admin.options import Endpoint, Reason, group, lines, run
from hub.errors import InvalidRequest

files = group("Choose which files can be published, allow malicious ones, and block others.")


@files.command("policy")
def policy(
    policy: Annotated[
        str, Argument(help="`safetensors-only`, `scan` or `any` (default: list the policies).", show_default=False)
    ] = "",
    owner: Annotated[str, Option(help="User or organisation instead of the whole server.", show_default=False)] = "",
    reset: Annotated[bool, Option("--reset", help="Reset the owner to the server's policy.")] = False,
    endpoint: Endpoint = "",
) -> None:
    """Set or list the policies: which files the server, or one owner, accepts."""
    if reset and (policy or not owner):
        raise InvalidRequest("`--reset` needs an `--owner`, and no policy.")
    if policy or reset:
        run(endpoint, SetFilePolicy(policy=policy, owner=owner))
    lines((each.owner or "(server)", each.policy) for each in run(endpoint, ListFilePolicies()))


@files.command("list")
def list_malicious(
    limit: Annotated[int, Option(help="Maximum number of files.")] = 100, endpoint: Endpoint = ""
) -> None:
    """List files that scanners found malicious: SHA-256, name, state, artifacts, findings."""
    lines(
        (
            each.digest,
            each.name,
            f"allowed by {each.allowed_by}" if each.allowed_by else "not served",
            ", ".join(each.artifacts) or "in no artifact",
            " | ".join(each.evidence),
        )
        for each in run(endpoint, ListMaliciousFiles(limit=limit))
    )


@files.command("allow")
def allow(
    digest: Annotated[str, Argument(help="SHA-256 of the file, from `hub admin file list`.")],
    forbid: Annotated[bool, Option("--forbid", help="Block downloads again.")] = False,
    endpoint: Endpoint = "",
) -> None:
    """Allow downloads of a malicious file, or block them again."""
    found = run(endpoint, AllowFile(digest=digest, allowed=not forbid))
    print(f"{found.name} ({found.digest[:12]}) is {'not served' if forbid else 'served'}")


@files.command("block")
def block(
    artifact: Annotated[str, Argument(help="Artifact, `owner/name`.")],
    path: Annotated[str, Argument(help="Path of the file in the artifact.")],
    reason: Reason,
    revision: Annotated[str, Option(help="Revision that contains it.")] = "main",
    endpoint: Endpoint = "",
) -> None:
    """Block a file: its bytes are not served, whatever contains them."""
    found = run(endpoint, BlockFile(artifact=artifact, file=path, reason=reason, revision=revision))
    print(f"{found.name} ({found.digest[:12]}) is not served")


@files.command("unblock")
def unblock(
    digest: Annotated[str, Argument(help="SHA-256 of the file, from `hub admin file blocked`.")],
    endpoint: Endpoint = "",
) -> None:
    """Serve a blocked file again."""
    print(f"{run(endpoint, UnblockFile(digest=digest)).digest[:12]} is not blocked")


@files.command("blocked")
def blocked(endpoint: Endpoint = "") -> None:
    """List blocked files: SHA-256, path, administrator, time, reason."""
    lines((each.digest, each.name, each.blocked_by, each.at, each.reason) for each in run(endpoint, ListBlockedFiles()))
