"""What a module came from, as its variants' config.json say: base, encoder, parent, or those it was merged from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

from hub.records import Revision, joined
from hub.store import BlobStore

_MAX_BYTES = 4 << 20
"""Bytes of a config.json."""


@dataclass(frozen=True, slots=True)
class MergeParent:
    """One of the modules that another one was merged from."""

    name: str
    revision: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where one variant came from. What is not known is empty."""

    folder: str
    parent: str = ""
    merged: tuple[MergeParent, ...] = ()
    merge_method: str = ""
    """How they were merged: `linear`."""
    base: str = ""
    base_digest: str = ""
    encoder: str = ""
    encoder_digest: str = ""
    device_seconds: float | None = None
    """That the run took which made it, on `device`."""
    device: str = ""


def lineages(revision: Revision, store: BlobStore) -> Iterator[Lineage]:
    """One for each variant of a revision."""
    for file in revision.files:
        if fnmatch(file.path, "*/config.json") and file.path.count("/") == 1 and file.size_bytes <= _MAX_BYTES:
            with store.open(file.digest) as opened:
                try:
                    config = json.loads(opened.read())
                except (ValueError, RecursionError):
                    continue  # A repository of somebody else may hold anything.
            if isinstance(config, dict):
                yield _origin(file.path.partition("/")[0], config)


def _origin(folder: str, config: dict[str, Any]) -> Lineage:
    run = _object(config, "run")
    merged = _object(run, "merged")
    base, encoders = _object(config, "base"), _listed(config, "encoder")
    seconds = run.get("device_seconds")
    return Lineage(
        folder=folder,
        parent=_word(config, "parent"),
        merged=tuple(_parts(merged)),
        merge_method=_word(merged, "method"),
        base=_word(base, "name"),
        base_digest=_word(base, "digest"),
        encoder=joined(_word(each, "name") for each in encoders),
        encoder_digest=joined(_word(each, "digest") for each in encoders),
        device_seconds=float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None,
        device=_word(run, "device"),
    )


def _parts(merged: dict[str, Any]) -> Iterator[MergeParent]:
    parts, shares = merged.get("of"), merged.get("weights")
    if not isinstance(parts, list) or not isinstance(shares, list):
        return
    for part, share in zip(parts, shares, strict=False):
        if isinstance(part, dict) and isinstance(share, int | float):
            yield MergeParent(_word(part, "name"), _word(part, "revision"), float(share))


def _object(content: dict[str, Any], key: str) -> dict[str, Any]:
    found = content.get(key)
    return found if isinstance(found, dict) else {}


def _listed(content: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """One object or several."""
    found = content.get(key)
    return [each for each in (found if isinstance(found, list) else [found]) if isinstance(each, dict)]


def _word(content: dict[str, Any], key: str) -> str:
    found = content.get(key)
    return found if isinstance(found, str) else ""
