"""Origin and descendants of a module: bases ← encoders ← parents ← the module ← derived modules, with memory and cost."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from hub.errors import HubError
from hub.local import LocalHub
from hub.publish.lineage import Lineage, lineages
from hub.records import Artifact, Pin, Query, Revision, Variant, split_names
from hub.registry.artifacts.files import find_files
from hub.weights.header import bytes_of
from server.http.urls import page_path
from server.site.translation import gettext

MAX_VARIANTS = 20
"""Variants of which the page shows origin, memory and cost."""
MAX_ENCODERS = 8
"""Encoders of the card whose pages are looked up."""
MAX_DERIVED = 5
"""Derived modules that the page names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """An artifact that another one was made with or from."""

    name: str
    url: str = ""
    """Path of its page; empty if it is not here or the caller cannot see it."""
    note: str = ""
    is_changed: bool = False
    """Whether its weights are not those that the module was made for."""
    memory_bytes: int = 0
    """Size of its weights as stored; 0 if unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantFacts:
    """A variant with its relatives."""

    variant: Variant
    base: Relative
    encoders: tuple[Relative, ...]
    parents: tuple[Relative, ...]
    lineage: Lineage | None
    memory_bytes: int
    """Size of its own weights as stored; 0 if unknown."""

    @property
    def total_bytes(self) -> int:
        """Size of the weights of module, encoders and base; 0 unless all are known."""
        parts = (self.memory_bytes, self.base.memory_bytes, *(each.memory_bytes for each in self.encoders))
        return sum(parts) if all(parts) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """Modules whose cards name the artifact as `base_model`."""

    listed: tuple[Relative, ...]
    total: int


def variant_facts(
    hub: LocalHub, artifact: Artifact, shown: Revision, readers: tuple[str, ...] | None
) -> list[VariantFacts]:
    """Return the variants of an artifact with origin, memory and cost, from their config.json."""
    variants = artifact.variants[:MAX_VARIANTS]
    paths = [f"{each.folder}/{name}" for each in variants for name in ("config.json", "model.safetensors")]
    files = find_files(hub.registry.database, shown.id, paths) if paths else {}
    origins = {each.folder: each for each in lineages(replace(shown, files=tuple(files.values())), hub.store)}
    known: dict[str, Artifact | None] = {}
    found = []
    for each in variants:
        weights = files.get(f"{each.folder}/model.safetensors")
        origin = origins.get(each.folder)
        found.append(
            VariantFacts(
                variant=each,
                base=_pinned(hub, each.base, readers, known),
                encoders=tuple(_pinned(hub, pin, readers, known) for pin in each.encoders),
                parents=tuple(_parents(hub, origin, readers, known)) if origin else (),
                lineage=origin,
                memory_bytes=bytes_of(artifact.weights.get(weights.digest.hex, {})) if weights else 0,
            )
        )
    return found


def encoders_of(hub: LocalHub, artifact: Artifact, readers: tuple[str, ...] | None) -> list[Relative]:
    """Return the encoders that the card names, up to MAX_ENCODERS."""
    names = split_names(artifact.encoder or "")[:MAX_ENCODERS]
    return [_pinned(hub, Pin(name=name), readers, {}) for name in names]


def derived_from(hub: LocalHub, artifact: Artifact, readers: tuple[str, ...] | None) -> Derived:
    """Return the most downloaded modules that were made for a base or from a module."""
    label = f"base_model:{artifact.name}"
    query = Query(base=artifact.name.name) if artifact.kind == "base" else Query(labels=(label,))
    page = hub.registry.find(replace(query, sort="downloads", limit=MAX_DERIVED, readers=readers, scores="best"))
    return Derived(listed=tuple(_relative(each) for each in page.items), total=page.total)


def _parents(
    hub: LocalHub, origin: Lineage, readers: tuple[str, ...] | None, known: dict[str, Artifact | None]
) -> list[Relative]:
    """Return the modules that a variant continues or was merged from."""
    parents = [(origin.parent.partition("@")[0], gettext("continued from"))] if origin.parent else []
    parents += [(each.name, gettext("%(share)s of the merge", share=format(each.share, "g"))) for each in origin.merged]
    return [replace(_pinned(hub, Pin(name=name), readers, known), note=note) for name, note in parents if name]


def _pinned(hub: LocalHub, pin: Pin, readers: tuple[str, ...] | None, known: dict[str, Artifact | None]) -> Relative:
    """Return a base or encoder, with its page if the caller can see it."""
    if pin.name not in known:
        known[pin.name] = None
        with suppress(
            HubError
        ):  # It names an upstream repository, one in another registry, or one that is not visible.
            known[pin.name] = hub.registry.get(pin.name, readers)
    artifact = known[pin.name]
    if artifact is None:
        return Relative(name=pin.name)
    is_changed = bool(pin.digest and artifact.weights_digest) and pin.digest != artifact.weights_digest
    return replace(_relative(artifact), name=pin.name, is_changed=is_changed)


def _relative(artifact: Artifact) -> Relative:
    memory = sum(bytes_of(counted) for counted in artifact.weights.values())
    return Relative(name=str(artifact.name), url=page_path(artifact), note=artifact.method, memory_bytes=memory)
