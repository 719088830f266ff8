"""What every pipeline gains: language modules that can be named, switched and taken away, and `language=` on a call.

A family adds one method to it: `encode_prompt`, the one place through which every route of a pipeline class
(text-to-image, img2img, inpainting, ControlNet) asks for embeddings.

Shape letters: B batch, L tokens, C conditioning width, P pooled width.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hub.errors import DoesNotFit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import torch
    from torch import Tensor

    from hub.loader.changes import Change

Language = str | Sequence[str] | None
"""One for all prompts, one for each, or none: then it is detected."""
_REQUESTED: ContextVar[Language] = ContextVar("language of the pipeline call in progress", default=None)

_ASKED: ContextVar[list[Sequence[str] | None] | None] = ContextVar("prompts of the call in progress", default=None)


class Encoded(NamedTuple):
    """Embeddings of some prompts, one row each."""

    tokens_BLC: Tensor
    pooled_BP: Tensor | None = None
    mask_BL: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Prompts:
    """What one call of a pipeline wants encoded."""

    positive: tuple[str, ...]
    negative: tuple[str, ...] | None
    """One for each positive one; None without guidance."""
    language: Language
    device: torch.device
    base_encode: Callable[[list[str]], Encoded]
    """The base's own encoding of positive prompts."""
    base_encode_negative: Callable[[list[str]], Encoded]
    count_tokens: Callable[[str], int] | None = None
    """Tokens of a text as the base's own encoder reads it, padding left out; None where its embeddings have a mask."""
    is_masked: bool = False
    """Whether the denoiser is told which tokens count. Then every row has a mask, and shorter rows are padded."""


class Interpreter(Protocol):
    """Turns prompts into embeddings through resident modules."""

    def encode(self, prompts: Prompts) -> tuple[Encoded, Encoded | None] | None:
        """Positive and negative embeddings, or None when every prompt is the base's own to read."""
        ...

    def load(self, name: str | Path) -> str:
        """Read the module `name`; it is active from now on. The name it is resident under."""
        ...

    def activate(self, names: Sequence[str]) -> None:
        """Let exactly these residents work, the first one before the others."""
        ...

    def active(self) -> list[str]:
        """Names of the residents that work."""
        ...

    def residents(self) -> list[str]:
        """Names of all residents."""
        ...

    def readers(self, texts: Sequence[str], language: Language) -> list[tuple[str, ...]]:
        """For each text the modules that read its spans, empty for the base."""
        ...

    def translations(self, texts: Sequence[str], language: Language) -> list[str]:
        """For each text what translation modules make of it; empty where none reads it."""
        ...

    def loras(self) -> list[str]:
        """Names by which diffusers knows LoRAs of residents."""
        ...

    def rest(self) -> None:
        """Let the base be as it was until the next prompt."""
        ...

    def clear(self) -> None:
        """Forget every resident, and take back what it changed."""
        ...

    def free_encoders(self) -> int:
        """Let the residents' text encoders go, and keep what was encoded; the bytes they held."""
        ...

    def move(self, device: torch.device) -> None:
        """Bring the residents to `device`."""
        ...


