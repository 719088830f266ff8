"""Pull artifacts from another hub, and push to it. `huggingface_hub` transfers the files: it resumes and shows progress.

A pulled revision keeps its id, which is the SHA-256 of its manifest, and every file must have the digest in the manifest. So an
endpoint can withhold a file, but not replace it.
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
from hub.cards.policy import SCAN, check_contents
from hub.errors import Conflict, DamagedFile, Forbidden, HubError, InvalidRequest, Unauthenticated, Unreachable
from hub.names import COMMIT_DIGITS, DATASETS, ArtifactName, Digest
from hub.publish.commit import check, yank
from hub.publish.index import read_manifest
from hub.publish.publish import FROM_CARDS, drain_outbox, with_files
from hub.records import DATASET, Artifact, Revision
from hub.registry.accounts.permissions import Actor

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.remote.client import Description, Endpoint


def pull(hub: LocalHub, endpoint: Endpoint, name: str, revision: str = "main") -> Revision:
    """Fetch a revision and record it locally: as the newest one, if it is the newest on the endpoint or the first one here.

    Yanks of known revisions are copied from the endpoint. Raises Conflict if the head was published locally and is unknown to the
    endpoint, DamagedFile if a response does not match its digest, InvalidRequest if the endpoint has only a card.
    """
    description = endpoint.describe(name, revision)
    if description.shown is None:
        raise InvalidRequest(
            f"`{name}` is only a card on {endpoint.address}: fetch its upstream weights with `hub pull {name}`."
        )
    artifact, shown = description.artifact, description.shown
    head = _local_head(hub, endpoint, description)
    known = {each.id: each for each in hub.registry.revisions(artifact.name, with_files=False)} if head else {}
    for each in description.revisions:
        if each.id in known and each.yanked != known[each.id].yanked:
            actor = Actor("hub pull", address=endpoint.address)
            yank(hub.registry.get(artifact.name), each.id, hub.registry, hub.store, actor, yanked=each.yanked)
    if shown.id not in known:
        _store(hub, endpoint, artifact, shown)
        _record(hub, endpoint, artifact, shown, head, is_newest=shown.id == artifact.revision)
    elif shown.id == artifact.revision and head is not None and head.id != shown.id:
        _record(hub, endpoint, artifact, shown, head, is_newest=True)
    return hub.registry.revision(artifact.name, shown.id)


def push(folder: Path, endpoint: Endpoint, name: str, message: str) -> tuple[Artifact, Revision]:
    """Upload a folder, after the checks of a local push: nothing is sent that the endpoint would refuse. Return what it published.

    An endpoint with a stricter policy than the usual one refuses files by their names and first bytes, before they are sent.
    """
    from huggingface_hub import HfApi

    paths = check_contents(folder, SCAN)
    target = ArtifactName.parse(name, "local")
    artifact = describe(folder, target)
    target = artifact.name
    kind = "dataset" if artifact.kind == DATASET else "model"
    with _translate_errors(endpoint):
        api = HfApi(endpoint=endpoint.address, token=endpoint.token or False)
        if "/" not in name.removeprefix(DATASETS):
            target = dataclasses.replace(target, owner=str(api.whoami()["name"]))
        api.create_repo(target.repository, repo_type=kind, exist_ok=True)
        api.upload_folder(
            repo_id=target.repository,
            repo_type=kind,
            folder_path=folder,
            commit_message=message or f"Publish {target}",
            allow_patterns=[glob.escape(path) for path in paths],
            delete_patterns="*",  # As in a local push, the revision contains exactly the files of the folder.
        )
    description = endpoint.describe(str(target))
    assert description.shown is not None, "it was just pushed"
    return description.artifact, description.shown


def _local_head(hub: LocalHub, endpoint: Endpoint, description: Description) -> Revision | None:
    """Return the local head. Raises Conflict if it is neither a curated card nor known to the endpoint."""
    name = description.artifact.name
    local = hub.registry.head(name)
    if local is None:
        return None
    head = hub.registry.revision(name, local)
    if head.id not in {each.id for each in description.revisions} and head.message != FROM_CARDS:
        raise Conflict(
            f"revision {head.number} of `{name}` was published locally and is not on {endpoint.address}: fetch their revision with --to, "
            f"or upload yours with `hub push --endpoint`."
        )
    return head


def _store(hub: LocalHub, endpoint: Endpoint, artifact: Artifact, shown: Revision) -> None:
    """Fetch manifest and files, check their digests, and put them into the store."""
    from huggingface_hub import snapshot_download

    manifest = endpoint.read("GET", f"/artifacts/{artifact.name}/revisions/{shown.id}/manifest")
    if hashlib.sha256(manifest).hexdigest() != shown.id:
        raise DamagedFile(
            f"{endpoint.address} returned a manifest of `{artifact.name}` that does not match revision {shown.id[:12]}: pull again."
        )
    unfinished = hub.home.caches / "pull" / shown.id[:COMMIT_DIGITS]
    with _translate_errors(endpoint):
        snapshot_download(
            artifact.name.repository,
            repo_type="dataset" if artifact.kind == DATASET else "model",
            revision=shown.id[:COMMIT_DIGITS],
            endpoint=endpoint.address,
            token=endpoint.token or False,
            local_dir=unfinished,
        )
    hub.store.put(manifest, Digest(shown.id))
    for file in read_manifest(hub.store, shown.id).files:
        hub.store.put_file(unfinished / file.path, file.digest)
    shutil.rmtree(unfinished, ignore_errors=True)  # Only now, so that an interrupted pull can be resumed.


def _record(
    hub: LocalHub, endpoint: Endpoint, artifact: Artifact, shown: Revision, head: Revision | None, *, is_newest: bool
) -> None:
    """Record the revision, and its origin in the audit log."""
    kept = dataclasses.replace(
        read_manifest(hub.store, shown.id), artifact=artifact.name, yanked=shown.yanked, author=shown.author
    )
    bare = Artifact(
        name=artifact.name, kind=artifact.kind, summary="", license="", languages=(),
        private=artifact.private, gated=artifact.gated, allow_unsafe_files=artifact.allow_unsafe_files,
    )  # fmt: skip
    accepted = dataclasses.replace(bare, allow_unsafe_files=True)  # By the policy of the endpoint.
    checked = check(accepted, kept.files, (), hub.registry, hub.store)
    described = dataclasses.replace(
        with_files(checked, kept.files, hub.store), allow_unsafe_files=artifact.allow_unsafe_files
    )
    branch = "main" if is_newest or head is None else f"pulled/{shown.number}"
    before = hub.registry.head(artifact.name, branch)
    hub.registry.record(described, kept, before, branch=branch, actor=Actor("hub pull", address=endpoint.address))
    drain_outbox(hub.registry, hub.store)


@contextmanager
def _translate_errors(endpoint: Endpoint) -> Iterator[None]:
    """Raise project errors for those of `huggingface_hub`."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        yield
    except HfHubHTTPError as error:
        message = (error.server_message or str(error)).splitlines()[0]
        status = error.response.status_code if error.response is not None else 0
        kinds: dict[int, type[HubError]] = {401: Unauthenticated, 403: Forbidden, 409: Conflict}
        raise kinds.get(status, InvalidRequest if 400 <= status < 500 else Unreachable)(message) from error
    except (LocalEntryNotFoundError, OSError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise Unreachable(
            f"{endpoint.address} cannot be reached: {reason}. Run the command again to resume."
        ) from error
