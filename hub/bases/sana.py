"""Sana: a transformer that reads token states with a mask, through its caption projection.

Its own states are Gemma's. Modules give states of Gemma's width, in front of the projection and its norm, which stay: no
published module takes their place.

Shape letters: B batch, L tokens, C conditioning width.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.bases.family import read_json
from hub.bases.language import Encoded, Language, LanguageMixin, check_lengths, repeated, with_language
from hub.errors import Damaged
from hub.records import Conditioning

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Sana:
    """Every pipeline class whose `encode_prompt` answers (prompt, its mask, negative prompt, its mask), or the first two."""

    name = "sana"
    pipeline_classes = ("SanaControlNetPipeline", "SanaPipeline", "SanaSprintImg2ImgPipeline", "SanaSprintPipeline")
    denoiser = "transformer"

    def conditioning(self, folder: Path) -> Conditioning:
        """`caption_channels` of the transformer (2304); it takes any length and is told which tokens count."""
        width = read_json(folder / "transformer" / "config.json").get("caption_channels")
        if not isinstance(width, int):
            raise Damaged(f"the transformer of `{folder.name}` names no `caption_channels`, but {width!r}.")
        return Conditioning(width=width, mask=True)

    def with_language(self, pipeline_class: type[Any]) -> type[Any]:
        """A subclass that asks its interpreter for embeddings. Sprint has no guidance, so its `encode_prompt` is another."""
        guided = "negative_prompt" in inspect.signature(pipeline_class.encode_prompt).parameters
        return with_language(SanaLanguage if guided else SanaSprintLanguage, pipeline_class)


class SanaLanguage(LanguageMixin):
    """`encode_prompt` of Sana pipelines."""

    def encode_prompt(
        self,
        prompt: str | list[str] | None,
        do_classifier_free_guidance: bool = True,
        negative_prompt: str | list[str] = "",
        num_images_per_prompt: int = 1,
        device: torch.device | None = None,
        prompt_embeds: Tensor | None = None,
        negative_prompt_embeds: Tensor | None = None,
        prompt_attention_mask: Tensor | None = None,
        negative_prompt_attention_mask: Tensor | None = None,
        clean_caption: bool = False,
        max_sequence_length: int = 300,
        complex_human_instruction: list[str] | None = None,
        lora_scale: float | None = None,
        language: Language = None,
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """As in diffusers: states (B·n, L, C) and mask (B·n, L) of prompts, then of negative prompts or None.

        The instruction is for the base's own encoder: a module reads the prompt alone.
        """
        own = super().encode_prompt  # type: ignore[misc]
        settings = {
            "clean_caption": clean_caption,
            "max_sequence_length": max_sequence_length,
            "complex_human_instruction": complex_human_instruction,
            "lora_scale": lora_scale,
        }

        def encode(texts: list[str], instruction: list[str] | None = complex_human_instruction) -> Encoded:
            said = settings | {"complex_human_instruction": instruction}
            states_BLC, mask_BL, _, _ = own(texts, False, device=device, **said)
            return Encoded(states_BLC, mask_BL=mask_BL)

        answer = None
        if prompt_embeds is None:
            answer = self._read_by_modules(
                prompt,
                negative_prompt,
                is_guided=do_classifier_free_guidance and negative_prompt_embeds is None,
                language=language,
                device=device,
                base_encode=encode,
                base_encode_negative=lambda texts: encode(texts, None),  # diffusers instructs for prompts alone
                is_masked=True,
            )
        if answer is not None:
            encoded, negative = answer
            dtype, count = self.transformer.dtype, num_images_per_prompt  # type: ignore[attr-defined]
            prompt, prompt_embeds, prompt_attention_mask = None, *_rows(encoded, count, dtype)
            if negative is not None:
                negative_prompt_embeds, negative_prompt_attention_mask = _rows(negative, count, dtype)
            check_lengths(prompt_embeds, negative_prompt_embeds)
            # Not by the base: it puts the masks of several pictures in another order than their states.
            num_images_per_prompt = 1
        embeddings: tuple[Tensor, Tensor, Tensor | None, Tensor | None] = own(
            prompt,
            do_classifier_free_guidance,
            negative_prompt,
            num_images_per_prompt,
            device,
            prompt_embeds,
            negative_prompt_embeds,
            prompt_attention_mask,
            negative_prompt_attention_mask,
            **settings,
        )
        return embeddings


class SanaSprintLanguage(LanguageMixin):
    """`encode_prompt` of Sana Sprint pipelines, which read no negative prompts."""

    def encode_prompt(
        self,
        prompt: str | list[str] | None,
        num_images_per_prompt: int = 1,
        device: torch.device | None = None,
        prompt_embeds: Tensor | None = None,
        prompt_attention_mask: Tensor | None = None,
        clean_caption: bool = False,
        max_sequence_length: int = 300,
        complex_human_instruction: list[str] | None = None,
        lora_scale: float | None = None,
        language: Language = None,
    ) -> tuple[Tensor, Tensor]:
        """As in diffusers: states (B·n, L, C) and mask (B·n, L) of prompts."""
        own = super().encode_prompt  # type: ignore[misc]
        settings = {
            "clean_caption": clean_caption,
            "max_sequence_length": max_sequence_length,
            "complex_human_instruction": complex_human_instruction,
            "lora_scale": lora_scale,
        }

        def encode(texts: list[str]) -> Encoded:
            states_BLC, mask_BL = own(texts, device=device, **settings)
            return Encoded(states_BLC, mask_BL=mask_BL)

        answer = None
        if prompt_embeds is None:
            answer = self._read_by_modules(
                prompt, None, is_guided=False, language=language, device=device, base_encode=encode, is_masked=True
            )
        if answer is not None:
            dtype: torch.dtype = self.transformer.dtype  # type: ignore[attr-defined]
            return _rows(answer[0], num_images_per_prompt, dtype)
        embeddings: tuple[Tensor, Tensor] = own(
            prompt, num_images_per_prompt, device, prompt_embeds, prompt_attention_mask, **settings
        )
        return embeddings


def _rows(encoded: Encoded, count: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """States and mask, each row `count` times."""
    assert encoded.mask_BL is not None  # the interpreter gives one where the denoiser reads one
    return repeated(encoded.tokens_BLC, count, dtype), repeated(encoded.mask_BL, count)
