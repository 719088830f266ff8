"""Find a base and modules by name, and check that they fit by their cards: what can be refused without a tensor library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hub.errors import DoesNotFit, InvalidName, InvalidRequest, UnknownArtifact, UnknownBase
from hub.publish.card_only import missing_weights
from hub.publish.compatibility import conditioning_problem
from hub.records import Artifact, Query, StandIn, Upstream
from hub.registry import CURATED_OWNER, Registry

CONVERTED = ("adapter", "projector")
"""Kinds whose published files are converted when they are first needed; see `hub.remote.published_systems`."""


SINGLE_FILES = {".safetensors", ".ckpt", ".pt", ".pth", ".bin"}
"""Suffixes of single-file checkpoints, including those that are refused because they are pickles."""


def find_base(registry: Registry, name: str, readers: tuple[str, ...] | None = None) -> Artifact:
    """Return the base that people call `name`: `sdxl`, `SD 1.5`, `runwayml/stable-diffusion-v1-5`.

    `readers`: see `Query.readers`. Raises UnknownBase with similar names, and InvalidRequest if only another kind has this name.
    """
    found: Artifact | None = None
    with suppress(UnknownArtifact, InvalidName):
        found = registry.get(name, readers)
    if found is not None and found.kind == "base":
        return found
    if known := registry.base_named(name):
        return registry.get(known, readers)
    if found is not None:
        raise InvalidRequest(f"`{name}` is of kind {found.kind}, not a base. List bases with `hub bases`.")
    raise UnknownBase(name, base_names(registry, readers))


def base_names(registry: Registry, readers: tuple[str, ...] | None = None) -> list[str]:
    """Return the names of all bases, without owners, and the other names of known ones."""
    found = registry.find(Query(kind="base", sort="name", limit=1000, readers=readers)).items
    return [*(each.name.name for each in found), *registry.base_names()]


def find_artifact(registry: Registry, name: str) -> Artifact:
    """Return the artifact called `name`, or a base by another of its names. Raises UnknownArtifact, InvalidName and InvalidRequest."""
    try:
        return registry.get(name)
    except (UnknownArtifact, InvalidName):
        if not (base := registry.base_named(name)):
            raise
        return registry.get(base)


def find_module(registry: Registry, name: str, bases: Sequence[str]) -> tuple[Artifact, StandIn | None]:
    """Return the language module `name` or `name@revision` for the first possible of `bases`, and what it stands in for, if it does.

    The user's own module comes before a curated one, and both before a stand-in; see `hub.registry.names.stand_ins`. If none is for
    these bases, the one that has the name is returned. Raises UnknownArtifact, DoesNotFit for a name that has only stand-ins for
    other bases, and InvalidRequest for another kind or a module whose weights are not published.
    """
    bare, _, revision = name.partition("@")
    named = _named(registry, bare)
    chosen, stand_in = named[0] if named else None, None
    for base in bases:
        known = registry.base_names(base)
        fitting = [each for each in named if is_for(each, known)]
        if fitting or (stand_in := _stand_in(registry, bare, base) if not revision else None):
            chosen = fitting[0] if fitting else registry.get(stand_in.module if stand_in else "")
            break
    if chosen is None:
        elsewhere = registry.stand_ins(bare)
        if not elsewhere:
            chosen = registry.get(bare)
        else:
            raise no_variant(name, bases[0] if bases else "", [each.base for each in elsewhere])
    can_fetch = chosen.upstream and chosen.bases and chosen.kind in CONVERTED
    if chosen.method and not chosen.weights_digest and not can_fetch:
        raise missing_weights(chosen)
    if chosen.kind in {"base", "dataset"} or (chosen.kind == "encoder" and not chosen.variants):
        raise InvalidRequest(f"`{name}` is of kind {chosen.kind}, not a language module.")
    return chosen, stand_in


def is_for(module: Artifact, base_names: Sequence[str]) -> bool:
    """Return whether a module is made for a base with these names, without owners and in lower case."""
    return not {each.rpartition("/")[2].lower() for each in module.bases}.isdisjoint(base_names)


def _named(registry: Registry, name: str) -> list[Artifact]:
    """Return the artifacts that `name` can mean: with it alone, the user's own, then the curated one, then that of all owners."""
    found: dict[str, Artifact] = {}
    for each in (name,) if "/" in name else (f"{registry.owner}/{name}", f"{CURATED_OWNER}/{name}", name):
        with suppress(UnknownArtifact, InvalidName):
            artifact = registry.get(each)
            found.setdefault(artifact.name.key, artifact)
    return [*found.values()]


