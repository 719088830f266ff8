"""Stable Diffusion 3 and 3.5: a transformer that reads token states of any number, without a mask, and a pooled vector.

Its own states are two CLIPs' side by side, padded to T5's width, and T5's behind them. A module gives all of them at once.

Shape letters: B batch, L tokens, C conditioning width, P pooled width.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.bases.family import read_widths
from hub.bases.language import Encoded, Language, LanguageMixin, check_lengths, repeated, with_language
from hub.errors import DoesNotFit
from hub.records import Conditioning

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class StableDiffusion3:
    """Every pipeline class whose `encode_prompt` takes three prompts and answers as Stable Diffusion XL's does."""

    name = "stable-diffusion-3"
    pipeline_classes = (
        "StableDiffusion3ControlNetInpaintingPipeline",
        "StableDiffusion3ControlNetPipeline",
        "StableDiffusion3Img2ImgPipeline",
        "StableDiffusion3InpaintPipeline",
        "StableDiffusion3PAGImg2ImgPipeline",
        "StableDiffusion3PAGPipeline",
        "StableDiffusion3Pipeline",
    )
    denoiser = "transformer"

    def conditioning(self, folder: Path) -> Conditioning:
        """`joint_attention_dim` (4096) and `pooled_projection_dim` (2048) of the transformer; it takes any length."""
        return read_widths(folder)

    def with_language(self, pipeline_class: type[Any]) -> type[Any]:
        """A subclass that asks its interpreter for embeddings."""
        return with_language(StableDiffusion3Language, pipeline_class)


class StableDiffusion3Language(LanguageMixin):
    """`encode_prompt` of Stable Diffusion 3 pipelines."""

    def _count_tokens(self, text: str) -> int:  # noqa: ARG002 - as the mixin has it
        """All of them count: states of CLIP and of T5 lie one behind the other, each with padding of its own."""
        return sys.maxsize

    def encode_prompt(
        self,
        prompt: str | list[str] | None,
        prompt_2: str | list[str] | None,
        prompt_3: str | list[str] | None,
        device: torch.device | None = None,
        num_images_per_prompt: int = 1,
        do_classifier_free_guidance: bool = True,
        negative_prompt: str | list[str] | None = None,
        negative_prompt_2: str | list[str] | None = None,
        negative_prompt_3: str | list[str] | None = None,
        prompt_embeds: Tensor | None = None,
        negative_prompt_embeds: Tensor | None = None,
        pooled_prompt_embeds: Tensor | None = None,
        negative_pooled_prompt_embeds: Tensor | None = None,
        clip_skip: int | None = None,
        max_sequence_length: int = 256,
        lora_scale: float | None = None,
        language: Language = None,
    ) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None]:
        """As in diffusers: states (B·n, L, C) of prompts and negatives, then pooled (B·n, P), through the resident modules.

        Raises DoesNotFit for a second or third prompt when a module reads: one module gives what three encoders gave.
        """
        own = super().encode_prompt  # type: ignore[misc]
        settings = {"max_sequence_length": max_sequence_length, "lora_scale": lora_scale}

        def encode(texts: list[str], skip: int | None = clip_skip) -> Encoded:
            states_BLC, _, pooled_BP, _ = own(texts, None, None, device, 1, False, clip_skip=skip, **settings)
            return Encoded(states_BLC, pooled_BP)

        answer = None
        if prompt_embeds is None:
            answer = self._read_by_modules(
                prompt,
                negative_prompt,
                is_guided=do_classifier_free_guidance and negative_prompt_embeds is None,
                language=language,
                device=device,
                base_encode=encode,
                base_encode_negative=lambda texts: encode(texts, None),  # diffusers skips layers for prompts alone
            )
        if answer is not None:
            if any(each is not None for each in (prompt_2, prompt_3, negative_prompt_2, negative_prompt_3)):
                raise DoesNotFit(
                    "`prompt_2` and `prompt_3` are for the base's other encoders, and a module reads the prompt in the place of "
                    "all: leave them out."
                )
            encoded, negative = answer
            # The base takes embeddings as they come; only its own does it cast and repeat per picture.
            dtype, count = self.transformer.dtype, num_images_per_prompt  # type: ignore[attr-defined]
            prompt, prompt_embeds = None, repeated(encoded.tokens_BLC, count, dtype)
            assert encoded.pooled_BP is not None  # the fit was checked
            pooled_prompt_embeds = repeated(encoded.pooled_BP, count, dtype)
            if negative is not None:
                assert negative.pooled_BP is not None
                negative_prompt_embeds = repeated(negative.tokens_BLC, count, dtype)
                negative_pooled_prompt_embeds = repeated(negative.pooled_BP, count, dtype)
            check_lengths(prompt_embeds, negative_prompt_embeds)
        embeddings: tuple[Tensor, Tensor | None, Tensor, Tensor | None] = own(
            prompt,
            prompt_2,
            prompt_3,
            device,
            num_images_per_prompt,
            do_classifier_free_guidance,
            negative_prompt,
            negative_prompt_2,
            negative_prompt_3,
            prompt_embeds=prompt_embeds,
            negative_prompt_embeds=negative_prompt_embeds,
            pooled_prompt_embeds=pooled_prompt_embeds,
            negative_pooled_prompt_embeds=negative_pooled_prompt_embeds,
            clip_skip=clip_skip,
            **settings,
        )
        return embeddings
