"""What every loaded pipeline gains: language modules that can be named, switched and taken away."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hub.bases.language_mixin import Language, LanguageMixin, stacked, with_language
from hub.errors import DoesNotFit
from hub.loader.prompts.prompt_encoder import PromptEncoder


class Adapters:
    """Stands before a pipeline class that reads prompts through modules (`hub.bases.language_mixin`)."""

    _prompt_encoder: PromptEncoder | None = None
    _mixin: type[LanguageMixin]

    def load_adapter(self, name: str | Path) -> str:
        """Make one more language module, a name in the hub or a folder, resident and active; the name under which it is."""
        return self._prompt_encoder_or_raise().load(name)

    def set_adapters(self, adapter_names: str | Sequence[str], adapter_weights: Any = None) -> None:
        """Choose which resident modules and which LoRAs work, the first module before the others.

        Naming modules alone leaves LoRAs as they are, and the other way about. An empty list silences every module.
        """
        names = [adapter_names] if isinstance(adapter_names, str) else list(adapter_names)
        resident = self._prompt_encoder.residents() if self._prompt_encoder is not None else []
        modules = [name for name in names if name in resident]
        loras = [name for name in names if name not in resident]
        if loras:
            known = {each for listed in self._loras().values() for each in listed}
            if missing := [name for name in loras if name not in known]:
                there = ", ".join(f"`{name}`" for name in [*resident, *sorted(known)]) or "none"
                raise DoesNotFit(
                    f"no resident adapter is called `{missing[0]}`: {there}. `pipe.load_adapter` brings one in."
                )
            weights = {} if adapter_weights is None else {"adapter_weights": adapter_weights}
            super().set_adapters(loras, **weights)  # type: ignore[misc]
        if modules or not names:
            self._prompt_encoder_or_raise().activate(modules)

    def get_active_adapters(self) -> list[str]:
        """Names of the language modules, then of the LoRAs, that work now."""
        active = self._prompt_encoder.active() if self._prompt_encoder is not None else []
        own = {name for listed in self._loras().values() for name in listed}
        loras = super().get_active_adapters() if own else []  # type: ignore[misc]
        return [*active, *(name for name in loras if name in own)]

    def readers(self, prompts: Sequence[str], language: Language = None) -> list[tuple[str, ...]]:
        """Who would read each prompt: names of active modules, one for each of its spans, and an empty name for the base.

        Raises DoesNotFit and UnknownLanguage as a call would; nothing is drawn.
        """
        return self._prompt_encoder_or_raise().readers(prompts, language)

    def translations(self, prompts: Sequence[str], language: Language = None) -> list[str]:
        """What the base would be given by active translation modules in the place of each prompt; empty where none reads it."""
        return self._prompt_encoder_or_raise().translations(prompts, language)

    def unload(self) -> None:
        """Take every language module away: from here on pictures are the base's own, bit for bit."""
        if self._prompt_encoder is not None:
            self._prompt_encoder.clear()

    def free_encoder(self) -> int:
        """Let the text encoders of language modules go, and keep what was encoded; the bytes they held.

        A prompt that is not kept reads them again. The base's own encoder stays: diffusers' offloading is for that one.
        """
        return 0 if self._prompt_encoder is None else self._prompt_encoder.free_encoders()

    def into(self, pipeline_class: type[Any], **components: Any) -> Any:
        """Another pipeline of the same parts, residents included: `pipe.into(StableDiffusionImg2ImgPipeline)`.

        The parts are shared, not copied; `components` adds what the other class needs besides, a ControlNet say.
        """
        made = with_adapters(with_language(self._mixin, pipeline_class))
        # Not diffusers' `from_pipe`: that casts all parts to one type, and they are shared.
        wanted = inspect.signature(pipeline_class.__init__).parameters
        here = {**self.config, **self.components, **components}  # type: ignore[attr-defined]
        other = made(**{name: here[name] for name in wanted if name in here})
        other._prompt_encoder = self._prompt_encoder  # noqa: SLF001 - the same object, of another class
        return other

    def save_pretrained(self, *arguments: Any, **settings: Any) -> Any:
        """As in diffusers; what is saved is the base, without the weights that a module put into it for the last prompt."""
        if self._prompt_encoder is not None:
            self._prompt_encoder.rest()
        return super().save_pretrained(*arguments, **settings)  # type: ignore[misc]

    def to(self, *arguments: Any, **settings: Any) -> Any:
        """As in diffusers; language modules follow to the device."""
        moved = super().to(*arguments, **settings)  # type: ignore[misc]
        if self._prompt_encoder is not None:
            self._prompt_encoder.move(self.device)  # type: ignore[attr-defined]
        return moved

    def _prompt_encoder_or_raise(self) -> PromptEncoder:
        if self._prompt_encoder is None:
            raise DoesNotFit("this pipeline was not made by `load_pipeline`, so it takes no language modules.")
        return self._prompt_encoder

    def _loras(self) -> dict[str, list[str]]:
        """Those that a user loaded, by component; LoRAs of residents are theirs."""
        # Pipelines without LoRA support lack the method.
        listed: Callable[[], dict[str, list[str]]] | None = getattr(super(), "get_list_adapters", None)
        ours = self._prompt_encoder.loras() if self._prompt_encoder is not None else []
        found = {} if listed is None else listed()
        return {part: [name for name in names if name not in ours] for part, names in found.items()}


def with_adapters(pipeline_class: type[Any]) -> type[Any]:
    """A class that `with_language` gave, behind `Adapters`; the same one each time."""
    return pipeline_class if issubclass(pipeline_class, Adapters) else stacked(Adapters, pipeline_class)
