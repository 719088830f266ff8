"""Generate images for many prompts, independently of each other, or compare a base with its modules."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from PIL import Image

from hub.errors import DoesNotFit
from hub.languages import language_name, parse_language

BATCH_SIZE = 8
"""Prompts in one call, so that memory does not grow with their number."""


@dataclass(frozen=True, slots=True)
class GenerationSettings:
    """Settings shared by all images of one command."""

    negative: str
    seed: int
    steps: int
    guidance: float


class PromptWithLanguage(NamedTuple):
    """A prompt, and its language as given by the user, empty to detect it."""

    text: str
    language: str


class Cell(NamedTuple):
    """An image with its caption; without an image, the text in its place."""

    image: Image.Image | None
    caption: str = ""


class Column(NamedTuple):
    """One pipeline and its image of each prompt."""

    heading: str
    cells: list[Cell]


def generate_images(
    pipe: Any,
    prompts: Sequence[PromptWithLanguage],
    settings: GenerationSettings,
    on_step: Callable[[int], None] | None = None,
) -> Iterator[Image.Image]:
    """Yield an image for each prompt, in order. All start from the same seeded noise, so batches do not matter.

    `on_step` is called after each denoising step with the number of finished steps; it may raise to stop.

    Raises DoesNotFit for a pipeline that returns something other than images, such as video frames.
    """
    for first in range(0, len(prompts), BATCH_SIZE):
        batch = prompts[first : first + BATCH_SIZE]
        languages = [prompt.language or None for prompt in batch]
        readers = pipe.readers([prompt.text for prompt in batch], language=languages if any(languages) else None)
        made: dict[int, Image.Image] = {}
        # Prompts that the base reads would be padded beside a longer module, so they get a separate call.
        for by_base in (True, False):
            places = [place for place, each in enumerate(readers) if (set(each) <= {""}) is by_base]
            made |= zip(
                places, _generate_batch(pipe, [batch[place] for place in places], settings, on_step), strict=True
            )
        yield from (made[place] for place in range(len(batch)))


def _generate_batch(
    pipe: Any,
    batch: Sequence[PromptWithLanguage],
    settings: GenerationSettings,
    on_step: Callable[[int], None] | None,
) -> Sequence[Image.Image]:
    """Return an image for each prompt, by one call of the pipeline; nothing for no prompts."""
    if not batch:
        return ()
    languages = [prompt.language or None for prompt in batch]
    takes_callback = "callback_on_step_end" in inspect.signature(type(pipe).__call__).parameters
    answer = pipe(
        [prompt.text for prompt in batch],
        language=languages if any(languages) else None,
        negative_prompt=[settings.negative] * len(batch),
        generator=[torch.Generator().manual_seed(settings.seed) for _ in batch],
        num_inference_steps=settings.steps,
        guidance_scale=settings.guidance,
        **({"callback_on_step_end": _callback(on_step)} if on_step is not None and takes_callback else {}),
    )
    if not hasattr(answer, "images"):
        raise DoesNotFit(
            f"`hub generate` writes images, and {type(pipe).__name__} returns {', '.join(answer)}: "
            "use `load_pipeline` in Python."
        )
    images: Sequence[Image.Image] = answer.images
    return images


def _callback(on_step: Callable[[int], None]) -> Callable[..., dict[str, Any]]:
    """Return diffusers' callback, which is called with the index of the finished step and may change tensors: this one does not."""

    def call(_pipe: Any, index: int, _timestep: Any, _tensors: dict[str, Any]) -> dict[str, Any]:
        on_step(index + 1)
        return {}

    return call


def compare(
    pipe: Any, base: str, prompts: Sequence[PromptWithLanguage], settings: GenerationSettings
) -> Iterator[Column]:
    """Yield the base alone on the untranslated prompts, then each translation module alone, then each other module alone.

    All start from the same noise. A prompt in a language that a module does not read has no image in its column. The active
    adapters are restored at the end.
    """
    names = pipe.get_active_adapters()
    try:
        pipe.set_adapters([])
        # Without its language: the base gets the prompt although it does not read the language.
        raw = [PromptWithLanguage(prompt.text, "") for prompt in prompts]
        yield Column(f"{base} alone", [Cell(image) for image in generate_images(pipe, raw, settings)])
        translations = {name: _translations(pipe, name, prompts) for name in names}
        for name in sorted(names, key=lambda name: not any(translations[name])):
            pipe.set_adapters([name])
            readable = [prompt for prompt in prompts if _reads(pipe, prompt)]
            images = generate_images(pipe, readable, settings)
            heading = f"translated by {name}" if any(translations[name]) else name
            yield Column(
                heading,
                [
                    Cell(next(images), f"“{words}”" if words else "")
                    if prompt in readable
                    else Cell(None, unread_caption(prompt))
                    for prompt, words in zip(prompts, translations[name], strict=True)
                ],
            )
    finally:
        pipe.set_adapters(names)


def _translations(pipe: Any, name: str, prompts: Sequence[PromptWithLanguage]) -> list[str]:
    """Return the translation of each prompt; empty if it is not translated or not read."""
    pipe.set_adapters([name])
    return [
        pipe.translations([prompt.text], language=prompt.language or None)[0] if _reads(pipe, prompt) else ""
        for prompt in prompts
    ]


def _reads(pipe: Any, prompt: PromptWithLanguage) -> bool:
    try:
        pipe.readers([prompt.text], language=prompt.language or None)
    except DoesNotFit:
        return False
    return True


def unread_caption(prompt: PromptWithLanguage) -> str:
    """Return what stands in place of an image whose module does not read the prompt's language."""
    return f"does not read {language_name(parse_language(prompt.language))}"
