"""Artifacts between this installation and another hub. Transfers are `huggingface_hub`'s: they resume and show progress.

What is pulled is recorded under the very id that it has there: the endpoint gives the manifest whose SHA-256 the id is,
and every file must have the digest that the manifest names. So an endpoint can refuse, but not give other bytes.
"""

from __future__ import annotations

import dataclasses
import glob
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cards import describe
from hub.cards.describe import DATASET
from hub.cards.policy import check_contents
from hub.errors import Conflict, Damaged, Forbidden, HubError, Unauthenticated, Unreachable, WrongRequest
from hub.names import COMMIT_DIGITS, ArtifactName, Digest
from hub.publish.commit import check, suspects, yank
from hub.publish.index import read_manifest
from hub.publish.publish import FROM_CARDS, drain_outbox, with_files
from hub.records import Artifact, Revision
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.scans import flag

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.remote.client import Description, Endpoint


def pull(hub: LocalHub, endpoint: Endpoint, name: str, revision: str = "main") -> Revision:
    """Fetch a revision and record it here: as the newest one when it is that there, or when nothing is known here yet.

    Revisions that are here and were yanked there, or are no longer, become so here, too.
    Raises Conflict when somebody here has published under the same name what the endpoint does not know, Damaged when
    its answer is not what its id says.
    """
    told = endpoint.describe(name, revision)
    if told.shown is None:
        raise WrongRequest(
            f"`{name}` is a card alone on {endpoint.address}: its weights are upstream, `hub pull {name}` fetches them."
        )
    artifact, shown = told.artifact, told.shown
    head = _own_head(hub, endpoint, told)
    known = {each.id: each for each in hub.registry.revisions(artifact.name, with_files=False)} if head else {}
    for each in told.revisions:
        if each.id in known and each.yanked != known[each.id].yanked:
            actor = Actor("hub pull", address=endpoint.address)
            yank(hub.registry.get(artifact.name), each.id, hub.registry, hub.store, actor, yanked=each.yanked)
    if shown.id not in known:
        _keep(hub, endpoint, artifact, shown)
        _record(hub, endpoint, artifact, shown, head, is_newest=shown.id == artifact.revision)
    elif shown.id == artifact.revision and head is not None and head.id != shown.id:
        _record(hub, endpoint, artifact, shown, head, is_newest=True)
    return hub.registry.revision(artifact.name, shown.id)


def push(folder: Path, endpoint: Endpoint, name: str, message: str) -> tuple[Artifact, Revision]:
    """Send a folder: checked here as `hub push` checks it, so that nothing is sent which the endpoint would refuse."""
    from huggingface_hub import HfApi

    paths = check_contents(folder)
    target = ArtifactName.parse(name, "local")
    artifact = describe(folder, target)
    kind = "dataset" if artifact.kind == DATASET else "model"
    with _translated(endpoint):
        api = HfApi(endpoint=endpoint.address, token=endpoint.token or False)
        if "/" not in name:
            target = ArtifactName(str(api.whoami()["name"]), name)
        api.create_repo(str(target), repo_type=kind, exist_ok=True)
        api.upload_folder(
            repo_id=str(target),
            repo_type=kind,
            folder_path=folder,
            commit_message=message or f"Publish {target}",
            allow_patterns=[glob.escape(path) for path in paths],
            delete_patterns="*",  # What is no longer in the folder: a push makes the folder the revision, as it does here.
        )
    told = endpoint.describe(str(target))
    assert told.shown is not None, "it was just sent"
    return told.artifact, told.shown


def _own_head(hub: LocalHub, endpoint: Endpoint, told: Description) -> Revision | None:
    """What is newest here; Conflict when it is neither a curated card nor known there."""
    name = told.artifact.name
    here = hub.registry.head(name)
    if here is None:
        return None
    head = hub.registry.revision(name, here)
    if head.id not in {each.id for each in told.revisions} and head.message != FROM_CARDS:
        raise Conflict(
            f"revision {head.number} of `{name}` was published here and {endpoint.address} does not have it: fetch theirs with `--to`, "
            f"or send yours with `hub push --endpoint`."
        )
    return head


def _keep(hub: LocalHub, endpoint: Endpoint, artifact: Artifact, shown: Revision) -> None:
    """Put manifest and files into the store, each only if it is what it says."""
    from huggingface_hub import snapshot_download

    manifest = endpoint.read("GET", f"/artifacts/{artifact.name}/revisions/{shown.id}/manifest")
    if hashlib.sha256(manifest).hexdigest() != shown.id:
        raise Damaged(
            f"{endpoint.address} gave a manifest for `{artifact.name}` that is not the one of revision {shown.id[:12]}."
        )
    unfinished = hub.home.caches / "pull" / shown.id[:COMMIT_DIGITS]
    with _translated(endpoint):
        snapshot_download(
            str(artifact.name),
            repo_type="dataset" if artifact.kind == DATASET else "model",
            revision=shown.id[:COMMIT_DIGITS],
            endpoint=endpoint.address,
            token=endpoint.token or False,
            local_dir=unfinished,
        )
    hub.store.put(manifest, Digest(shown.id))
    for file in read_manifest(hub.store, shown.id).files:
        hub.store.put_file(unfinished / file.path, file.digest)
    shutil.rmtree(unfinished, ignore_errors=True)  # Until here, a pull that was cut off goes on where it was.


def _record(
    hub: LocalHub, endpoint: Endpoint, artifact: Artifact, shown: Revision, head: Revision | None, *, is_newest: bool
) -> None:
    """Make it known; the audit log says where it came from."""
    kept = dataclasses.replace(
        read_manifest(hub.store, shown.id), artifact=artifact.name, yanked=shown.yanked, author=shown.author
    )
    bare = Artifact(
        name=artifact.name, kind=artifact.kind, summary="", license="", languages=(),
        private=artifact.private, gated=artifact.gated, any_file=artifact.any_file,
    )  # fmt: skip
    described = with_files(check(bare, kept.files, (), hub.store), kept.files, hub.store)
    if artifact.any_file:
        flag(hub.registry.database, suspects(kept.files, (), hub.store))
    branch = "main" if is_newest or head is None else f"pulled/{shown.number}"
    before = hub.registry.head(artifact.name, branch)
    hub.registry.record(described, kept, before, branch=branch, actor=Actor("hub pull", address=endpoint.address))
    drain_outbox(hub.registry, hub.store)


@contextmanager
def _translated(endpoint: Endpoint) -> Iterator[None]:
    """What `huggingface_hub` raises, in our words."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        yield
    except HfHubHTTPError as error:
        said = (error.server_message or str(error)).splitlines()[0]
        status = error.response.status_code if error.response is not None else 0
        kinds: dict[int, type[HubError]] = {401: Unauthenticated, 403: Forbidden, 409: Conflict}
        raise kinds.get(status, WrongRequest if 400 <= status < 500 else Unreachable)(said) from error
    except (LocalEntryNotFoundError, OSError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise Unreachable(
            f"{endpoint.address} cannot be reached: {reason}. Do it again to go on where it stopped."
        ) from error
