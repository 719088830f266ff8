"""Describe a folder in Hugging Face's layout for the registry, without reading weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from hub.cards.card import FILE, NAMESPACE, Card
from hub.cards.front_matter import split_front_matter
from hub.cards.licenses import parse_licenses
from hub.cards.read_card import MAX_UNKNOWN, read_card
from hub.cards.variant_config import read_variant, variant_folders
from hub.errors import InvalidCard, UnknownLanguage
from hub.languages import parse_language
from hub.names import ArtifactName
from hub.records import DATASET, PLAIN, Artifact, Variant, join_names, split_names

PLAIN_KINDS = {"base", DATASET}
"""Kinds without variants: repositories in the layout of diffusers or datasets."""


def describe(folder: Path, name: ArtifactName, card: Card | None = None) -> Artifact:
    """Return the artifact in `folder`, from its card, unless that was read already, and variants.

    It is a data set if the card says so. Raises InvalidCard.
    """
    card = card or read_card(folder, name)
    name = dataclasses.replace(name, is_dataset=card.kind == DATASET)
    variants = () if is_plain(folder, card.kind) else _variants(folder, name)
    encoders = {join_names(pin.name for pin in variant.encoders) for variant in variants if variant.encoder}
    methods = {variant.method for variant in variants}
    return Artifact(
        name=name,
        kind=card.kind,
        summary=card.summary,
        license=card.license,
        languages=card.languages,
        method=card.method or (methods.pop() if len(methods) == 1 else ""),
        variants=variants,
        bases=tuple(dict.fromkeys([*(variant.folder for variant in variants), *map(without_owner, card.bases)])),
        encoder=join_names(
            map(without_owner, split_names(card.encoder or (encoders.pop() if len(encoders) == 1 else "")))
        ),
        conditioning=card.conditioning,
        scores=card.scores,
        tags=card.tags,
        upstream=card.upstream,
        aliases=card.aliases,
        trained_languages=card.trained_languages,
    )


def describe_repository(folder: Path, name: ArtifactName) -> Artifact:
    """Describe a folder that may have no linguahub card: then Hugging Face's front matter describes a plain artifact.

    Raises InvalidCard, also if the card describes a data set in a model repository, or a model in a data set repository.
    """
    try:
        text = (folder / FILE).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        text = ""
    except UnicodeDecodeError as error:
        raise InvalidCard(f"the card of `{name}` is not UTF-8 text: {error}.") from error
    front_matter = split_front_matter(text)[0] if text.startswith("---") else {}
    if NAMESPACE not in front_matter:
        return _plain(front_matter, name, DATASET if name.is_dataset else PLAIN)
    found = describe(folder, name)
    if found.name != name:
        raise InvalidCard(
            f"`{name}` is a repository for {'data sets' if name.is_dataset else 'models'}, but the kind in its card is `{found.kind}`."
        )
    return found


def _plain(front_matter: dict[str, Any], name: ArtifactName, kind: str) -> Artifact:
    """Describe a repository of another library from the valid fields of its front matter."""

    def texts(key: str) -> tuple[str, ...]:
        value = front_matter.get(key)
        values = value if isinstance(value, list) else [value]
        return tuple(dict.fromkeys(each[:200] for each in values if isinstance(each, str) and each))

    languages, unknown = [], 0
    for word in texts("language"):
        try:
            languages.append(parse_language(word))
        except UnknownLanguage:
            unknown += 1
            if unknown == MAX_UNKNOWN:
                break
    trained_on = [f"dataset:{each}" for each in texts("datasets")]
    return Artifact(
        name=name,
        kind=kind,
        summary="",
        license=parse_licenses(front_matter["license"])[0] if front_matter.get("license") else "",
        languages=tuple(dict.fromkeys(languages)),
        bases=tuple(map(without_owner, texts("base_model"))),
        tags=tuple(dict.fromkeys((*texts("tags"), *texts("library_name"), *texts("pipeline_tag"), *trained_on))),
    )


def is_plain(folder: Path, kind: str) -> bool:
    """Return whether `folder` is a repository of another library, without variants.

    This includes encoders that are loaded from the root; an encoder trained for bases has only variants.
    """
    return kind in PLAIN_KINDS or (kind == "encoder" and (folder / "config.json").is_file())


def without_owner(name: str) -> str:
    """Return a name without the owner `linguahub`, as variant folders are named: `emoji-sd` for `linguahub/emoji-sd`."""
    return name.removeprefix("linguahub/")


def _variants(folder: Path, name: ArtifactName) -> tuple[Variant, ...]:
    variants, problems = [], []
    for each in variant_folders(folder):
        try:
            variants.append(read_variant(each))
        except InvalidCard as error:
            problems.append(str(error).rstrip("."))
    if problems:
        raise InvalidCard(f"`{name}` has invalid variants: {'; '.join(problems)}.")
    return tuple(variants)
