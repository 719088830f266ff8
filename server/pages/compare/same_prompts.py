"""Images of the same prompt and seed by several artifacts, from those that their own pages show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request

from hub.local import LocalHub
from hub.records import Artifact
from server.pages.examples.card_examples import Example
from server.pages.examples.visible_examples import visible_examples

MAX_PROMPTS = 6
"""Prompts that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt that several artifacts have an image of."""

    example: Example
    """One of the images: all have its text, language, title and seed."""
    without: str
    """URL of the image by the base alone; empty if there is none, or if the artifacts are for different bases."""
    images: dict[int, str]
    """Position of an artifact → URL."""


def same_prompts(request: Request, hub: LocalHub, artifacts: Sequence[Artifact]) -> list[Prompt]:
    """Return the prompts that at least two artifacts show an image of, generated with the same parameters, including the seed."""
    found: dict[tuple[str, str, str], dict[int, Example]] = {}
    for number, artifact in enumerate(artifacts):
        for each in visible_examples(request, hub, artifact):
            if each.text and each.seed is not None:
                key = each.text, each.language.tag if each.language else "", each.parameters
                found.setdefault(key, {}).setdefault(number, each)
    has_one_base = len({each.bases[:1] for each in artifacts}) == 1
    shared = [same for same in found.values() if len(same) > 1]
    # Prompts that most artifacts share come first, so that few cells are empty.
    return [
        Prompt(
            example=next(iter(same.values())),
            without=next((each.without for each in same.values() if each.without), "") if has_one_base else "",
            images={number: each.image for number, each in same.items()},
        )
        for same in sorted(shared, key=len, reverse=True)[:MAX_PROMPTS]
    ]
