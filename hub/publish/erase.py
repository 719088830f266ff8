"""Erase files from an artifact's whole history: what must not be had any more, by nobody.

A revision never changes. Those that hold such a file are therefore replaced by others without it, with the same messages,
authors and times, and are gone. The bytes follow with `hub gc`, unless another artifact holds them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from hub.names import Digest
from hub.publish.commit import describe_files
from hub.publish.publish import drain_outbox, keep_manifest, make_revision, with_files
from hub.records import Artifact, Revision
from hub.registry import Registry
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.history import newest_unyanked
from hub.registry.artifacts.rewrite import Rewrite, rewrite
from hub.store import BlobStore


def erase(artifact: Artifact, digests: Collection[Digest], registry: Registry, store: BlobStore, actor: Actor) -> int:
    """Take every file with one of these contents out of every revision; how many revisions were replaced.

    Erasing again what is gone does nothing. Raises InvalidCard when the rest would be no artifact, Conflict when somebody
    commits in the meantime.
    """
    refs = registry.refs(artifact.name)
    revisions = sorted(registry.revisions(artifact.name), key=lambda each: each.number)
    replaced = _without(revisions, frozenset(digests))
    if not replaced:
        return 0
    known = {each.id: each for each in revisions}
    head = newest_unyanked(known, refs["main"]) or known[refs["main"]]
    head = replaced.get(head.id, head)
    described = with_files(describe_files(artifact, head.files, store), head.files, store, artifact.weights)
    kept = {old: keep_manifest(revision, registry, store) for old, revision in replaced.items()}
    plan = Rewrite(refs, kept, frozenset(each.hex for each in digests))
    rewrite(registry.database, described, head, plan, actor)
    drain_outbox(registry, store)
    return len(replaced)


def _without(revisions: list[Revision], digests: frozenset[Digest]) -> dict[str, Revision]:
    """Old id → what takes its place, for revisions that hold one of the contents, and all that were made on top of them."""
    replaced: dict[str, Revision] = {}
    for old in revisions:
        files = tuple(file for file in old.files if file.digest not in digests)
        parent = replaced[old.parent].id if old.parent in replaced else old.parent
        if files == old.files and parent == old.parent:
            continue
        made = make_revision(old.artifact, files, message=old.message, parent=parent, created_at=old.created_at)
        replaced[old.id] = dataclasses.replace(made, number=old.number, author=old.author, yanked=old.yanked)
    return replaced
