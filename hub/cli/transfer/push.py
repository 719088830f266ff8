"""`hub push`: publish a folder in the layout of Hugging Face repositories."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from hub.cli.find.search import ENDPOINT
from hub.cli.terminal import count
from hub.errors import InvalidRequest
from hub.names import ArtifactName
from hub.records import Revision


def push(
    folder: Annotated[Path, Argument(help="Folder with README.md and one sub-folder per base.")],
    name: Annotated[
        str, Option(help="Artifact: `owner/name` or `name` (default: the folder's name).", show_default=False)
    ] = "",
    message: Annotated[str, Option("--message", "-m", help="Description of the change.", show_default=False)] = "",
    endpoint: Annotated[str, Option(help=ENDPOINT, show_default=False)] = "",
) -> None:
    """Publish a folder as a new revision of an artifact."""
    if not folder.is_dir():
        raise InvalidRequest(f"`{folder}` is not a folder: `hub push` publishes a folder with a README.md.")
    if endpoint:
        from hub.publish.checks.check_folder import check_folder
        from hub.remote.client import Endpoint
        from hub.remote.transfer import push as push_to

        there = Endpoint(endpoint)
        wanted = name or folder.resolve().name
        check_folder(folder, ArtifactName.parse(wanted, "local"), lambda each: there.describe(each).artifact)
        _, revision = push_to(folder, there, wanted, message)
        print(summary(revision))
    else:
        print(publish_locally(folder, name or folder.resolve().name, message))


def publish_locally(folder: Path, name: str, message: str) -> str:
    """Publish a folder in the local registry and return the `summary` of the revision."""
    from hub.local import LocalHub
    from hub.publish.checks.check_folder import check_folder
    from hub.publish.publish import publish
    from hub.registry.accounts.file_policy import file_policy

    with LocalHub.open() as hub:
        target = ArtifactName.parse(name, hub.home.owner)
        is_exempt = hub.registry.head(target) is not None and hub.registry.get(target).allow_unsafe_files
        policy = file_policy(hub.registry.database, target.owner, allow_unsafe_files=is_exempt)
        check_folder(folder, target, hub.registry.get, policy)
        return summary(publish(folder, target, hub.registry, hub.store, message=message))


def summary(revision: Revision) -> str:
    """Format a published revision: `ada/mulan-yo revision 3 (1f2e3d4c5b), 4 files`."""
    return f"{revision.artifact} revision {revision.number} ({revision.id[:10]}), {count(len(revision.files), 'file')}"