def _stand_in(registry: Registry, name: str, base: str) -> StandIn | None:
    owner, _, bare = name.rpartition("/")
    found = registry.stand_ins(bare, base) if owner in {"", registry.owner, CURATED_OWNER} else ()
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Composition:
    """A base and modules that were found by their cards."""

    base: Artifact | None
    """None for a folder, a file and a repository upstream, which the loader finds."""
    modules: tuple[Artifact, ...]
    """The modules that were found by name."""
    stand_ins: tuple[StandIn, ...]
    """Of the modules, those that stand in for a name."""

    @property
    def to_fetch(self) -> Iterator[tuple[str, Upstream]]:
        """Yield the names and first upstream files of what is fetched when it is loaded."""
        for each in (self.base, *self.modules):
            if each is not None and not each.weights_digest and each.upstream:
                yield each.name.name, each.upstream[0]


def check_composition(registry: Registry, base: str, modules: Sequence[str]) -> Composition:
    """Return a base and its modules, after checking names and fit. Folders and pinned revisions are left to the loader.

    Raises UnknownBase, UnknownArtifact, InvalidRequest, and DoesNotFit for modules that fit by none of their variants.
    """
    on = None if is_path(base) else _known_base(registry, base)
    found: list[Artifact] = []
    stand_ins: list[StandIn] = []
    for name in modules:
        if Path(name).is_dir() or (on is None and registry.stand_ins(name)):
            continue
        module, stand_in = find_module(registry, name, [on.name.name] if on is not None else [])
        found.append(module)
        stand_ins += [stand_in] if stand_in is not None else []
        if on is not None and "@" not in name:
            _check_fit(module, on, registry)
    return Composition(on, tuple(found), tuple(stand_ins))


def is_path(base: str) -> bool:
    """Return whether a base is given as a folder or a single file, not by name."""
    return Path(base).expanduser().is_dir() or is_single_file(base)


def is_single_file(base: str | Path) -> bool:
    """Return whether a base is given as a single file, such as `model.safetensors`, whether the file exists or not."""
    return Path(base).suffix.lower() in SINGLE_FILES


def is_repository(name: str) -> bool:
    """Return whether `name` can be that of a repository upstream, `owner/name`."""
    owner, slash, bare = name.partition("/")
    return bool(slash and owner and bare and "/" not in bare and " " not in name and not name.startswith((".", "~")))


def _known_base(registry: Registry, name: str) -> Artifact | None:
    try:
        return find_base(registry, name)
    except UnknownBase:
        if is_repository(name):
            return None
        raise


def _check_fit(module: Artifact, base: Artifact, registry: Registry) -> None:
    if not module.variants:  # Nothing was fetched yet: the card names the bases.
        if module.bases and not is_for(module, registry.base_names(str(base.name))):
            raise no_variant(module.name.name, base.name.name, module.bases)
        return
    folders = {variant.folder: variant for variant in module.variants}
    if base.name.name not in folders:
        raise no_variant(module.name.name, base.name.name, [*folders])
    if base.conditioning is None:
        return
    if problem := conditioning_problem(folders[base.name.name], base.name.name, base.conditioning):
        raise DoesNotFit(
            f"`{module.name.name}` {problem}. Find modules that fit with `hub search --base {base.name.name}`."
        )


def no_variant(module: str, base: str, variants: Sequence[str]) -> DoesNotFit:
    """Return the error of a module that was not made for `base`."""
    listed = ", ".join(f"`{each}`" for each in variants)
    return DoesNotFit(
        f"`{module}` has no variant for `{base}`, only for {listed}. Find modules that fit with `hub search --base {base}`."
    )
