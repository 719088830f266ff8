"""Draw many prompts with one pipeline, each as if it were alone; or the same prompts in every way there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from PIL import Image

from hub.errors import DoesNotFit
from hub.languages import language_name, parse_language

AT_ONCE = 8
"""Prompts in one denoising pass, so that memory does not grow with their number."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is alike for all pictures of one command."""

    negative: str
    seed: int
    steps: int
    guidance: float


class Spoken(NamedTuple):
    """A prompt, and its language as the caller called it, empty when it is to be detected."""

    text: str
    language: str


class Cell(NamedTuple):
    """One picture and what stands below it; without a picture, what stands in its place."""

    picture: Image.Image | None
    words: str = ""


class Column(NamedTuple):
    """One way of drawing, and what it made of each prompt."""

    heading: str
    cells: list[Cell]


def draw(pipe: Any, prompts: Sequence[Spoken], settings: Settings) -> Iterator[Image.Image]:
    """One picture for each prompt, in their order. Each has its own noise from the seed, so that none depends on its neighbours."""
    for first in range(0, len(prompts), AT_ONCE):
        batch = prompts[first : first + AT_ONCE]
        languages = [prompt.language or None for prompt in batch]
        yield from pipe(
            [prompt.text for prompt in batch],
            language=languages if any(languages) else None,
            negative_prompt=[settings.negative] * len(batch),
            generator=[torch.Generator().manual_seed(settings.seed) for _ in batch],
            num_inference_steps=settings.steps,
            guidance_scale=settings.guidance,
        ).images


def compare(pipe: Any, base: str, prompts: Sequence[Spoken], settings: Settings) -> Iterator[Column]:
    """The base alone on the prompts as they are, then each translation module, then each other module, by itself.

    All begin with the same noise. A prompt in a language that a module does not read has no picture in its column. What was
    active before is active afterwards.
    """
    names = pipe.get_active_adapters()
    try:
        pipe.set_adapters([])
        # Without its language: nobody here reads it, and the base is asked all the same.
        raw = [Spoken(prompt.text, "") for prompt in prompts]
        yield Column(f"{base} alone", [Cell(picture) for picture in draw(pipe, raw, settings)])
        said = {name: _translations(pipe, name, prompts) for name in names}
        for name in sorted(names, key=lambda name: not any(said[name])):
            pipe.set_adapters([name])
            readable = [prompt for prompt in prompts if _reads(pipe, prompt)]
            drawn = draw(pipe, readable, settings)
            heading = f"translated by {name}" if any(said[name]) else name
            yield Column(
                heading,
                [
                    Cell(next(drawn), f"“{words}”" if words else "")
                    if prompt in readable
                    else Cell(None, _silence(prompt))
                    for prompt, words in zip(prompts, said[name], strict=True)
                ],
            )
    finally:
        pipe.set_adapters(names)


def _translations(pipe: Any, name: str, prompts: Sequence[Spoken]) -> list[str]:
    """What the base reads in the place of each prompt; empty where it is not translated or not read."""
    pipe.set_adapters([name])
    return [
        pipe.translations([prompt.text], language=prompt.language or None)[0] if _reads(pipe, prompt) else ""
        for prompt in prompts
    ]


def _reads(pipe: Any, prompt: Spoken) -> bool:
    try:
        pipe.readers([prompt.text], language=prompt.language or None)
    except DoesNotFit:
        return False
    return True


def _silence(prompt: Spoken) -> str:
    return f"does not read {language_name(parse_language(prompt.language))}"
