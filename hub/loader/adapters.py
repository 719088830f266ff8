"""The methods of every loaded pipeline that add, switch and remove language modules.

Modules also stay when diffusers builds another pipeline from the parts of a loaded one: `from_pipe` of any class,
`AutoPipelineForImage2Image.from_pipe`, `Other(**pipe.components)`. All of these pass the denoiser to `register_modules`, which
looks up its pipeline. diffusers has no other place where both pipelines are known.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from diffusers import DiffusionPipeline

from hub.bases.language_mixin import Language, LanguageMixin
from hub.bases.patch import uncompiled
from hub.bases.pipeline_class import add_mixin, with_language
from hub.errors import DoesNotFit
from hub.loader.prompts.prompt_encoder import PromptEncoder

if TYPE_CHECKING:
    import torch
    from torch import nn

_OF_DENOISER: WeakKeyDictionary[nn.Module, ref[PromptEncoder]] = WeakKeyDictionary()
"""Denoiser of a loaded pipeline → its prompt encoder."""


class Adapters:
    """A mixin before a pipeline class that encodes prompts with modules (`hub.bases.language_mixin`)."""

    _prompt_encoder: PromptEncoder | None = None
    _mixin: type[LanguageMixin]

    def load_adapter(self, name: str | Path) -> str:
        """Load and activate a language module, a name in the hub or a folder. Return its name in the pipeline.

        Raises DoesNotFit, and what `load_pipeline` raises for a module.
        """
        return self._prompt_encoder_or_raise().load(name)

    def set_adapters(self, adapter_names: str | Sequence[str], adapter_weights: Any = None) -> None:
        """Activate loaded modules and LoRAs; earlier modules take precedence. `adapter_weights` are one for all or one for each.

        A module is on or off: its weight is 1.

        Naming only modules leaves LoRAs unchanged, and vice versa. An empty list deactivates every module. Raises DoesNotFit for an
        unknown name and for another weight of a module, and ValueError for a wrong number of weights.
        """
        names = [adapter_names] if isinstance(adapter_names, str) else list(adapter_names)
        loaded = self._prompt_encoder.module_names() if self._prompt_encoder is not None else []
        modules = [name for name in names if name in loaded]
        loras = [name for name in names if name not in loaded]
        if loras:
            known = {each for listed in self._loras().values() for each in listed}
            if missing := [name for name in loras if name not in known]:
                there = ", ".join(f"`{name}`" for name in [*loaded, *sorted(known)]) or "none"
                raise DoesNotFit(
                    f"no adapter called `{missing[0]}` is loaded: {there}. Load it with `pipe.load_adapter`."
                )
        weights = _weights_of(names, adapter_weights, modules)
        if loras:
            given = {} if adapter_weights is None else {"adapter_weights": [weights[name] for name in loras]}
            super().set_adapters(loras, **given)  # type: ignore[misc]
        if modules or not names:
            self._prompt_encoder_or_raise().activate(modules)

    def get_active_adapters(self) -> list[str]:
        """Return the names of the active language modules, then of the active LoRAs."""
        active = self._prompt_encoder.active() if self._prompt_encoder is not None else []
        own = {name for listed in self._loras().values() for name in listed}
        loras = super().get_active_adapters() if own else []  # type: ignore[misc]
        return [*active, *(name for name in loras if name in own)]

    def languages(self) -> dict[str, tuple[str, ...]]:
        """Return the languages of the active language modules, by name; `mul` for a module of no single language."""
        return {} if self._prompt_encoder is None else self._prompt_encoder.languages()

    def readers(self, prompts: str | Sequence[str], language: Language = None) -> list[tuple[str, ...]]:
        """Return the module that reads each span of each prompt, by name, and an empty name for the base.

        One prompt gives a list of one. Raises DoesNotFit and UnknownLanguage as a call would; no image is generated.
        """
        return self._prompt_encoder_or_raise().readers([prompts] if isinstance(prompts, str) else prompts, language)

    def translations(self, prompts: str | Sequence[str], language: Language = None) -> list[str]:
        """Return the translation of each prompt by active translation modules; empty if none reads it.

        One prompt gives a list of one.
        """
        return self._prompt_encoder_or_raise().translations(
            [prompts] if isinstance(prompts, str) else prompts, language
        )

    def unload(self) -> None:
        """Remove every language module. Images are those of the base again, bit for bit."""
        if self._prompt_encoder is not None:
            self._prompt_encoder.clear()

    def free_encoder(self) -> int:
        """Free the text encoders of language modules, but keep cached embeddings. Return the bytes freed.

        Prompts that are not cached reload them. Use diffusers' offloading for the base's own encoder.
        """
        return 0 if self._prompt_encoder is None else self._prompt_encoder.free_encoders()

    def into(self, pipeline_class: type[Any], **components: Any) -> Any:
        """Return another pipeline with the same parts and modules: `pipe.into(StableDiffusionImg2ImgPipeline)`.

        The parts are shared, not copied; `components` adds what the other class also needs, for example a ControlNet.
        Unlike `from_pipe`, which casts the shared parts to float32 unless it is given a type, it leaves them as they are.
        """
        made = with_adapters(with_language(self._mixin, pipeline_class))
        wanted = inspect.signature(pipeline_class.__init__).parameters
        here = {**self.config, **self.components, **components}  # type: ignore[attr-defined]
        other = made(**{name: here[name] for name in wanted if name in here})
        other._prompt_encoder = self._prompt_encoder  # noqa: SLF001 - an attribute of this mixin
        return other

    def save_pretrained(self, *arguments: Any, **settings: Any) -> Any:
        """Save the base as in diffusers, without the patches of the last prompt's modules."""
        if self._prompt_encoder is not None:
            self._prompt_encoder.switch_off_patches()
        return super().save_pretrained(*arguments, **settings)  # type: ignore[misc]

    def to(self, *arguments: Any, **settings: Any) -> Any:
        """Move the pipeline as in diffusers, and its language modules."""
        moved = super().to(*arguments, **settings)  # type: ignore[misc]
        here: torch.device = self.device  # type: ignore[attr-defined]
        if self._prompt_encoder is not None and here.type != "meta":  # parts that are offloaded by layers
            self._prompt_encoder.move(here)
        return moved

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """Copy the pipeline with its modules; files and the hub are shared."""
        made = memo[id(self)] = type(self).__new__(type(self))
        copied = deepcopy(vars(self), memo)
        vars(made).update(copied)
        if (prompt_encoder := copied.get("_prompt_encoder")) is not None:
            attach(made, prompt_encoder)
        return made

    def _prompt_encoder_or_raise(self) -> PromptEncoder:
        if self._prompt_encoder is None:
            raise DoesNotFit(
                "this pipeline does not support language modules, because it was not created by `load_pipeline`."
            )
        return self._prompt_encoder

    def _loras(self) -> dict[str, list[str]]:
        """Return the LoRAs that the user loaded, by component, without those of modules."""
        # Pipelines without LoRA support lack the method.
        listed: Callable[[], dict[str, list[str]]] | None = getattr(super(), "get_list_adapters", None)
        ours = self._prompt_encoder.loras() if self._prompt_encoder is not None else []
        found = {} if listed is None else listed()
        return {part: [name for name in names if name not in ours] for part, names in found.items()}


