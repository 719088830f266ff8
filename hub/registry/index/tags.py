"""Tags as the Hugging Face Hub spells them, and the words by which the index finds an artifact beside those of its text.

Each is a word that nobody can type: `_tag:license:mit`, `_part:yor`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from hub.records import PLAIN, Artifact
from hub.registry.index.text import facet_word, facet_words, facets_of

CURATED_OWNER = "linguahub"
"""Owner of the cards that come with linguahub."""
MAX_TAGS = 500
"""Tags of an artifact by which it is found, at most."""
MAX_COUNT = 10**18
"""Parameters; no model has so many."""
_DATASET = "dataset"
_PIPELINE = "text-to-image"
_RELATIONS = {"adapter": "adapter", "projector": "adapter", "delta": "adapter", "encoder": "finetune"}
"""Our kinds in the words of the Hugging Face Hub's base-model tree."""
_GRAM = 3
_END = "|"
"""Stands behind a name: so every part of one or two letters begins a group of three, too. No name has it."""
_NAMEABLE = re.compile(r"[a-z0-9._/-]+")


def tags_of(
    kind: str, method: str, license: str, languages: Iterable[str], bases: Iterable[str], tags: Iterable[str]
) -> tuple[str, ...]:
    """Every tag that a list of repositories can be narrowed by."""
    words = [kind, method, *languages]
    words += [f"license:{license.lower()}"] if license else []
    for base in bases:
        full = base if "/" in base else f"{CURATED_OWNER}/{base}"
        words += [f"base_model:{full}", f"base_model:{_RELATIONS.get(kind, 'finetune')}:{full}"]
    return tuple(dict.fromkeys([word for word in words if word] + list(tags)))


def library_of(kind: str, tags: Iterable[str]) -> str:
    """The library that loads an artifact; empty where nobody says so."""
    if kind not in {PLAIN, _DATASET}:
        return "diffusers" if kind == "base" else "linguahub"
    return next((tag for tag in tags if tag in _LIBRARIES), "")


_LIBRARIES = ("diffusers", "transformers", "peft", "sentence-transformers", "datasets", "timm", "safetensors")


def pipeline_of(kind: str, tags: Iterable[str]) -> str:
    """The task; empty for data sets, and for plain repositories whose card names none."""
    if kind == _DATASET:
        return ""
    return _PIPELINE if kind != PLAIN else next((tag for tag in tags if tag in _TASKS), "")


_TASKS = frozenset({
    "text-to-image", "image-to-image", "text-generation", "fill-mask", "feature-extraction", "text-classification",
    "token-classification", "translation", "sentence-similarity", "zero-shot-image-classification", "image-classification",
    "image-feature-extraction", "image-to-text", "image-text-to-text", "summarization", "question-answering",
    "unconditional-image-generation", "text-to-video", "text-to-speech", "automatic-speech-recognition",
})  # fmt: skip


def index_words(artifact: Artifact) -> str:
    """All words of an artifact's column `facets`."""
    said = tags_of(artifact.kind, artifact.method, artifact.license, artifact.languages, artifact.bases, artifact.tags)
    marks = required_tags_of(artifact.kind, artifact.gated, artifact.total_parameters, said)
    return " ".join((facet_words(facets_of(artifact)), *marks, *name_parts(artifact.name.key)))


def required_tags_of(kind: str, gated: str, parameters: int | None, labels: Sequence[str]) -> list[str]:
    """Words for tags, type, gate and magnitude."""
    more = (pipeline_of(kind, labels), library_of(kind, labels))
    marks = [facet_word("tag", label) for label in dict.fromkeys((*labels[:MAX_TAGS], *filter(None, more)))]
    marks += [
        facet_word("type", _DATASET if kind == _DATASET else "model"),
        facet_word("gated", "yes" if gated else "no"),
    ]
    return [*marks, facet_word("magnitude", str(len(str(parameters))))] if parameters is not None else marks


def magnitudes(least: int, most: int) -> list[str]:
    """The words of all counts of parameters from `least` to `most`."""
    return [facet_word("magnitude", str(digits)) for digits in range(len(str(least)), len(str(most)) + 1)]


def name_parts(key: str) -> list[str]:
    """A word for each group of three letters in `owner/name`, in lower case."""
    text = key + _END * (_GRAM - 1)
    return [facet_word("part", gram) for gram in dict.fromkeys(text[at : at + _GRAM] for at in range(len(key)))]


def part_words(part: str) -> list[str]:
    """Words that every name with this part has; none where it is too short for one."""
    text = part.lower()
    return [facet_word("part", gram) for gram in dict.fromkeys(text[at : at + _GRAM] for at in range(len(text) - 2))]


def part_prefix(part: str) -> list[str]:
    """What a word of every name with this part begins with, where the part is too short for a whole word."""
    return [facet_word("part", part.lower())] if len(part) < _GRAM else []


def is_nameable(part: str) -> bool:
    """Whether a name can have this part."""
    return _NAMEABLE.fullmatch(part.lower()) is not None
