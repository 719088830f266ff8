"""Replace the embeddings of prompts in one place: `encode_prompt` of every family, and `language=` on a call.

Every pipeline class (text-to-image, img2img, inpainting, ControlNet) gets its embeddings from `encode_prompt`. diffusers names
the arguments alike in all families, so a family states only what its method returns and what is special about it.

Shape letters: B batch, L tokens, C conditioning width, P pooled width.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from hub.embeddings import Embeddings
from hub.errors import DoesNotFit

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from torch import Tensor

    from hub.bases.patch import Patch

Language = str | Sequence[str] | None
"""One language for all prompts, one for each, or None to detect it."""
_REQUESTED: ContextVar[Language] = ContextVar("language of the pipeline call in progress", default=None)
ENCODED_PROMPTS: ContextVar[list[Sequence[str] | None] | None] = ContextVar(
    "prompts of the call in progress", default=None
)
"""The prompts this pipeline call has encoded so far, for families that encode twice; None outside of a call."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """The prompts of one pipeline call, and what encoding them needs."""

    positive: tuple[str, ...]
    negative: tuple[str, ...] | None
    """One for each positive prompt; None without guidance."""
    language: Language
    device: torch.device
    base_encode: Callable[[list[str]], Embeddings]
    """The base's own encoding of positive prompts."""
    base_encode_negative: Callable[[list[str]], Embeddings]
    count_tokens: Callable[[str], int] | None = None
    """Counts the tokens that the base's own encoder reads, without padding; None if its embeddings have a mask."""
    is_masked: bool = False
    """Whether the denoiser reads a mask. Then every row has one, and shorter rows are padded."""


class EncodesPrompts(Protocol):
    """Turns prompts into embeddings through loaded modules; `hub.loader` implements it."""

    def encode(self, prompts: Prompts) -> tuple[Embeddings, Embeddings | None] | None:
        """Return positive and negative embeddings, tokens (B, L, C) each, or None if the base reads every prompt."""
        ...


_ARGUMENTS = {
    "tokens_BLC": "prompt_embeds",
    "pooled_BP": "pooled_prompt_embeds",
    "mask_BL": "prompt_attention_mask",
}
"""Field of `Embeddings` → diffusers' argument; prefixed with `negative_` for negative prompts."""
_PLAIN = {"num_images_per_prompt": 1, "do_classifier_free_guidance": False}
"""Arguments with which the base encodes texts for a mixed batch: one row each."""
_FOR_PROMPTS_ALONE = ("clip_skip", "complex_human_instruction")
"""Arguments that diffusers applies to prompts, never to negative prompts."""
_OTHER_PROMPT = re.compile(r"(?:negative_)?prompt_(\d)")
_ORDINALS = {"2": "second", "3": "third"}


