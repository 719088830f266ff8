"""Build the registry again from what it is derived from: the store's references, then the curated cards."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from hub.cards import describe, read_card
from hub.errors import HubError
from hub.home import stamp_of
from hub.names import ArtifactName, Digest
from hub.publish import drain_outbox, publish_card, with_files
from hub.records import Artifact, File, Revision
from hub.registry import ALL_CARDS, CURATED_OWNER, Registry
from hub.store import BlobStore

SHELVES = ("bases", "encoders", "adapters", "projectors", "deltas", "datasets")
"""Sub-folders of `cards/`, in the order of who needs whom."""


@dataclasses.dataclass(frozen=True, slots=True)
class IndexReport:
    """What indexing found."""

    curated: int
    """Cards that are in the registry now."""
    restored: int
    """Revisions read back from the store's references."""
    removed: int
    """Artifacts whose card is gone."""
    warnings: tuple[str, ...]
    """Folders that were left out, and why."""


def index(cards: Path, registry: Registry, store: BlobStore) -> IndexReport:
    """Bring the registry up to date with `cards` and the store's references. A wrong card is left out and reported."""
    stamp = stamp_of(cards)
    warnings: list[str] = []
    restored = _restore(registry, store, warnings)
    former = registry.indexed()
    sources: set[str] = set()
    for folder in curated_folders(cards):
        source = folder.relative_to(cards).as_posix()
        sources.add(source)
        own_stamp = stamp_of(folder)
        if former.get(source, ("", ""))[0] == own_stamp:
            continue
        try:
            name = _curated_name(folder)
            publish_card(folder, name, registry, store)
        except HubError as error:
            warnings.append(f"{source} was left out: {error}")
        else:
            registry.mark_indexed(source, own_stamp, str(name))
    gone = {
        source: artifact for source, (_, artifact) in former.items() if source not in sources and source != ALL_CARDS
    }
    for source, artifact in gone.items():
        registry.forget(ArtifactName.parse(artifact, CURATED_OWNER))
        registry.unmark_indexed(source)
    drain_outbox(registry, store)
    store.sweep()
    registry.mark_indexed(ALL_CARDS, stamp)
    return IndexReport(len(sources) - len(warnings), restored, len(gone), tuple(warnings))


def curated_folders(cards: Path) -> list[Path]:
    """`cards/<shelf>/<name>`, in the order of SHELVES."""
    return [path for shelf in SHELVES for path in sorted((cards / shelf).glob("*")) if path.is_dir()]


def _curated_name(folder: Path) -> ArtifactName:
    name = ArtifactName(CURATED_OWNER, folder.name)
    owner = read_card(folder, name).owner
    return ArtifactName(owner, folder.name) if owner else name


def _restore(registry: Registry, store: BlobStore, warnings: list[str]) -> int:
    """Record what the store's references list and the registry does not know; how many revisions that were."""
    restored = 0
    for subject, content in store.references():
        try:
            listed = json.loads(content)["revisions"]
            name = ArtifactName.parse(subject, CURATED_OWNER)
            if registry.head(name) == listed[-1]["id"]:
                continue
            restored += _restore_artifact(registry, store, name, listed)
        except (HubError, ValueError, LookupError, TypeError) as error:
            warnings.append(f"the reference of `{subject}` was left out: {error}")
    return restored


def _restore_artifact(registry: Registry, store: BlobStore, name: ArtifactName, listed: list[dict[str, Any]]) -> int:
    head = registry.head(name)
    known = {each.id for each in registry.revisions(name)} if head else set()
    revisions = [
        dataclasses.replace(read_manifest(store, each["id"]), yanked=bool(each["yanked"]))
        for each in listed
        if each["id"] not in known
    ]
    if not revisions:
        return 0
    artifact = with_files(_describe_blobs(store, revisions[-1]), revisions[-1].files)
    for revision in revisions:
        registry.record(artifact, revision, head)
        head = revision.id
    return len(revisions)


def read_manifest(store: BlobStore, revision_id: str) -> Revision:
    """The revision whose manifest the store holds. Raises UnknownFile."""
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


def _describe_blobs(store: BlobStore, revision: Revision) -> Artifact:
    """Card and variants of a revision whose files are blobs."""
    with tempfile.TemporaryDirectory() as folder:
        for file in revision.files:
            path = PurePosixPath(file.path)
            if len(path.parts) <= 2 and path.name in {"README.md", "config.json"}:
                target = Path(folder, path)
                target.parent.mkdir(exist_ok=True)
                with store.open(file.digest) as opened:
                    target.write_bytes(opened.read())
        return describe(Path(folder), revision.artifact)
