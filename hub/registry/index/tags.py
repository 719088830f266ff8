"""Build the tags of an artifact, as the Hugging Face Hub spells them, and its index words for tags, type, size and name parts.

Index words cannot occur in text: `_tag:license:mit`, `_part:yor`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from hub.records import DATASET, PLAIN, Artifact
from hub.registry.index.text import facet_word, facet_words, facets_of

CURATED_OWNER = "linguahub"
"""Owner of the cards that come with linguahub."""
IMAGES = (".png", ".webp", ".jpg", ".gif")
"""Suffixes of images that browsers show."""
HAS_IMAGES = facet_word("has", "images")
"""The index word of artifacts with images in their files."""
MAX_TAGS = 500
"""Maximum number of indexed tags of an artifact."""
MAX_COUNT = 10**18
"""Upper limit of the number of parameters in a query."""
_PIPELINE = "text-to-image"
_RELATIONS = {"adapter": "adapter", "projector": "adapter", "delta": "adapter", "encoder": "finetune"}
"""Kind → relation in the Hugging Face Hub's base-model tree."""
_GRAM = 3
_END = "|"
"""Appended to names, so that parts of one or two letters are prefixes of trigrams, too. No name contains it."""
_NAMEABLE = re.compile(r"[a-z0-9._/-]+")


def tags_of(
    kind: str, method: str, license: str, languages: Iterable[str], bases: Iterable[str], tags: Iterable[str]
) -> tuple[str, ...]:
    """Return the tags that repository lists can be filtered by."""
    words = [kind, method, *languages]
    words += [f"license:{license.lower()}"] if license else []
    for base in bases:
        full = base if "/" in base else f"{CURATED_OWNER}/{base}"
        words += [f"base_model:{full}", f"base_model:{_RELATIONS.get(kind, 'finetune')}:{full}"]
    return tuple(dict.fromkeys([word for word in words if word] + list(tags)))


def library_of(kind: str, tags: Iterable[str]) -> str:
    """Return the library that loads an artifact; empty if unknown."""
    if kind not in {PLAIN, DATASET}:
        return "diffusers" if kind == "base" else "linguahub"
    return next((tag for tag in tags if tag in _LIBRARIES), "")


_LIBRARIES = ("diffusers", "transformers", "peft", "sentence-transformers", "datasets", "timm", "safetensors")


def pipeline_of(kind: str, tags: Iterable[str]) -> str:
    """Return the pipeline tag; empty for data sets, and for plain repositories whose card has none."""
    if kind == DATASET:
        return ""
    return _PIPELINE if kind != PLAIN else next((tag for tag in tags if tag in _TASKS), "")


_TASKS = frozenset({
    "text-to-image", "image-to-image", "text-generation", "fill-mask", "feature-extraction", "text-classification",
    "token-classification", "translation", "sentence-similarity", "zero-shot-image-classification", "image-classification",
    "image-feature-extraction", "image-to-text", "image-text-to-text", "summarization", "question-answering",
    "unconditional-image-generation", "text-to-video", "text-to-speech", "automatic-speech-recognition",
})  # fmt: skip


def is_image(path: str) -> bool:
    """Return whether a file is an image that browsers show."""
    return path.lower().endswith(IMAGES)


def index_words(artifact: Artifact, *, has_images: bool) -> str:
    """Return the content of the column `facets`: all index words of an artifact."""
    tags = tags_of(artifact.kind, artifact.method, artifact.license, artifact.languages, artifact.bases, artifact.tags)
    words = tag_words(artifact.kind, artifact.gated, artifact.total_parameters, tags)
    words += [HAS_IMAGES] if has_images else []
    return " ".join((facet_words(facets_of(artifact)), *words, *name_trigrams(artifact.name.repository.lower())))


def tag_words(kind: str, gated: str, parameters: int | None, labels: Sequence[str]) -> list[str]:
    """Return the index words for tags, type, gating and order of magnitude of the parameters."""
    more = (pipeline_of(kind, labels), library_of(kind, labels))
    words = [facet_word("tag", label) for label in dict.fromkeys((*labels[:MAX_TAGS], *filter(None, more)))]
    words += [
        facet_word("type", DATASET if kind == DATASET else "model"),
        facet_word("gated", "yes" if gated else "no"),
    ]
    return [*words, facet_word("magnitude", str(len(str(parameters))))] if parameters is not None else words


def magnitude_words(least: int, most: int) -> list[str]:
    """Return the index words for numbers of parameters from `least` to `most`."""
    return [facet_word("magnitude", str(digits)) for digits in range(len(str(least)), len(str(most)) + 1)]


def name_trigrams(key: str) -> list[str]:
    """Return an index word for each trigram of `owner/name`, given in lower case."""
    text = key + _END * (_GRAM - 1)
    return [facet_word("part", gram) for gram in dict.fromkeys(text[at : at + _GRAM] for at in range(len(key)))]


def name_part_words(part: str) -> list[str]:
    """Return trigrams that every name with this part has, enough to cover it; empty if the part is shorter than three characters.

    Further ones, which overlap these, exclude few other names, and reading their lists takes twice as long.
    """
    text, last = part.lower(), len(part) - _GRAM
    starts = [*range(0, last, _GRAM), last] if last >= 0 else []
    return [facet_word("part", gram) for gram in dict.fromkeys(text[at : at + _GRAM] for at in starts)]


def name_part_prefix(part: str) -> list[str]:
    """Return the prefix of a trigram that every name with this part has, if the part is shorter than three characters."""
    return [facet_word("part", part.lower())] if len(part) < _GRAM else []


def can_be_in_name(part: str) -> bool:
    """Return whether a name can contain this part."""
    return _NAMEABLE.fullmatch(part.lower()) is not None