class LanguageMixin:
    """A mixin before a diffusers pipeline class. Without `__init__`, so that the class is constructed and saved as usual."""

    gives: ClassVar[tuple[str, ...]] = ("tokens_BLC",)
    """Fields of `Embeddings` in the order in which `encode_prompt` returns them; empty for those of negative prompts."""
    shares_negative: ClassVar[bool] = True
    """Whether one negative prompt may serve all prompts of a list."""
    takes_finished: ClassVar[bool] = False
    """Whether the base uses embeddings unchanged; otherwise it casts them and repeats them per image, as its own."""
    _prompt_encoder: EncodesPrompts | None = None
    _mixin: type[LanguageMixin]
    """The family's mixin; set by `with_language`."""

    def patch_for_modules(self) -> Patch | None:
        """Return the patch this base needs while a module is active; None if the denoiser reads a module's output unchanged."""
        return None

    def __call__(self, *arguments: Any, language: Language = None, **settings: Any) -> Any:
        """Run the pipeline as in diffusers; `language` is one for all prompts, or one for each."""
        with language_context(language):
            return super().__call__(*arguments, **settings)  # type: ignore[misc]

    def encode_prompt(self, *arguments: Any, language: Language = None, **settings: Any) -> Any:
        """Encode as in diffusers; embeddings of loaded modules replace the base's own.

        Raises DoesNotFit for a second or third prompt if a module reads: it replaces all encoders of the base.
        """
        own = super().encode_prompt  # type: ignore[misc]
        given = {name: _copied(value) for name, value in _arguments(own, arguments, settings).items()}
        if given["prompt_embeds"] is None:
            is_guided = given.get("do_classifier_free_guidance", False) and given.get("negative_prompt_embeds") is None
            answer = self._read_by_modules(
                given["prompt"],
                given.get("negative_prompt"),
                is_guided=is_guided,
                language=language,
                device=given["device"],
                base_encode=partial(self._encode_by_base, own, given),
            )
            if answer is not None:
                _refuse_other_prompts(given)
                given |= self._replace_prompts(given, *answer)
        return own(**given)

    def _read_by_modules(
        self,
        prompt: str | list[str] | None,
        negative_prompt: str | list[str] | None,
        *,
        is_guided: bool,
        language: Language,
        device: torch.device | None,
        base_encode: Callable[..., Embeddings],
    ) -> tuple[Embeddings, Embeddings | None] | None:
        """Return embeddings of prompts and, if `is_guided`, negative prompts, one row each; None if the base reads them all.

        They are on the prompt encoder's device and in its modules' types.
        """
        if self._prompt_encoder is None or prompt is None:
            return None
        is_masked = "mask_BL" in self.gives
        return self._prompt_encoder.encode(
            Prompts(
                positive=(prompt,) if isinstance(prompt, str) else tuple(prompt),
                negative=negatives_of(prompt, negative_prompt, is_shared=self.shares_negative) if is_guided else None,
                language=language if language is not None else _REQUESTED.get(),
                device=device or self._execution_device,  # type: ignore[attr-defined]
                base_encode=base_encode,
                base_encode_negative=partial(base_encode, is_negative=True),
                is_masked=is_masked,
                count_tokens=None if is_masked else self._count_tokens,
            )
        )

    def _encode_by_base(
        self, own: Callable[..., Any], given: Mapping[str, Any], texts: list[str], *, is_negative: bool = False
    ) -> Embeddings:
        """Encode texts with the base's `own` method and the settings of the call in progress."""
        plain = {name: value for name, value in _PLAIN.items() if name in given}
        left_out = [name for name in given if _OTHER_PROMPT.fullmatch(name)]
        left_out += [name for name in given if is_negative and name in _FOR_PROMPTS_ALONE]
        return self.encoded(own(**{**given, **plain, **dict.fromkeys(left_out), "prompt": texts}))

    @classmethod
    def encoded(cls, answer: Sequence[Any]) -> Embeddings:
        """Return the embeddings of the prompts, tokens (B, L, C), from what `encode_prompt` returned."""
        given = answer[: len(cls.gives)]  # What follows belongs to guidance, such as pooled negative embeddings.
        return Embeddings(**{name: each for name, each in zip(cls.gives, given, strict=True) if name})

    def _replace_prompts(
        self, given: Mapping[str, Any], positive: Embeddings, negative: Embeddings | None
    ) -> dict[str, Any]:
        """Return the arguments that give embeddings to the base in place of texts."""
        changed: dict[str, Any] = dict.fromkeys(name for name in ("prompt", "negative_prompt") if name in given)
        if self.takes_finished:
            count, dtype = given["num_images_per_prompt"], self.transformer.dtype  # type: ignore[attr-defined]
            positive = _repeat(positive, count, dtype)
            negative = None if negative is None else _repeat(negative, count, dtype)
            changed["num_images_per_prompt"] = 1
        for name in filter(None, self.gives):
            changed[_ARGUMENTS[name]] = getattr(positive, name)
            if negative is not None:
                changed[f"negative_{_ARGUMENTS[name]}"] = getattr(negative, name)
        _check_lengths(changed["prompt_embeds"], {**given, **changed}.get("negative_prompt_embeds"))
        return changed

    def _count_tokens(self, text: str) -> int:
        """Return the number of tokens of `text` that the base's own encoder reads."""
        tokenizer = self.tokenizer  # type: ignore[attr-defined]
        return len(tokenizer(text, truncation=True, max_length=tokenizer.model_max_length).input_ids)


@contextmanager
def language_context(language: Language) -> Iterator[None]:
    """Set the language of prompts within a `with` block; None keeps that of the block around it.

    It is a context variable, so that threads can share a pipeline.
    """
    requested = _REQUESTED.set(_REQUESTED.get() if language is None else language)
    encoded = ENCODED_PROMPTS.set([])
    try:
        yield
    finally:
        _REQUESTED.reset(requested)
        ENCODED_PROMPTS.reset(encoded)


