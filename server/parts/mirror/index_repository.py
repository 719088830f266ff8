"""Register mirrored repositories as artifacts, so that search, pages and `hub show` find them.

The revision contains the card and, for linguahub cards, the configurations of the variants. All other files are listed as
external weights and downloaded on demand.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime

from hub.errors import HubError
from hub.local import LocalHub
from hub.names import COMMIT_DIGITS, Digest
from hub.publish.commit import describe_files
from hub.publish.publish import drain_outbox, make_revision, manifest
from hub.records import DATASET, PLAIN, Artifact, File, Provenance, Upstream
from server.parts.mirror.mirrored_repositories import (
    MirroredCommit,
    MirroredFile,
    MirroredRepository,
    origin_of,
    save_ref,
)

CARD = "README.md"
MAX_CARD = 4 << 20
"""Bytes of a card or configuration."""
MAX_VARIANTS = 50
LISTED = 200
"""Maximum number of files listed as external weights."""
_CONFIG = re.compile(r"([^/]+/)?config\.json")
_CARD_KEY = b"\nlinguahub:"
_log = logging.getLogger("server.mirror")


def index_repository(
    hub: LocalHub,
    repo: MirroredRepository,
    commit: MirroredCommit,
    upstream: str,
    read: Callable[[MirroredFile], bytes],
) -> None:
    """Register the head of `main`. A repository that cannot be registered is served anyway."""
    try:
        files = _card_files(hub, commit, read)
        artifact = _artifact(hub, repo, commit, files, upstream)
        head = hub.registry.head(artifact.name)
        message = f"Mirror of {upstream} at {commit.commit_id}"
        revision = make_revision(
            artifact.name, files, message=message, parent=head or "", created_at=_changed_at(commit)
        )
        if head is not None and hub.registry.revision(artifact.name, head).message == message:
            return
        hub.store.put(manifest(revision), Digest(revision.id))
        hub.registry.record(artifact, revision, head)
        save_ref(hub.registry.database, repo, revision.id[:COMMIT_DIGITS], commit.commit_id)
        drain_outbox(hub.registry, hub.store)
    except HubError as error:
        _log.warning("`%s` is mirrored, but cannot be indexed: %s", repo, error)


def _card_files(hub: LocalHub, commit: MirroredCommit, read: Callable[[MirroredFile], bytes]) -> tuple[File, ...]:
    """Fetch the card and, for a linguahub card, the configuration of each variant."""
    small = [each for each in commit.files if each.size_bytes <= MAX_CARD]
    found = [(each, read(each)) for each in small if each.path == CARD]
    if any(_CARD_KEY in content for _, content in found):
        configs = [each for each in small if _CONFIG.fullmatch(each.path)]
        found += [(each, read(each)) for each in configs[:MAX_VARIANTS]]
    stored = (File(each.path, *hub.store.put(content)) for each, content in found)
    return tuple(sorted(stored, key=lambda file: file.path))


def _artifact(
    hub: LocalHub, repo: MirroredRepository, commit: MirroredCommit, files: tuple[File, ...], upstream: str
) -> Artifact:
    """Return the artifact that the card describes. Its own scores become `reported`: this hub is told of them."""
    kind = DATASET if repo.collection == "datasets" else PLAIN
    bare = Artifact(name=repo.name, kind=kind, summary="", license="", languages=())
    try:
        found = describe_files(bare, files, hub.store)
    except HubError as error:
        _log.warning("the card of `%s` is ignored: %s", repo, error)
        found = bare
    stored = {file.path for file in files}
    external = sorted((each for each in commit.files if each.path not in stored), key=lambda each: -each.size_bytes)
    origin = origin_of(hub.registry.database, repo)
    return dataclasses.replace(
        found,
        scores=tuple(
            dataclasses.replace(each, provenance=Provenance.REPORTED, source=f"{upstream}/{repo}: {each.source}")
            if each.provenance is Provenance.SELF_REPORTED
            else each
            for each in found.scores
        ),
        upstream=tuple(
            Upstream(
                repository=str(repo), file=each.path, size_bytes=each.size_bytes, revision=commit.commit_id,
                digest=each.etag if each.is_large else "",
            )
            for each in external[:LISTED]
        ),
        size_bytes=sum(each.size_bytes for each in commit.files),
        private=origin is not None and origin.restricted,
    )  # fmt: skip


def _changed_at(commit: MirroredCommit) -> datetime:
    try:
        return datetime.fromisoformat(str(commit.description.get("lastModified"))).astimezone(UTC)
    except ValueError:
        return commit.fetched_at
