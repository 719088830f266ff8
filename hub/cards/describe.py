"""A folder in Hugging Face layout, as the registry sees it. No weights are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub.cards.card import FILE, NAMESPACE
from hub.cards.licenses import parse_license
from hub.cards.read import read_card, split
from hub.cards.variant_config import read_variant, variant_folders
from hub.errors import UnknownLanguage, WrongCard
from hub.languages import parse_language
from hub.names import ArtifactName
from hub.records import PLAIN, Artifact, Variant, joined, parted

DATASET = "dataset"
PLAIN_KINDS = {"base", DATASET}
"""Kinds that belong to no base: repositories of diffusers or datasets, whose config.json are theirs."""


def describe(folder: Path, name: ArtifactName) -> Artifact:
    """Card and variants of `folder`. Raises WrongCard."""
    card = read_card(folder, name)
    variants = () if is_plain(folder, card.kind) else _variants(folder, name)
    encoders = {joined(pin.name for pin in variant.encoders) for variant in variants if variant.encoder}
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
        encoder=joined(map(bare, parted(card.encoder or (encoders.pop() if len(encoders) == 1 else "")))),
        conditioning=card.conditioning,
        scores=card.scores,
        tags=card.tags,
        upstream=card.upstream,
    )


def describe_repository(folder: Path, name: ArtifactName, *, is_dataset: bool) -> Artifact:
    """As `describe`; a folder without a card of ours becomes a plain artifact, told by Hugging Face's front matter alone.

    Raises WrongCard, also for a card of a data set in a repository for models and the reverse.
    """
    try:
        text = (folder / FILE).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        text = ""
    except UnicodeDecodeError as error:
        raise WrongCard(f"the card of `{name}` is no text: {error}.") from error
    front_matter = split(text)[0] if text.startswith("---") else {}
    if NAMESPACE not in front_matter:
        return _plain(front_matter, name, DATASET if is_dataset else PLAIN)
    found = describe(folder, name)
    if (found.kind == DATASET) != is_dataset:
        raise WrongCard(
            f"`{name}` is a repository for {'data sets' if is_dataset else 'models'}, and its card says kind `{found.kind}`."
        )
    return found


def _plain(front_matter: dict[str, Any], name: ArtifactName, kind: str) -> Artifact:
    """What can be read is taken, everything else left out: the card is none of ours."""

    def words(key: str) -> tuple[str, ...]:
        value = front_matter.get(key)
        values = value if isinstance(value, list) else [value]
        return tuple(dict.fromkeys(each[:200] for each in values if isinstance(each, str) and each))

    languages = []
    for word in words("language"):
        try:
            languages.append(parse_language(word))
        except UnknownLanguage:
            continue
    license = front_matter.get("license")
    trained_on = [f"dataset:{each}" for each in words("datasets")]
    return Artifact(
        name=name,
        kind=kind,
        summary="",
        license=(parse_license(license) if isinstance(license, str) else None) or "",
        languages=tuple(dict.fromkeys(languages)),
        bases=tuple(map(bare, words("base_model"))),
        tags=tuple(dict.fromkeys((*words("tags"), *words("library_name"), *words("pipeline_tag"), *trained_on))),
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
