"""Keep pipelines loaded between requests, and generate the columns of a request."""

from __future__ import annotations

import inspect
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any

from hub.errors import DoesNotFit, HubError
from hub.generation.requests import GenerationRequest, Pinned
from hub.images.generate import GenerationSettings, PromptWithLanguage, generate_images, unread_caption
from hub.images.png_metadata import encode_png, generation_fields, prompt_fields
from hub.loader import load_pipeline
from hub.local import LocalHub

MAX_BASES = 2
"""Pipelines that stay in memory; the one that was used least recently is dropped."""
MAX_MODULES = 12
"""Modules that stay loaded in one pipeline; before one more is loaded, all are removed."""
DEFAULT_STEPS = 25
DEFAULT_GUIDANCE = 7.5
OnStep = Callable[[int, int, int], None]
"""Called with column, all steps and finished steps."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The result of one column."""

    column: int
    png: bytes | None
    """A PNG file whose text fields say how it was generated; None if the module cannot be used for this prompt."""
    text: str
    """The output of a translation module, or the reason why there is no image; else empty."""
    seconds: float


@dataclass(slots=True)
class _Loaded:
    pipe: Any
    names: dict[Pinned, str] = field(default_factory=dict)
    """The module's name in the pipeline."""


class Pipelines:
    """Loaded pipelines by base, with the modules that requests have used."""

    def __init__(self, hub: LocalHub) -> None:
        self._hub = hub
        self._loaded: OrderedDict[Pinned, _Loaded] = OrderedDict()

    def load(self, base: Pinned) -> Any:
        """Return the pipeline of `base`. Raises what `load_pipeline` raises."""
        return self._of(base).pipe

    def generate(self, request: GenerationRequest, on_step: OnStep) -> Iterator[Drawn]:
        """Yield the result of each column as soon as it is generated. All start from the same noise.

        `on_step` may raise to stop. Raises what `load_pipeline` raises for the base; a module that cannot be used has no image.
        """
        loaded = self._of(request.base)
        settings = _settings(loaded.pipe, request)
        for column, module in enumerate(request.columns):
            started = time.perf_counter()
            try:
                name = "" if module is None else self._module(loaded, module)
                loaded.pipe.set_adapters([name] if name else [])
                png, text = self._draw(loaded.pipe, request, column, settings, on_step)
            except HubError as error:
                if module is None or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
                png, text = None, str(error)  # One module does not spoil the others.
            yield Drawn(column, png, text, round(time.perf_counter() - started, 3))

    def _of(self, base: Pinned) -> _Loaded:
        if base not in self._loaded:
            while len(self._loaded) >= MAX_BASES:
                self._loaded.popitem(last=False)
            pipe: Any = load_pipeline(base.name, revision=base.revision or None, hub=self._hub)
            pipe.set_progress_bar_config(disable=True)
            self._loaded[base] = _Loaded(pipe)
        self._loaded.move_to_end(base)
        return self._loaded[base]

    def _module(self, loaded: _Loaded, module: Pinned) -> str:
        """Return the module's name in the pipeline, after loading it if necessary."""
        if module not in loaded.names:
            # Two revisions, or modules of two owners, can have the same name, which a pipeline does not accept.
            short = module.name.rpartition("/")[2]
            if short in loaded.names.values() or len(loaded.names) >= MAX_MODULES:
                loaded.pipe.unload()
                loaded.names.clear()
            loaded.names[module] = loaded.pipe.load_adapter(str(module))
        return loaded.names[module]

    def _draw(
        self, pipe: Any, request: GenerationRequest, column: int, settings: GenerationSettings, on_step: OnStep
    ) -> tuple[bytes | None, str]:
        """Return the PNG file of a column, None if the module does not read the language, and the text beside it."""
        module = request.columns[column]
        # Without its language: the base gets the prompt although it does not read the language.
        prompt = PromptWithLanguage(request.prompt, "" if module is None else request.language)
        text = ""
        if module is not None:
            try:
                text = pipe.translations([prompt.text], language=prompt.language)[0]
            except DoesNotFit:
                return None, unread_caption(prompt)
        image = next(generate_images(pipe, [prompt], settings, on_step=partial(on_step, column, settings.steps)))
        revisions = [request.base.revision, *([module.revision] if module is not None else [])]
        names = [module.name] if module is not None else []
        fields = generation_fields(request.base.name, names, revisions, pipe, settings)
        return encode_png(image, fields | prompt_fields([PromptWithLanguage(request.prompt, request.language)])), text


def _settings(pipe: Any, request: GenerationRequest) -> GenerationSettings:
    """Return the settings of a request, with the guidance that the pipeline's own signature proposes."""
    declared = inspect.signature(type(pipe).__call__).parameters.get("guidance_scale")
    own = declared.default if declared is not None and isinstance(declared.default, float | int) else DEFAULT_GUIDANCE
    guidance = own if request.guidance is None else request.guidance
    return GenerationSettings("", request.seed, request.steps or DEFAULT_STEPS, float(guidance))
