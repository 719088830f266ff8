"""Erase files from the entire history of an artifact.

Revisions are immutable, so those that contain such a file are deleted and replaced by new ones without it, with the same
messages, authors and times. `hub gc` then deletes the blobs, unless another artifact contains them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from hub.names import Digest
from hub.publish.commit import describe_files
from hub.publish.publish import drain_outbox, make_revision, store_manifest, with_files
from hub.records import Artifact, Revision
from hub.registry import Registry
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.history import newest_unyanked
from hub.registry.artifacts.rewrite import Rewrite, rewrite
from hub.registry.refs import BRANCH, MAIN
from hub.store import BlobStore


def erase(artifact: Artifact, digests: Collection[Digest], registry: Registry, store: BlobStore, actor: Actor) -> int:
    """Erase all files with these digests from all revisions. Return the number of replaced revisions.

    Idempotent. Raises InvalidCard if the remaining files are not a valid artifact, Conflict if there is a commit in the meantime.
    """
    refs = registry.refs(artifact.name)
    revisions = sorted(registry.revisions(artifact.name), key=lambda each: each.number)
    replaced = _replacements(revisions, frozenset(digests))
    if not replaced:
        return 0
    known = {each.id: each for each in revisions}
    main = next(each.revision for each in refs if (each.name, each.kind) == (MAIN, BRANCH))
    head = newest_unyanked(known, main) or known[main]
    head = replaced.get(head.id, head)
    described = with_files(describe_files(artifact, head.files, store), head.files, store, artifact.weights)
    stored = {old: store_manifest(revision, registry, store) for old, revision in replaced.items()}
    plan = Rewrite(refs, stored, frozenset(each.hex for each in digests))
    rewrite(registry.database, described, head, plan, actor)
    drain_outbox(registry, store)
    return len(replaced)


def _replacements(revisions: list[Revision], digests: frozenset[Digest]) -> dict[str, Revision]:
    """Map the ids of revisions with erased files, and of their descendants, to the revisions that replace them."""
    replaced: dict[str, Revision] = {}
    for old in revisions:
        files = tuple(file for file in old.files if file.digest not in digests)
        parent = replaced[old.parent].id if old.parent in replaced else old.parent
        if files == old.files and parent == old.parent:
            continue
        new = make_revision(old.artifact, files, message=old.message, parent=parent, created_at=old.created_at)
        replaced[old.id] = dataclasses.replace(new, number=old.number, author=old.author, yanked=old.yanked)
    return replaced
