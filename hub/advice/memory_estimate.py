"""Estimate the memory of a base with a module from their cards: the weights alone, since activations depend on the image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.cards.card import FILE, NAMESPACE
from hub.cards.front_matter import split_front_matter
from hub.errors import InvalidCard
from hub.records import Artifact
from hub.registry import Registry
from hub.registry.artifacts.files import find_files
from hub.store import BlobStore
from hub.store.read_whole import read_whole
from hub.weights.sizes import BYTES, QUANTISED

MAX_CARD = 4 << 20
"""Bytes of the largest card that is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The memory of weights."""

    gigabytes: float
    dtype: str
    """`fp16`, or the quantisation that is needed to stay below a limit: `8bit`, `4bit`."""
    unknown: tuple[str, ...]
    """Artifacts whose number of parameters no card states; they are not in the sum."""


def estimate_memory(
    parts: tuple[Artifact, ...], unknown: tuple[str, ...], registry: Registry, store: BlobStore, limit: float | None
) -> Memory:
    """Return the memory of all `parts` together, in the first type that stays below `limit` gigabytes, else in the smallest.

    `unknown`: names of further parts that were not found.
    """
    counts = {str(each.name): parameters_of(each, registry, store) for each in parts}
    total = sum(count for count in counts.values() if count)
    missing = (*(name for name, count in counts.items() if not count), *unknown)
    sizes = {"fp16": total * BYTES["fp16"], **{name: total * size for name, size in QUANTISED.items()}}
    dtype = next(
        (name for name, size in sizes.items() if limit is None or size <= limit * 1e9),
        [*sizes][-1] if total else "fp16",
    )
    return Memory(gigabytes=sizes[dtype] / 1e9, dtype=dtype, unknown=missing)


def parameters_of(artifact: Artifact, registry: Registry, store: BlobStore) -> int | None:
    """Return the number of parameters: of the stored weights, else as stated in the card; None if unknown."""
    return artifact.total_parameters or stated_parameters(front_matter_of(artifact, registry, store))


def front_matter_of(artifact: Artifact, registry: Registry, store: BlobStore) -> dict[str, Any]:
    """Return the front matter of an artifact's card; empty without a readable one, or if all revisions are yanked."""
    card = find_files(registry.database, artifact.revision, [FILE]).get(FILE) if artifact.revision else None
    if card is None or card.size_bytes > MAX_CARD:
        return {}
    try:
        text = (read_whole(store, card.digest, card.size_bytes) or b"").decode("utf-8", "replace")
        return split_front_matter(text)[0]
    except InvalidCard:
        return {}


def stated_parameters(front_matter: Mapping[str, Any]) -> int | None:
    """Return the number of parameters that a card states; None if it does not."""
    ours = front_matter.get(NAMESPACE)
    stated = ours.get("parameters") if isinstance(ours, dict) else None
    counts = stated.values() if isinstance(stated, dict) else ()
    return sum(each for each in counts if isinstance(each, int) and not isinstance(each, bool) and each > 0) or None
