"""`hub admin file`: which files may be published, and which malicious ones are served."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from hub.administration.unsafe_files import AllowFile, ListFilePolicies, ListMaliciousFiles, SetFilePolicy
from hub.cli.admin.options import Endpoint, group, lines, run
from hub.errors import InvalidRequest

files = group("Choose which files may be published, and allow malicious ones.")


@files.command("policy")
def policy(
    policy: Annotated[
        str, Argument(help="`safetensors-only`, `scan` or `any`; nothing to list the policies.", show_default=False)
    ] = "",
    owner: Annotated[str, Option(help="User or organisation instead of the whole server.", show_default=False)] = "",
    reset: Annotated[bool, Option("--reset", help="Let the owner have the server's policy again.")] = False,
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
