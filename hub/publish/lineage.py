"""The origin of a module, from the config.json of its variants: base, encoder, parent or merged modules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

from hub.records import Revision, join_names
from hub.store import BlobStore
from hub.store.read_whole import read_whole
from hub.strict_json import parse_json

_MAX_BYTES = 4 << 20
"""Maximum size of a config.json, in bytes."""


@dataclass(frozen=True, slots=True)
class MergeParent:
    """A module that another one was merged from, with its weight."""

    name: str
    revision: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The origin of a variant. Unknown fields are empty."""

    folder: str
    parent: str = ""
    merged: tuple[MergeParent, ...] = ()
    merge_method: str = ""
    """Merge method, such as `linear`."""
    base: str = ""
    base_digest: str = ""
    encoder: str = ""
    encoder_digest: str = ""
    device_seconds: float | None = None
    """Duration of its training run on `device`, in seconds."""
    device: str = ""


def lineages(revision: Revision, store: BlobStore) -> Iterator[Lineage]:
    """Yield the lineage of each variant of a revision."""
    for file in revision.files:
        if fnmatch(file.path, "*/config.json") and file.path.count("/") == 1 and file.size_bytes <= _MAX_BYTES:
            try:
                config = parse_json(read_whole(store, file.digest, file.size_bytes) or b"")
            except ValueError:
                continue  # Plain repositories can contain any file.
            if isinstance(config, dict):
                yield _lineage(file.path.partition("/")[0], config)


def _lineage(folder: str, config: dict[str, Any]) -> Lineage:
    run = _object(config, "run")
    merged = _object(run, "merged")
    base, encoders = _object(config, "base"), _listed(config, "encoder")
    seconds = run.get("device_seconds")
    return Lineage(
        folder=folder,
        parent=_text(config, "parent"),
        merged=tuple(_parts(merged)),
        merge_method=_text(merged, "method"),
        base=_text(base, "name"),
        base_digest=_text(base, "digest"),
        encoder=join_names(_text(each, "name") for each in encoders),
        encoder_digest=join_names(_text(each, "digest") for each in encoders),
        device_seconds=float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None,
        device=_text(run, "device"),
    )


def _parts(merged: dict[str, Any]) -> Iterator[MergeParent]:
    parts, shares = merged.get("of"), merged.get("weights")
    if not isinstance(parts, list) or not isinstance(shares, list) or len(parts) != len(shares):
        return
    for part, share in zip(parts, shares, strict=True):
        if isinstance(part, dict) and isinstance(share, int | float):
            yield MergeParent(_text(part, "name"), _text(part, "revision"), float(share))


def _object(content: dict[str, Any], key: str) -> dict[str, Any]:
    found = content.get(key)
    return found if isinstance(found, dict) else {}


def _listed(content: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Return a list of objects from one object or several."""
    found = content.get(key)
    return [each for each in (found if isinstance(found, list) else [found]) if isinstance(each, dict)]


def _text(content: dict[str, Any], key: str) -> str:
    found = content.get(key)
    return found if isinstance(found, str) else ""
