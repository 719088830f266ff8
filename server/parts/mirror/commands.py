"""`hub admin mirror`: fetch repositories before anyone requests them."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from hub.cli.admin.options import group
from hub.cli.terminal import count, size
from hub.errors import HubError, InvalidRequest

if TYPE_CHECKING:
    from server.parts.mirror.mirror import Mirror
    from server.parts.mirror.mirrored_repositories import MirroredCommit, MirroredFile, MirroredRepository

SIMULTANEOUS = 4
"""Files that are fetched at the same time."""
mirror = group("Repositories of another hub that are stored here.")


@mirror.callback()
def _group() -> None:
    """Keep `prefetch` a subcommand: Typer would make a group of one command that command."""


@mirror.command("prefetch")
def prefetch(
    repositories: Annotated[
        list[str] | None, Argument(help="`owner/name`, `datasets/owner/name` or `owner/name@revision`.")
    ] = None,
    listed: Annotated[
        Path | None,
        Option(
            "--list", help="File with one repository per line; lines that start with # are left out.", metavar="FILE"
        ),
    ] = None,
    address: Annotated[
        str, Option("--mirror", help="URL of the hub to fetch from (default: HUB_MIRROR).", show_default=False)
    ] = "",
) -> None:
    """Fetch all files of repositories, as if clients had requested them. What is stored is not fetched again."""
    from hub.local import LocalHub
    from server.parts.mirror.mirror import Mirror
    from server.parts.mirror.settings import configured_mirror, is_offline
    from server.parts.mirror.upstream import UpstreamClient

    address = address or os.environ.get("HUB_MIRROR", "")
    names = [*(repositories or []), *(_read(listed) if listed else [])]
    if not names:
        raise InvalidRequest("no repository is named: write `hub admin mirror prefetch owner/name`, or `--list FILE`.")
    if not address:
        raise InvalidRequest("no hub is named: write `--mirror https://huggingface.co`, or set HUB_MIRROR.")
    if is_offline():
        raise InvalidRequest("HF_HUB_OFFLINE is set: unset it to fetch from another hub.")
    settings = configured_mirror()
    failed = 0
    with (
        closing(UpstreamClient(address, os.environ.get("HUB_MIRROR_TOKEN"))) as upstream,
        LocalHub.open() as hub,
    ):
        opened = Mirror(hub, upstream, settings)
        for name in names:
            try:
                files, fetched_bytes = fetch_all(opened, name)
            except HubError as error:
                print(f"{name}: {error}", file=sys.stderr)
                failed += 1
            else:
                print(f"{name}: {count(files, 'file')}, {size(fetched_bytes)} fetched", flush=True)
    if failed:
        raise HubError(f"{failed} of {len(names)} repositories could not be fetched.")


def fetch_all(mirror: Mirror, name: str) -> tuple[int, int]:
    """Fetch all files of a repository that are missing, and return the number of its files and of the bytes that were fetched.

    Raises InvalidRequest for a name that is not mirrored, and the errors of `Mirror.commit`.
    """
    path, _, revision = name.partition("@")
    collection, bare = (
        ("datasets", path.removeprefix("datasets/")) if path.startswith("datasets/") else ("models", path)
    )
    repo = mirror.covers(collection, bare)
    if repo is None:
        raise InvalidRequest(
            f"`{path}` is not mirrored: it is not a full name, belongs to an owner of this hub, or is not in HUB_MIRROR_ALLOW."
        )
    commit, _ = mirror.commit(repo, revision or "main")
    with ThreadPoolExecutor(SIMULTANEOUS) as pool:
        fetched = pool.map(lambda file: _fetch(mirror, repo, commit, file), commit.files)
        return len(commit.files), sum(fetched)


def _fetch(mirror: Mirror, repo: MirroredRepository, commit: MirroredCommit, file: MirroredFile) -> int:
    """Return the bytes that were fetched: 0 if the file is stored."""
    return file.size_bytes if mirror.fetch(repo, commit, file) else 0


def _read(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(
            f"cannot read `{file}`: {getattr(error, 'strerror', None) or 'it is not a text'}."
        ) from error
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
