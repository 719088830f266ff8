"""A mirrored repository as an artifact of the registry: found by search, shown on its page and by `hub show`.

Its revision holds the card, and what describes its variants when the card is one of ours. The other files are listed as
being upstream: they are served to whoever asks, and come when somebody does.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import PurePosixPath

from hub.cards.describe import DATASET
from hub.errors import HubError
from hub.local import LocalHub
from hub.names import COMMIT_DIGITS, Digest
from hub.publish.commit import describe_files
from hub.publish.publish import drain_outbox, make_revision, manifest
from hub.records import PLAIN, Artifact, File, Provenance, Upstream
from server.parts.mirror.copies import MirroredCommit, MirroredFile, MirroredRepository, origin_of, save_ref

CARD = "README.md"
LARGEST_CARD = 4 << 20
"""Bytes of what describes a repository."""
MOST_VARIANTS = 50
LISTED = 200
"""Files of which the registry says that they are upstream."""
_OURS = b"\nlinguahub:"
_log = logging.getLogger("server.mirror")


def describe(
    hub: LocalHub,
    repo: MirroredRepository,
    commit: MirroredCommit,
    upstream: str,
    read: Callable[[MirroredFile], bytes],
) -> None:
    """Make the head of `main` what the registry says of it. What cannot be described is served all the same."""
    try:
        files = _describing(hub, commit, read)
        artifact = _artifact(hub, repo, commit, files, upstream)
        head = hub.registry.head(artifact.name)
        message = f"Mirror of {upstream} at {commit.commit_id}"
        revision = make_revision(artifact.name, files, message=message, parent=head or "", created_at=_changed(commit))
        if head is not None and hub.registry.revision(artifact.name, head).message == message:
            return
        hub.store.put(manifest(revision), Digest(revision.id))
        hub.registry.record(artifact, revision, head)
        save_ref(hub.registry.database, repo, revision.id[:COMMIT_DIGITS], commit.commit_id)
        drain_outbox(hub.registry, hub.store)
    except HubError as error:
        _log.warning("`%s` is mirrored, and not described in the registry: %s", repo, error)


def _describing(hub: LocalHub, commit: MirroredCommit, read: Callable[[MirroredFile], bytes]) -> tuple[File, ...]:
    """The card and, of a card of ours, the configuration of each variant, fetched."""
    cards = [each for each in commit.files if each.path == CARD and each.size_bytes <= LARGEST_CARD]
    found = [(each, read(each)) for each in cards]
    if any(_OURS in content for _, content in found):
        configs = [
            each
            for each in commit.files
            if PurePosixPath(each.path).name == "config.json"
            and each.path.count("/") <= 1
            and each.size_bytes <= LARGEST_CARD
        ]
        found += [(each, read(each)) for each in configs[:MOST_VARIANTS]]
    kept = (File(each.path, *hub.store.put(content)) for each, content in found)
    return tuple(sorted(kept, key=lambda file: file.path))


def _artifact(
    hub: LocalHub, repo: MirroredRepository, commit: MirroredCommit, files: tuple[File, ...], upstream: str
) -> Artifact:
    """What the card says. Scores that were measured elsewhere are reported here: nobody can run them again."""
    kind = DATASET if repo.collection == "datasets" else PLAIN
    bare = Artifact(name=repo.name, kind=kind, summary="", license="", languages=())
    try:
        found = describe_files(bare, files, hub.store)
    except HubError as error:
        _log.warning("the card of `%s` is left out: %s", repo, error)
        found = bare
    here = {file.path for file in files}
    elsewhere = sorted((each for each in commit.files if each.path not in here), key=lambda each: -each.size_bytes)
    origin = origin_of(hub.registry.database, repo)
    return dataclasses.replace(
        found,
        scores=tuple(
            dataclasses.replace(each, provenance=Provenance.REPORTED, source=f"{upstream}/{repo}: {each.source}")
            if each.provenance is Provenance.MEASURED
            else each
            for each in found.scores
        ),
        upstream=tuple(
            Upstream(
                repository=str(repo), file=each.path, size_bytes=each.size_bytes, revision=commit.commit_id,
                digest=each.etag if each.is_large else "",
            )
            for each in elsewhere[:LISTED]
        ),
        size_bytes=sum(each.size_bytes for each in commit.files),
        private=origin is not None and origin.restricted,
    )  # fmt: skip


def _changed(commit: MirroredCommit) -> datetime:
    told = commit.description.get("lastModified")
    try:
        return datetime.fromisoformat(str(told)).astimezone(UTC)
    except ValueError:
        return commit.fetched_at
