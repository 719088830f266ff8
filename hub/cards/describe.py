"""A folder in Hugging Face layout, as the registry sees it. No weights are read."""

from __future__ import annotations

from pathlib import Path

from hub.cards.reading import read_card
from hub.cards.variants import read_variant, variant_folders
from hub.errors import WrongCard
from hub.names import ArtifactName
from hub.records import Artifact, Variant

PLAIN_KINDS = {"base", "dataset"}
"""Kinds that belong to no base: repositories of diffusers or datasets, whose config.json are theirs."""


def describe(folder: Path, name: ArtifactName) -> Artifact:
    """Card and variants of `folder`. Raises WrongCard."""
    card = read_card(folder, name)
    variants = () if is_plain(folder, card.kind) else _variants(folder, name)
    encoders = {variant.encoder.name for variant in variants if variant.encoder}
    methods = {variant.method for variant in variants}
    return Artifact(
        name=name,
        kind=card.kind,
        summary=card.summary,
        license=card.license,
        languages=card.languages,
        method=card.method or (methods.pop() if len(methods) == 1 else ""),
        variants=variants,
        bases=tuple(dict.fromkeys([*(variant.folder for variant in variants), *map(bare, card.bases)])),
        encoder=bare(card.encoder or (encoders.pop() if len(encoders) == 1 else "")),
        conditioning=card.conditioning,
        scores=card.scores,
        tags=card.tags,
        upstream=card.upstream,
    )


def is_plain(folder: Path, kind: str) -> bool:
    """Whether `folder` is a repository of another library, without variants of ours.

    An encoder is one when it can be loaded as it is, from its root; one that was trained for bases has variants alone.
    """
    return kind in PLAIN_KINDS or (kind == "encoder" and (folder / "config.json").is_file())


def bare(name: str) -> str:
    """`linguahub/emoji-sd` is `emoji-sd`, as people type it and as variant folders are called."""
    return name.removeprefix("linguahub/")


def _variants(folder: Path, name: ArtifactName) -> tuple[Variant, ...]:
    variants, problems = [], []
    for each in variant_folders(folder):
        try:
            variants.append(read_variant(each))
        except WrongCard as error:
            problems.append(str(error).rstrip("."))
    if problems:
        raise WrongCard(f"`{name}` has {len(problems)} wrong variants: {'; '.join(problems)}.")
    return tuple(variants)