def _weights_of(names: Sequence[str], weights: Any, modules: Sequence[str]) -> dict[str, Any]:
    """Return the weight of each name, as diffusers reads them. Raises ValueError for a wrong number, DoesNotFit for a module's."""
    each = list(weights) if isinstance(weights, list | tuple) else [weights] * len(names)
    if len(each) != len(names):
        raise ValueError(f"{len(names)} adapters are named, {', '.join(names)}, and {len(each)} weights are given.")
    found = dict(zip(names, each, strict=True))
    if wrong := [name for name in modules if found[name] not in (None, 1)]:
        raise DoesNotFit(
            f"the language module `{wrong[0]}` has no weight, and {found[wrong[0]]!r} is given: pass 1 for modules, "
            "and weights for LoRAs."
        )
    return found


def attach(pipe: Any, prompt_encoder: PromptEncoder) -> None:
    """Let `pipe`, and all pipelines that are built from its denoiser, encode prompts with `prompt_encoder`."""
    _share_modules()
    pipe._prompt_encoder = prompt_encoder  # noqa: SLF001 - the mixin has no `__init__`
    _OF_DENOISER[uncompiled(getattr(pipe, prompt_encoder.family.denoiser))] = ref(prompt_encoder)


@cache
def _share_modules() -> None:
    """Extend `DiffusionPipeline.register_modules`, once in a process."""
    own = DiffusionPipeline.register_modules

    @wraps(own)
    def register_modules(pipe: Any, **parts: Any) -> None:
        own(pipe, **parts)
        for part in parts.values():
            if (found := _prompt_encoder_of(part)) is not None and found.family.has_class(type(pipe)):
                pipe.__class__ = with_adapters(found.family.with_language(type(pipe)))
                pipe._prompt_encoder = found  # noqa: SLF001 - an attribute of the mixin

    DiffusionPipeline.register_modules = register_modules


def _prompt_encoder_of(part: Any) -> PromptEncoder | None:
    try:
        found = _OF_DENOISER.get(uncompiled(part))
    except TypeError:  # tokenizers and schedulers may be unhashable or without weak references
        return None
    return None if found is None else found()


def with_adapters(pipeline_class: type[Any]) -> type[Any]:
    """Return a class from `with_language` with `Adapters` before it; cached."""
    return pipeline_class if issubclass(pipeline_class, Adapters) else add_mixin(Adapters, pipeline_class)
