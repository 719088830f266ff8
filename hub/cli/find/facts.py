"""The lines of `hub show` about an artifact, as pairs of a label and a value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from hub.cli.find.bases import format_conditioning
from hub.cli.terminal import size
from hub.languages import language_name
from hub.publish.lineage import Lineage, MergeParent
from hub.records import Artifact, Revision
from hub.registry.artifacts.scans import Scan

if TYPE_CHECKING:
    from hub.cards import Card

MAX_LANGUAGES = 12
"""Languages that are listed; `--json` has all."""


def general(artifact: Artifact) -> Iterator[tuple[str, str]]:
    """Yield the contents of the card."""
    yield "kind", artifact.kind
    if artifact.method:
        yield "method", artifact.method
    if artifact.bases:
        yield "bases", ", ".join(artifact.bases)
    if artifact.aliases:
        yield "also called", ", ".join(artifact.aliases)
    if artifact.encoder:
        yield "encoder", artifact.encoder
    if artifact.conditioning is not None:
        yield "embeddings", format_conditioning(artifact.conditioning)
    for variant in artifact.variants:
        yield (
            "variant",
            f"{variant.folder}: {variant.architecture}, outputs {format_conditioning(variant.conditioning)}",
        )
    more = len(artifact.languages) - MAX_LANGUAGES
    listed = ", ".join(artifact.languages[:MAX_LANGUAGES])
    yield "languages", f"{listed} and {more} more" if more > 0 else listed
    if artifact.trained_languages:
        yield (
            "trained on",
            f"{', '.join(map(language_name, artifact.trained_languages))}; other languages are zero-shot",
        )
    yield "licence", artifact.license
    if artifact.tags:
        yield "tags", ", ".join(artifact.tags)
    for upstream in artifact.upstream:
        about = f" ({size(upstream.size_bytes)})" if upstream.size_bytes else ""
        yield "upstream", f"{upstream.repository}/{upstream.file}{about} at {upstream.revision}"
        if (wheel := upstream.wheel) is not None:
            about = f" ({size(wheel.size_bytes)})" if wheel.size_bytes else ""
            yield "or", f"{wheel.file} in {wheel.name}{about}"
    if artifact.size_bytes:
        yield "size", size(artifact.size_bytes)
    yield "downloads", str(artifact.downloads)


def own_encoders(artifact: Artifact, revision: Revision) -> Iterator[tuple[str, str]]:
    """Yield the text encoders inside variants, each a transformers folder beside config.json."""
    paths = {file.path for file in revision.files}
    for variant in artifact.variants:
        if variant.encoder is None:
            config = next((path for path in sorted(paths) if fnmatch(path, f"{variant.folder}/*/tokenizer*.json")), "")
            if config:
                yield "own encoder", config.rpartition("/")[0]


def lineage(origins: Iterable[Lineage]) -> Iterator[tuple[str, str]]:
    """Yield the parent of each variant, and the modules it was merged from."""
    for origin in origins:
        if origin.parent:
            yield "parent", origin.parent
        if origin.merged:
            listed = " + ".join(f"{part.share:g} {_name(part)}" for part in origin.merged)
            yield "merged", f"{listed} ({origin.merge_method})"


def trust(artifact: Artifact, shown: Revision, scans: Mapping[str, Scan]) -> Iterator[tuple[str, str]]:
    """Yield the signature, and the files that can run code. Nothing for an unsigned revision of safe files."""
    if shown.signature is not None:
        yield "signature", shown.signature.words
    if artifact.allow_unsafe_files and not scans:
        yield "can run code", "allowed by an administrator; this revision has no such file"
    for path, scan in scans.items():
        yield "can run code", f"{path}: {scan.kind}, {scan.words}"
        for line in scan.evidence:
            yield "", line


def requirements(card: Card | None) -> Iterator[tuple[str, str]]:
    """Yield what loading requires: memory by dtype, acceptance of terms, and what the licence allows."""
    if card is None:
        return
    yield (
        "commercial",
        ", ".join(filter(None, (card.terms.describe_use(card.license), card.terms.name, card.terms.link))),
    )
    if card.parameters:
        from hub.weights.sizes import describe_memory, total

        parts = ", ".join(f"{part} {count / 1e6:,.1f}" for part, count in card.parameters)
        yield "weights", f"{total(card.parameters) / 1e6:,.1f} million: {parts}"
        yield "memory", describe_memory(total(card.parameters))
    if card.gated:
        yield (
            "access",
            f"gated: accept the terms at https://huggingface.co/{card.upstream[0].repository}, then `hf auth login`",
        )


def _name(part: MergeParent) -> str:
    return f"{part.name}@{part.revision[:10]}" if part.revision else part.name
