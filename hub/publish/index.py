"""Build or update the registry from its sources: the references in the store, then the curated cards."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from hub.cards import describe, read_card
from hub.errors import HubError
from hub.home import stamp_of
from hub.names import ArtifactName, Digest
from hub.publish.checks.mark_files import mark_files
from hub.publish.commit import card_folder, describe_files
from hub.publish.publish import drain_outbox, publish_card, record_cards, store_card, with_files
from hub.records import DATASET, PLAIN, Artifact, File, Revision
from hub.registry import ALL_CARDS, CURATED_OWNER, Registry
from hub.registry.artifacts.branches import restore_refs
from hub.registry.artifacts.history import newest_unyanked
from hub.registry.outbox.queue import WRITE_REFERENCE, retry
from hub.store import BlobStore

SHELVES = ("bases", "encoders", "adapters", "projectors", "deltas", "datasets")
"""Sub-folders of `cards/`, ordered by dependency."""


@dataclasses.dataclass(frozen=True, slots=True)
class IndexReport:
    """The result of indexing."""

    curated: int
    """Number of curated cards in the registry."""
    restored: int
    """Number of revisions restored from references in the store."""
    removed: int
    """Number of artifacts whose card no longer exists."""
    warnings: tuple[str, ...]
    """Folders that were skipped, with the reason."""


def index(cards: Path, registry: Registry, store: BlobStore) -> IndexReport:
    """Update the registry from `cards` and the references in the store. Invalid cards are skipped and reported."""
    stamp = stamp_of(cards)
    warnings: list[str] = []
    restored = _restore(registry, store, warnings)
    former = registry.indexed()
    sources: set[str] = set()
    known = {name.lower() for name in registry.names()}
    new: list[tuple[Artifact, Revision]] = []
    indexed: list[tuple[str, str, str]] = []
    for folder in curated_folders(cards):
        source = folder.relative_to(cards).as_posix()
        sources.add(source)
        own_stamp = stamp_of(folder)
        if former.get(source, ("", ""))[0] == own_stamp:
            continue
        try:
            card = read_card(folder, ArtifactName(CURATED_OWNER, folder.name))
            name = ArtifactName(card.owner or CURATED_OWNER, folder.name, card.kind == DATASET)
            if name.key in known:
                record_cards(new, registry, store)  # It may be among them: two folders can have one name.
                new.clear()
                publish_card(folder, name, registry, store)
            else:
                new.append(store_card(folder, name, store, card))
                known.add(name.key)
        except HubError as error:
            warnings.append(f"skipped {source}: {error}")
        else:
            indexed.append((source, own_stamp, str(name)))
    record_cards(new, registry, store)
    registry.mark_indexed(*indexed)
    removed = {
        source: artifact for source, (_, artifact) in former.items() if source not in sources and source != ALL_CARDS
    }
    for source, artifact in removed.items():
        registry.remove(ArtifactName.parse(artifact, CURATED_OWNER))
        registry.unmark_indexed(source)
    retry(registry.database, WRITE_REFERENCE)
    drain_outbox(registry, store)
    store.sweep()
    registry.mark_indexed((ALL_CARDS, stamp, ""))
    return IndexReport(len(sources) - len(warnings), restored, len(removed), tuple(warnings))


def curated_folders(cards: Path) -> list[Path]:
    """Return all folders `cards/<shelf>/<name>`, in the order of SHELVES."""
    return [path for shelf in SHELVES for path in sorted((cards / shelf).glob("*")) if path.is_dir()]


def _restore(registry: Registry, store: BlobStore, warnings: list[str]) -> int:
    """Record the revisions in references of the store that the registry does not know. Return their number."""
    restored = 0
    for subject, content in store.references():
        try:
            reference = json.loads(content)
            name = ArtifactName.parse(subject, CURATED_OWNER)
            name = dataclasses.replace(name, is_dataset=reference.get("kind") == DATASET)
            if registry.head(name) == _head(reference):
                continue
            restored += _restore_artifact(registry, store, name, reference)
        except (HubError, ValueError, LookupError, TypeError) as error:
            warnings.append(f"skipped the reference of `{subject}`: {error}")
    return restored


def _head(reference: dict[str, Any]) -> str:
    """Return the revision of `main`: the newest one if the reference lists no refs."""
    refs = reference.get("refs") or {"main": {"revision": reference["revisions"][-1]["id"]}}
    return str(refs["main"]["revision"])


def _restore_artifact(registry: Registry, store: BlobStore, name: ArtifactName, reference: dict[str, Any]) -> int:
    """Restore the revisions, each as the head of `main`, then all refs. Return the number of restored revisions."""
    head = registry.head(name)
    known = {each.id for each in registry.revisions(name, with_files=False)} if head else set()
    revisions = [
        dataclasses.replace(
            read_manifest(store, each["id"]), artifact=name, yanked=bool(each["yanked"]), author=each.get("author", "")
        )
        for each in reference["revisions"]
        if each["id"] not in known
    ]
    if not revisions:
        return 0
    listed = {each.id: each for each in revisions}
    last = newest_unyanked(listed, _head(reference)) or listed.get(_head(reference), revisions[-1])
    bare = Artifact(name=name, kind=reference.get("kind", ""), summary="", license="", languages=())
    settings = {key: reference[key] for key in ("private", "gated", "allow_unsafe_files") if key in reference}
    artifact = dataclasses.replace(with_files(_describe(bare, last, store), last.files, store), **settings)
    mark_files({file.digest: file for each in revisions for file in each.files}.values(), registry, store)
    for revision in revisions:
        registry.record(artifact, revision, head)
        head = revision.id
    if not known:
        restore_refs(registry.database, name, reference.get("refs", {}))
    return len(revisions)


def read_manifest(store: BlobStore, revision_id: str) -> Revision:
    """Read a revision from its manifest in the store. Raises UnknownFile, DamagedBlob."""
    store.confirm(Digest(revision_id))
    with store.open(Digest(revision_id)) as opened:
        content = json.load(opened)
    files = (File(each["path"], Digest(each["digest"]), each["size_bytes"]) for each in content["files"])
    return Revision(
        id=revision_id,
        artifact=ArtifactName.parse(content["artifact"], CURATED_OWNER),
        number=1,
        created_at=datetime.fromisoformat(content["created_at"]) if content["created_at"] else None,
        message=content["message"],
        files=tuple(files),
        parent=content["parent"],
    )


def _describe(bare: Artifact, revision: Revision, store: BlobStore) -> Artifact:
    """Return the artifact that a revision describes: one with a linguahub card, unless `bare` is plain or a data set."""
    if bare.kind in {PLAIN, DATASET}:
        return describe_files(bare, revision.files, store)
    with card_folder(revision.files, store) as folder:
        return describe(folder, revision.artifact)
