"""Compare two revisions: lines of the card, sizes of files, and tensors of weights."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from hub.cards.card import FILE
from hub.records import File, Revision
from hub.store import BlobStore
from hub.weights.header import SUFFIX, StoredTensor, tensors_in

MAX_CARD = 256 << 10
"""Maximum size in bytes of a card that is compared line by line: larger ones could take very long."""
MAX_LINES = 4000
"""Maximum number of lines of a card that is compared line by line."""


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A changed file with its sizes in bytes; None where it does not exist."""

    path: str
    before: int | None
    after: int | None

    @property
    def change(self) -> str:
        """`added`, `removed` or `changed`."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


@dataclass(frozen=True, slots=True)
class ChangedTensor:
    """A tensor that exists in one revision only, or has another shape or dtype."""

    path: str
    name: str
    before: StoredTensor | None
    after: StoredTensor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionDiff:
    """The differences between two revisions of an artifact."""

    card: str
    """Unified diff; empty if it is unchanged."""
    is_card_whole: bool
    """False if the card is too long to be compared."""
    files: tuple[ChangedFile, ...]
    unchanged: int
    """Number of unchanged files."""
    tensors: tuple[ChangedTensor, ...]
    same_tensors: int
    """Number of tensors of changed files with the same name, shape and dtype; their values may differ."""


def diff_revisions(before: Revision, after: Revision, store: BlobStore) -> RevisionDiff:
    """Return the differences between two revisions. Reads only cards and the headers of weights."""
    old, new = _by_path(before), _by_path(after)
    changed = [path for path in sorted(old.keys() | new.keys()) if _digest(old, path) != _digest(new, path)]
    tensors, same = list[ChangedTensor](), 0
    for path in changed:
        if path.endswith(SUFFIX):
            first, second = _tensors(old.get(path), store), _tensors(new.get(path), store)
            found = list(_changed_tensors(path, first, second))
            tensors += found
            same += len(first.keys() & second.keys()) - sum(
                each.before is not None and each.after is not None for each in found
            )
    card, is_whole = _card(old.get(FILE), new.get(FILE), store)
    return RevisionDiff(
        card=card,
        is_card_whole=is_whole,
        files=tuple(ChangedFile(path, _size(old, path), _size(new, path)) for path in changed),
        unchanged=len(old.keys() & new.keys()) - sum(path in old and path in new for path in changed),
        tensors=tuple(tensors),
        same_tensors=same,
    )


def to_json(found: RevisionDiff) -> dict[str, Any]:
    """Return the JSON object of `/api/v1` and `hub diff --json`."""
    return {
        "card": found.card,
        "is_card_whole": found.is_card_whole,
        "files": [
            {"path": each.path, "change": each.change, "before_bytes": each.before, "after_bytes": each.after}
            for each in found.files
        ],
        "unchanged_files": found.unchanged,
        "tensors": [asdict(each) for each in found.tensors],
        "same_tensors": found.same_tensors,
    }


def _by_path(revision: Revision) -> dict[str, File]:
    return {file.path: file for file in revision.files}


def _digest(files: dict[str, File], path: str) -> str:
    return files[path].digest.hex if path in files else ""


def _size(files: dict[str, File], path: str) -> int | None:
    return files[path].size_bytes if path in files else None


def _tensors(file: File | None, store: BlobStore) -> dict[str, StoredTensor]:
    if file is None:
        return {}
    with store.open(file.digest, file.size_bytes) as opened:
        return {each.name: each for each in tensors_in(opened)}


def _changed_tensors(
    path: str, first: dict[str, StoredTensor], second: dict[str, StoredTensor]
) -> Iterator[ChangedTensor]:
    for name in sorted(first.keys() | second.keys()):
        before, after = first.get(name), second.get(name)
        if before != after:
            yield ChangedTensor(path, name, before, after)


def _card(old: File | None, new: File | None, store: BlobStore) -> tuple[str, bool]:
    if (old.digest if old else None) == (new.digest if new else None):
        return "", True
    first, second = _lines(old, store), _lines(new, store)
    if first is None or second is None:
        return "", False
    return "\n".join(difflib.unified_diff(first, second, "before", "after", lineterm="")), True


def _lines(file: File | None, store: BlobStore) -> list[str] | None:
    """Return the lines of a card; None if it is too long."""
    if file is None:
        return []
    if file.size_bytes > MAX_CARD:
        return None
    with store.open(file.digest, file.size_bytes) as opened:
        lines = opened.read().decode("utf-8", "replace").splitlines()
    return lines if len(lines) <= MAX_LINES else None
