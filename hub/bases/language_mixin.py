"""Replace the embeddings of prompts in one place: `encode_prompt` of every family, and `language=` on a call.

Every pipeline class (text-to-image, img2img, inpainting, ControlNet) gets its embeddings from `encode_prompt`. The
arguments have the same names in all families of diffusers, so a family states only the fields that its method returns and its
peculiarities.

Shape letters: B batch, L tokens, C conditioning width, P pooled width.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from hub.bases.prompt_arguments import (
    COUNTS,
    OTHER_PROMPT,
    arguments_of,
    asks_for_negatives,
    check_lengths,
    explain_template,
    refuse_other_prompts,
    repeated_texts,
    results_per_prompt,
)
from hub.embeddings import Embeddings, field_of, further_streams, pad_list
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

    def active(self) -> list[str]:
        """Return the names of active modules."""
        ...


_PLAIN = {**dict.fromkeys(COUNTS, 1), "do_classifier_free_guidance": False, "guidance_scale": 1.0}
"""Arguments with which the base encodes texts for a mixed batch: one row each, and no negative prompts."""
_DENOISERS = ("transformer", "unet", "prior")
"""Components of which a pipeline has one."""
_FOR_PROMPTS_ALONE = ("clip_skip", "complex_human_instruction")
"""Arguments that diffusers applies to prompts, never to negative prompts."""


class LanguageMixin:
    """A mixin before a diffusers pipeline class. Without `__init__`, so that the class is constructed and saved as usual."""

    gives: ClassVar[tuple[str, ...]] = ("tokens_BLC",)
    """Fields of `Embeddings` in the order in which `encode_prompt` returns them; empty for those of negative prompts.

    `streams.0.tokens_BLC` is a field of the first further stream.
    """
    arguments: ClassVar[Mapping[str, str]] = {
        "tokens_BLC": "prompt_embeds",
        "pooled_BP": "pooled_prompt_embeds",
        "mask_BL": "prompt_attention_mask",
    }
    """Field of `Embeddings` → diffusers' argument, which has the prefix `negative_` for negative prompts.

    Empty if `encode_prompt` takes no embeddings; then `_finish` returns what it would have returned.
    """
    shares_negative: ClassVar[bool] = True
    """Whether one negative prompt can be used for all prompts of a list."""
    takes_finished: ClassVar[bool] = False
    """Whether the base uses embeddings unchanged; otherwise it casts them and repeats them per image, as its own."""
    encodes_apart: ClassVar[bool] = False
    """Whether pipelines encode negative prompts by a second call, as if they were prompts."""
    counts_padding: ClassVar[bool] = False
    """Whether every position counts as a token, because padding or a chat template is between the tokens of a prompt."""
    float_mask: ClassVar[bool] = False
    """Whether the mask has the type of the tokens, because the denoiser passes it to attention."""
    takes_lists: ClassVar[bool] = False
    """Whether embeddings are a list of tensors (L, C) without padding."""
    keeps_prompt: ClassVar[bool] = False
    """Whether the base still gets the prompt, from which it encodes the streams that a module leaves out."""
    zeros_without_negative: ClassVar[bool] = False
    """Whether the base reads zeros where no negative prompt is given, instead of an empty text."""
    with_embeddings: ClassVar[Mapping[str, Any]] = {}
    """Further arguments with which the base's `encode_prompt` takes embeddings unchanged."""
    _prompt_encoder: EncodesPrompts | None = None
    _mixin: type[LanguageMixin]
    """The family's mixin; set by `hub.bases.pipeline_class.with_language`."""

    def patch_for_modules(self) -> Patch | None:
        """Return the patch this base needs while a module is active; None if the denoiser reads a module's output unchanged."""
        return None

    def __call__(self, *arguments: Any, language: Language = None, **settings: Any) -> Any:
        """Run the pipeline as in diffusers; `language` is one for all prompts, or one for each.

        Raises DoesNotFit for a negative prompt that the pipeline does not read.
        """
        known = inspect.signature(super().__call__).parameters  # type: ignore[misc]
        if "negative_prompt" in settings and "negative_prompt" not in known:
            raise DoesNotFit(f"`{type(self).__name__}` reads no negative prompts: leave `negative_prompt` out.")
        self._check_form(settings)
        with language_context(language):
            return super().__call__(*arguments, **settings)  # type: ignore[misc]

    def encode_prompt(self, *arguments: Any, language: Language = None, **settings: Any) -> Any:
        """Encode as in diffusers; embeddings of loaded modules replace the base's own.

        Raises DoesNotFit for a second or third prompt if a module reads: it replaces all encoders of the base.
        """
        own = explain_template(super().encode_prompt, type(self).__name__)  # type: ignore[misc]
        given = arguments_of(own, arguments, settings)
        # Some pipelines write into the list of prompts, which is the caller's.
        given |= {name: list(value) for name, value in given.items() if isinstance(value, list) and "prompt" in name}
        self._check_form(given)
        tokens = self.arguments.get("tokens_BLC", "")
        if given.get(tokens) is None:
            is_guided = asks_for_negatives(given) and given.get(f"negative_{tokens}") is None
            answer = self._read_by_modules(
                given["prompt"],
                given.get("negative_prompt"),
                is_guided=is_guided,
                language=language,
                device=given.get("device"),
                base_encode=partial(self._encode_by_base, own, given),
            )
            if answer is not None:
                refuse_other_prompts(given)
                return self._finish(own, given, *answer)
        return own(**given)

    def _check_form(self, given: Mapping[str, Any]) -> None:
        """Raise DoesNotFit for a list of embeddings where the base takes one tensor, and for a tensor where it takes a list."""
        name = self.arguments.get("tokens_BLC", "")
        for each in (name, f"negative_{name}"):
            if given.get(each) is not None and isinstance(given[each], list) is not self.takes_lists:
                wanted, found = ("a list of tensors", "one tensor") if self.takes_lists else ("one tensor", "a list")
                raise DoesNotFit(
                    f"`{each}` of `{type(self).__name__}` is {wanted}, not {found}: encode prompts with `pipe.encode_prompt`."
                )

    def _finish(
        self, own: Callable[..., Any], given: Mapping[str, Any], positive: Embeddings, negative: Embeddings | None
    ) -> Any:
        """Return what `encode_prompt` returns for embeddings; the base's `own` method adds position ids and the like."""
        return own(**{**given, **self._replace_prompts(given, positive, negative)})

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

        They are on the prompt encoder's device and in its modules' types. Where a pipeline encodes negative prompts by a second
        call, that call returns the negative embeddings as if they were positive.
        """
        if self._prompt_encoder is None:
            return None
        if self.encodes_apart and (first := _first_prompts(prompt)) is not None:
            how: dict[str, Any] = {"language": language, "device": device, "base_encode": base_encode}
            answer = self._encode_by_modules(first, prompt, is_guided=True, **how)
            return None if answer is None or answer[1] is None else (answer[1], None)
        if prompt is None:
            return None
        return self._encode_by_modules(
            prompt, negative_prompt, is_guided=is_guided, language=language, device=device, base_encode=base_encode
        )

    def _encode_by_modules(
        self,
        prompt: str | list[str],
        negative_prompt: str | list[str] | None,
        *,
        is_guided: bool,
        language: Language,
        device: torch.device | None,
        base_encode: Callable[..., Embeddings],
    ) -> tuple[Embeddings, Embeddings | None] | None:
        assert self._prompt_encoder is not None
        is_masked = self._is_masked()
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
        plain = {name: value for name, value in {**_PLAIN, "batch_size": len(texts)}.items() if name in given}
        left_out = [name for name in given if OTHER_PROMPT.fullmatch(name)]
        left_out += [name for name in given if is_negative and name in _FOR_PROMPTS_ALONE]
        encoded = self.encode_all(own, {**given, **plain, **dict.fromkeys(left_out), "prompt": list(texts)})
        if is_negative and self.zeros_without_negative and given.get("negative_prompt") is None:
            return encoded.map(lambda each: each * 0)
        return encoded

    def encode_all(self, encode: Callable[..., Any], given: Mapping[str, Any]) -> Embeddings:
        """Return the embeddings of all streams by `encode`, an `encode_prompt`; some families call it once for each stream."""
        return self.encoded(encode(**given))

    @classmethod
    def encoded(cls, answer: Any) -> Embeddings:
        """Return the embeddings of the prompts, tokens (B, L, C), from what `encode_prompt` returned."""
        answers = answer if isinstance(answer, tuple) else (answer,)
        given = answers[
            : len(cls.gives)
        ]  # The remaining values belong to guidance, such as pooled negative embeddings.
        return cls.embeddings({name: each for name, each in zip(cls.gives, given, strict=True) if name})

    @classmethod
    def embeddings(cls, values: Mapping[str, Any]) -> Embeddings:
        """Return embeddings of the values that the base takes, by field: layers become channels, and lists become a mask."""
        tokens, mask_BL = values["tokens_BLC"], values.get("mask_BL")
        if isinstance(tokens, list):
            return pad_list(tokens)
        return Embeddings(tokens.flatten(2), values.get("pooled_BP"), mask_BL, further_streams(values))

    def values(self, embeddings: Embeddings) -> dict[str, Any]:
        """Return the values that the base takes, by field: the inverse of `embeddings`."""
        if self.float_mask and embeddings.mask_BL is not None:
            embeddings = embeddings._replace(mask_BL=embeddings.mask_BL.to(embeddings.tokens_BLC.dtype))
        return {name: field_of(embeddings, name) for name in self.gives if name}

    def _is_masked(self) -> bool:
        """Return whether the denoiser distinguishes tokens from padding."""
        return "mask_BL" in self.gives or self.takes_lists

    def _replace_prompts(
        self, given: Mapping[str, Any], positive: Embeddings, negative: Embeddings | None
    ) -> dict[str, Any]:
        """Return the arguments that give embeddings to the base in place of texts."""
        texts = [name for name in ("prompt", "negative_prompt") if name in given]
        changed: dict[str, Any] = dict.fromkeys(texts)
        if self.keeps_prompt:
            changed = {name: repeated_texts(given, name) for name in texts}
        if self.takes_finished:
            positive = self._repeat(given, positive)
            negative = None if negative is None else self._repeat(given, negative)
            changed |= {name: 1 for name in COUNTS if name in given}
        if "batch_size" in given:
            changed["batch_size"] = len(positive.tokens_BLC)
        changed |= self.with_embeddings
        for name, value in self.values(positive).items():
            changed[self.arguments[name]] = value
        for name, value in self.values(negative).items() if negative is not None else ():
            changed[f"negative_{self.arguments[name]}"] = value
        tokens = self.arguments["tokens_BLC"]
        check_lengths(tokens, changed[tokens], {**given, **changed}.get(f"negative_{tokens}"))
        return changed

    def _repeat(self, given: Mapping[str, Any], encoded: Embeddings) -> Embeddings:
        """Repeat each row for each image, as diffusers orders several images of a prompt; floats in the denoiser's type."""
        count = results_per_prompt(given)
        part = next(getattr(self, name) for name in _DENOISERS if getattr(self, name, None) is not None)

        def repeat(each: Tensor) -> Tensor:
            rows = each.repeat_interleave(count, dim=0)
            return rows.to(part.dtype) if rows.is_floating_point() else rows

        return encoded.map(repeat)

    def _count_tokens(self, text: str) -> int:
        """Return the number of tokens of `text` that the base's own encoder reads."""
        if self.counts_padding:
            return sys.maxsize
        tokenizer = self.tokenizer  # type: ignore[attr-defined]
        return min(len(tokenizer(text, verbose=False).input_ids), int(tokenizer.model_max_length))


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


def _first_prompts(prompt: str | list[str] | None) -> list[str] | None:
    """Return the prompts that this pipeline call encoded first, if `prompt` holds their negatives; None in the first call.

    A negative prompt of None is empty: pipelines that need one encode it, too.
    """
    encoded = ENCODED_PROMPTS.get()
    if encoded is None:
        return None
    encoded.append(None if prompt is None else [prompt] if isinstance(prompt, str) else list(prompt))
    return None if len(encoded) == 1 or encoded[0] is None else list(encoded[0])
