"""Find a base and modules by name, and check that they fit by their cards: what can be refused without a tensor library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hub.errors import DoesNotFit, InvalidRequest, UnknownArtifact, UnknownBase
from hub.publish.card_only import missing_weights
from hub.publish.compatibility import conditioning_problem
from hub.records import Artifact, Query
from hub.registry import Registry


def find_base(registry: Registry, name: str) -> Artifact:
    """Return the base called `name`. Raises UnknownBase with similar names, and InvalidRequest for another kind."""
    try:
        artifact = registry.get(name)
    except UnknownArtifact as error:
        raise UnknownBase(name, known=base_names(registry)) from error
    if artifact.kind != "base":
        raise InvalidRequest(f"`{name}` is of kind {artifact.kind}, not a base. List bases with `hub bases`.")
    return artifact


def base_names(registry: Registry) -> list[str]:
    """Return the names of the bases, without owners."""
    return [each.name.name for each in registry.find(Query(kind="base", sort="name", limit=1000)).items]


def find_module(registry: Registry, name: str) -> Artifact:
    """Return the language module `name` or `name@revision`. Raises UnknownArtifact, and InvalidRequest for another kind
    or a module without weights.
    """
    artifact = registry.get(name.partition("@")[0])
    if artifact.method and not artifact.weights_digest:
        raise missing_weights(artifact)
    if artifact.kind in {"base", "dataset"} or (artifact.kind == "encoder" and not artifact.variants):
        raise InvalidRequest(f"`{name}` is of kind {artifact.kind}, not a language module.")
    return artifact


def check_composition(registry: Registry, base: str, modules: Sequence[str]) -> Artifact | None:
    """Return the base, None for a folder, after checking names and fit. Folders and pinned revisions are left to the loader.

    Raises UnknownBase, UnknownArtifact, InvalidRequest, and DoesNotFit for modules that fit by none of their variants.
    """
    on = None if Path(base).is_dir() else find_base(registry, base)
    for name in modules:
        if Path(name).is_dir():
            continue
        module = find_module(registry, name)
        if on is not None and module.variants and "@" not in name:
            _check_fit(module, on)
    return on


def _check_fit(module: Artifact, base: Artifact) -> None:
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