def negatives_of(
    prompt: str | Sequence[str], negative_prompt: str | Sequence[str] | None, *, is_shared: bool = False
) -> tuple[str, ...]:
    """Return one negative prompt for each prompt, empty unless given; the same rules and errors as diffusers.

    `is_shared` lets one text serve all prompts of a list: every family but Stable Diffusion 1.x and 2.x allows it.
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
            f"`negative_prompt` has length {len(negative_prompt)} and `prompt` {count}: pass one negative prompt for each prompt."
        )
    return tuple(negative_prompt)


def _arguments(own: Callable[..., Any], arguments: Sequence[Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return all arguments of `own` by name, defaults included."""
    signature = inspect.signature(own)
    bound = signature.bind(*arguments, **settings)
    bound.apply_defaults()
    given = dict(bound.arguments)
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            given |= given.pop(name)
    return given


def _copied(value: Any) -> Any:
    """Return a copy of a list, because some pipelines write into the caller's prompts (Z-Image adds its template)."""
    return list(value) if isinstance(value, list) else value


def _refuse_other_prompts(given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if value is not None and (found := _OTHER_PROMPT.fullmatch(name)) is not None:
            raise DoesNotFit(
                f"`{name}` is for the base's {_ORDINALS[found[1]]} encoder, and the module replaces all encoders: leave it out."
            )


def _check_lengths(prompt_BLC: Tensor, negative_BLC: Tensor | None) -> None:
    """Raise DoesNotFit unless prompts and negative prompts have equally many tokens: most denoisers batch both."""
    if negative_BLC is not None and negative_BLC.shape[1] != prompt_BLC.shape[1]:
        raise DoesNotFit(
            f"`negative_prompt_embeds` has {negative_BLC.shape[1]} tokens and `prompt_embeds` {prompt_BLC.shape[1]}: "
            "encode both with `pipe.encode_prompt`."
        )


def _repeat(encoded: Embeddings, count: int, dtype: torch.dtype) -> Embeddings:
    """Repeat each row `count` times, as diffusers orders several images of a prompt; states in `dtype`."""
    tokens_BLC, pooled_BP, mask_BL = encoded
    return Embeddings(
        tokens_BLC.to(dtype).repeat_interleave(count, dim=0),
        None if pooled_BP is None else pooled_BP.to(dtype).repeat_interleave(count, dim=0),
        None if mask_BL is None else mask_BL.repeat_interleave(count, dim=0),
    )


def with_language(mixin: type[LanguageMixin], pipeline_class: type[Any]) -> type[Any]:
    """Return `pipeline_class` with `mixin` before it and `language` in its signatures; cached."""
    if issubclass(pipeline_class, LanguageMixin):
        return pipeline_class
    methods = {name: _with_language_argument(mixin, pipeline_class, name) for name in ("__call__", "encode_prompt")}
    return add_mixin(mixin, pipeline_class, _mixin=mixin, **methods)


def add_mixin(mixin: type[Any], pipeline_class: type[Any], **attributes: Any) -> type[Any]:
    """Return a cached subclass with `mixin` before `pipeline_class`. It keeps the name, which `save_pretrained` writes."""
    if (mixin, pipeline_class) not in _MADE:
        named = {name: getattr(pipeline_class, name) for name in ("__module__", "__doc__", "__qualname__")}
        _MADE[mixin, pipeline_class] = type(pipeline_class.__name__, (mixin, pipeline_class), named | attributes)
    return _MADE[mixin, pipeline_class]


_MADE: dict[tuple[type[Any], type[Any]], type[Any]] = {}


def _with_language_argument(mixin: type[LanguageMixin], pipeline_class: type[Any], name: str) -> Callable[..., Any]:
    """Return the mixin's method `name` with the documentation and signature of `pipeline_class`, plus `language`."""
    theirs = getattr(pipeline_class, name)

    def method(self: Any, *arguments: Any, **settings: Any) -> Any:
        return getattr(mixin, name)(self, *arguments, **settings)

    signature = inspect.signature(theirs)
    own = inspect.Parameter("language", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Language)
    parameters = list(signature.parameters.values())
    places = [place for place, each in enumerate(parameters) if each.kind is inspect.Parameter.VAR_KEYWORD]
    parameters.insert(places[0] if places else len(parameters), own)
    method.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    method.__name__, method.__qualname__, method.__doc__ = name, f"{pipeline_class.__qualname__}.{name}", theirs.__doc__
    return method