class LanguageMixin:
    """Stands before a diffusers pipeline class. It has no `__init__`, so the class is made and saved as ever."""

    _interpreter: Interpreter | None = None
    _mixin: type[LanguageMixin]
    """The family's subclass of this one; `with_language` sets it."""

    def load_adapter(self, name: str | Path) -> str:
        """Make one more language module, a name in the hub or a folder, resident and active; the name under which it is."""
        return self._interpreter_or_raise().load(name)

    def set_adapters(self, adapter_names: str | Sequence[str], adapter_weights: Any = None) -> None:
        """Choose which resident modules and which LoRAs work, the first module before the others.

        Naming modules alone leaves LoRAs as they are, and the other way about. An empty list silences every module.
        """
        names = [adapter_names] if isinstance(adapter_names, str) else list(adapter_names)
        resident = self._interpreter.residents() if self._interpreter is not None else []
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
            self._interpreter_or_raise().activate(modules)

    def get_active_adapters(self) -> list[str]:
        """Names of the language modules, then of the LoRAs, that work now."""
        active = self._interpreter.active() if self._interpreter is not None else []
        own = {name for listed in self._loras().values() for name in listed}
        loras = super().get_active_adapters() if own else []  # type: ignore[misc]
        return [*active, *(name for name in loras if name in own)]

    def readers(self, prompts: Sequence[str], language: Language = None) -> list[tuple[str, ...]]:
        """Who would read each prompt: names of active modules, one for each of its spans, and an empty name for the base.

        Raises DoesNotFit and UnknownLanguage as a call would; nothing is drawn.
        """
        return self._interpreter_or_raise().readers(prompts, language)

    def translations(self, prompts: Sequence[str], language: Language = None) -> list[str]:
        """What the base would be given by active translation modules in the place of each prompt; empty where none reads it."""
        return self._interpreter_or_raise().translations(prompts, language)

    def unload(self) -> None:
        """Take every language module away: from here on pictures are the base's own, bit for bit."""
        if self._interpreter is not None:
            self._interpreter.clear()

    def free_encoder(self) -> int:
        """Let the text encoders of language modules go, and keep what was encoded; the bytes they held.

        A prompt that is not kept reads them again. The base's own encoder stays: diffusers' offloading is for that one.
        """
        return 0 if self._interpreter is None else self._interpreter.free_encoders()

    def change_for_modules(self) -> Change | None:
        """What must be otherwise in this base while a module reads; None where the denoiser reads a module's answer as it is."""
        return None

    def into(self, pipeline_class: type[Any], **components: Any) -> Any:
        """Another pipeline of the same parts, residents included: `pipe.into(StableDiffusionImg2ImgPipeline)`.

        The parts are shared, not copied; `components` adds what the other class needs besides, a ControlNet say.
        """
        made = with_language(self._mixin, pipeline_class)
        # Not diffusers' `from_pipe`: that casts all parts to one type, and they are shared.
        wanted = inspect.signature(pipeline_class.__init__).parameters
        here = {**self.config, **self.components, **components}  # type: ignore[attr-defined]
        other = made(**{name: here[name] for name in wanted if name in here})
        other._interpreter = self._interpreter  # noqa: SLF001 - the same object, of another class
        return other

    def save_pretrained(self, *arguments: Any, **settings: Any) -> Any:
        """As in diffusers; what is saved is the base, without the weights that a module put into it for the last prompt."""
        if self._interpreter is not None:
            self._interpreter.rest()
        return super().save_pretrained(*arguments, **settings)  # type: ignore[misc]

    def to(self, *arguments: Any, **settings: Any) -> Any:
        """As in diffusers; language modules follow to the device."""
        moved = super().to(*arguments, **settings)  # type: ignore[misc]
        if self._interpreter is not None:
            self._interpreter.move(self.device)  # type: ignore[attr-defined]
        return moved

    def __call__(self, *arguments: Any, language: Language = None, **settings: Any) -> Any:
        """As in diffusers, and `language`: one for all prompts, or one for each."""
        with speaking(language):
            return super().__call__(*arguments, **settings)  # type: ignore[misc]

    def _read_by_modules(
        self,
        prompt: str | list[str] | None,
        negative_prompt: str | list[str] | None,
        *,
        is_guided: bool,
        language: Language,
        device: torch.device | None,
        base_encode: Callable[[list[str]], Encoded],
        base_encode_negative: Callable[[list[str]], Encoded] | None = None,
        is_masked: bool = False,
        is_shared: bool = True,
    ) -> tuple[Encoded, Encoded | None] | None:
        """Embeddings of prompts and, when `is_guided`, of negative prompts, one row each; None when the base reads them all.

        All that a family's `encode_prompt` must say is how its base encodes texts: `base_encode`, and `base_encode_negative`
        where that differs. The answer is on the interpreter's device and in its modules' types. `is_shared` lets one negative
        prompt stand for all prompts of a list, as most families do; `is_masked` is that of `Prompts`.
        """
        if self._interpreter is None or prompt is None:
            return None
        return self._interpreter.encode(
            Prompts(
                positive=(prompt,) if isinstance(prompt, str) else tuple(prompt),
                negative=negatives_of(prompt, negative_prompt, is_shared=is_shared) if is_guided else None,
                language=language if language is not None else requested_language(),
                device=device or self._execution_device,  # type: ignore[attr-defined]
                base_encode=base_encode,
                base_encode_negative=base_encode_negative or base_encode,
                is_masked=is_masked,
                count_tokens=None if is_masked else self._count_tokens,
            )
        )

    def _count_tokens(self, text: str) -> int:
        """Of the base's own tokenizer, as many as it reads of `text`."""
        tokenizer = self.tokenizer  # type: ignore[attr-defined]
        return len(tokenizer(text, truncation=True, max_length=tokenizer.model_max_length).input_ids)

    def _interpreter_or_raise(self) -> Interpreter:
        if self._interpreter is None:
            raise DoesNotFit("this pipeline was not made by `load_pipeline`, so it takes no language modules.")
        return self._interpreter

    def _loras(self) -> dict[str, list[str]]:
        """Those that a user loaded, by component; LoRAs of residents are theirs."""
        # Pipelines without LoRA support lack the method.
        listed: Callable[[], dict[str, list[str]]] | None = getattr(super(), "get_list_adapters", None)
        ours = self._interpreter.loras() if self._interpreter is not None else []
        found = {} if listed is None else listed()
        return {part: [name for name in names if name not in ours] for part, names in found.items()}


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Within, prompts are in `language`. A context variable, so that threads sharing a pipeline do not mix."""
    before, asked = _REQUESTED.set(language), _ASKED.set([])
    try:
        yield
    finally:
        _REQUESTED.reset(before)
        _ASKED.reset(asked)


def requested_language() -> Language:
    """The `language` of the pipeline call in progress."""
    return _REQUESTED.get()


def prompts_asked() -> list[Sequence[str] | None] | None:
    """What this pipeline call has asked to encode so far, for families whose calls ask twice; None outside of a call."""
    return _ASKED.get()


def negatives_of(
    prompt: str | Sequence[str], negative_prompt: str | Sequence[str] | None, *, is_shared: bool = False
) -> tuple[str, ...]:
    """One negative prompt for each prompt: empty unless given; the same rules and errors as diffusers.

    `is_shared` lets one text stand for all prompts of a list: every family but Stable Diffusion 1.x and 2.x does.
    """
    count = 1 if isinstance(prompt, str) else len(prompt)
    if negative_prompt is None:
        return ("",) * count
    if isinstance(prompt, str) is not isinstance(negative_prompt, str) and not is_shared:
        raise TypeError(
            f"`negative_prompt` should be a {type(prompt).__name__} like `prompt`, not {type(negative_prompt).__name__}."
        )
    if isinstance(negative_prompt, str):
        return (negative_prompt,) * count
    if len(negative_prompt) != count:
        raise ValueError(
            f"`negative_prompt` holds {len(negative_prompt)} texts and `prompt` {count}: give one for each."
        )
    return tuple(negative_prompt)


def check_lengths(prompt_BLC: Tensor, negative_BLC: Tensor | None) -> None:
    """DoesNotFit unless prompts and negative prompts have one number of tokens: most denoisers read both in one batch."""
    if negative_BLC is not None and negative_BLC.shape[1] != prompt_BLC.shape[1]:
        raise DoesNotFit(
            f"`negative_prompt_embeds` has {negative_BLC.shape[1]} tokens and the prompt {prompt_BLC.shape[1]}: "
            "encode both with `pipe.encode_prompt`."
        )


def repeated(rows: Tensor, count: int, dtype: torch.dtype | None = None) -> Tensor:
    """Each row `count` times, one after the other, as diffusers orders several pictures of a prompt; (B, …) → (B·count, …)."""
    return rows.to(dtype or rows.dtype).repeat_interleave(count, dim=0)


def with_language(mixin: type[LanguageMixin], pipeline_class: type[Any]) -> type[Any]:
    """`pipeline_class` behind `mixin`, the same class each time, under its own name: `save_pretrained` writes that name."""
    if issubclass(pipeline_class, LanguageMixin):
        return pipeline_class
    if (mixin, pipeline_class) not in _MADE:
        _MADE[mixin, pipeline_class] = _make(mixin, pipeline_class)
    return _MADE[mixin, pipeline_class]


_MADE: dict[tuple[type[Any], type[Any]], type[Any]] = {}


def _make(mixin: type[LanguageMixin], pipeline_class: type[Any]) -> type[Any]:
    made = type(
        pipeline_class.__name__,
        (mixin, pipeline_class),
        {
            "__module__": pipeline_class.__module__,
            "__doc__": pipeline_class.__doc__,
            "__call__": _call_of(pipeline_class),
            "_mixin": mixin,
        },
    )
    made.__qualname__ = pipeline_class.__qualname__
    return made


def _call_of(pipeline_class: type[Any]) -> Callable[..., Any]:
    """The mixin's call, with the documentation and signature of the class it stands before."""

    def call(self: Any, *arguments: Any, language: Language = None, **settings: Any) -> Any:
        return LanguageMixin.__call__(self, *arguments, language=language, **settings)

    signature = inspect.signature(pipeline_class.__call__)
    own = inspect.Parameter("language", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Language)
    parameters = list(signature.parameters.values())
    places = [place for place, each in enumerate(parameters) if each.kind is inspect.Parameter.VAR_KEYWORD]
    parameters.insert(places[0] if places else len(parameters), own)
    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    call.__name__, call.__qualname__, call.__doc__ = (
        "__call__",
        f"{pipeline_class.__qualname__}.__call__",
        pipeline_class.__call__.__doc__,
    )
    return call
