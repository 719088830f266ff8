"""Stable Diffusion XL: a UNet that reads token states of any number and a pooled vector, without a mask.

Shape letters: B batch, L tokens, C conditioning width, P pooled width.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.bases.family import read_json
from hub.bases.language import Encoded, Language, LanguageMixin, check_lengths, with_language
from hub.errors import Damaged, DoesNotFit
from hub.records import Conditioning

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class StableDiffusionXL:
    """Every pipeline class whose `encode_prompt` answers (prompt, negative, pooled prompt, pooled negative)."""

    name = "stable-diffusion-xl"
    pipeline_classes = (
        "StableDiffusionXLAdapterPipeline",
        "StableDiffusionXLControlNetImg2ImgPipeline",
        "StableDiffusionXLControlNetInpaintPipeline",
        "StableDiffusionXLControlNetPAGImg2ImgPipeline",
        "StableDiffusionXLControlNetPAGPipeline",
        "StableDiffusionXLControlNetPipeline",
        "StableDiffusionXLControlNetUnionImg2ImgPipeline",
        "StableDiffusionXLControlNetUnionInpaintPipeline",
        "StableDiffusionXLControlNetUnionPipeline",
        "StableDiffusionXLControlNetXSPipeline",
        "StableDiffusionXLImg2ImgPipeline",
        "StableDiffusionXLInpaintPipeline",
        "StableDiffusionXLPAGImg2ImgPipeline",
        "StableDiffusionXLPAGInpaintPipeline",
        "StableDiffusionXLPAGPipeline",
        "StableDiffusionXLPipeline",
    )
    denoiser = "unet"

    def conditioning(self, folder: Path) -> Conditioning:
        """`cross_attention_dim` of the UNet, and the width of the second encoder's projection."""
        width = read_json(folder / "unet" / "config.json").get("cross_attention_dim")
        pooled = read_json(folder / "text_encoder_2" / "config.json").get("projection_dim")
        if not isinstance(width, int) or not isinstance(pooled, int):
            raise Damaged(f"`{folder.name}` names no width of its conditioning: {width!r}, pooled {pooled!r}.")
        return Conditioning(width=width, pooled_width=pooled)

    def with_language(self, pipeline_class: type[Any]) -> type[Any]:
        """A subclass that asks its interpreter for embeddings."""
        return with_language(StableDiffusionXLLanguage, pipeline_class)


class StableDiffusionXLLanguage(LanguageMixin):
    """`encode_prompt` of Stable Diffusion XL pipelines."""

    def encode_prompt(
        self,
        prompt: str | list[str] | None,
        prompt_2: str | list[str] | None = None,
        device: torch.device | None = None,
        num_images_per_prompt: int = 1,
        do_classifier_free_guidance: bool = True,
        negative_prompt: str | list[str] | None = None,
        negative_prompt_2: str | list[str] | None = None,
        prompt_embeds: Tensor | None = None,
        negative_prompt_embeds: Tensor | None = None,
        pooled_prompt_embeds: Tensor | None = None,
        negative_pooled_prompt_embeds: Tensor | None = None,
        lora_scale: float | None = None,
        clip_skip: int | None = None,
        language: Language = None,
    ) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None]:
        """As in diffusers: states (B·n, L, C) of prompts and negatives, then pooled (B·n, P), through the resident modules.

        Raises DoesNotFit for a `prompt_2` when a module reads the prompt: one module gives what two encoders gave.
        """
        own = super().encode_prompt  # type: ignore[misc]
        zeros = negative_prompt is None and self.config.force_zeros_for_empty_prompt  # type: ignore[attr-defined]

        def encode(texts: list[str], skip: int | None = clip_skip) -> Encoded:
            states_BLC, _, pooled_BP, _ = own(texts, None, device, 1, False, lora_scale=lora_scale, clip_skip=skip)
            return Encoded(states_BLC, pooled_BP)

        def encode_negative(texts: list[str]) -> Encoded:
            states_BLC, pooled_BP, _ = encode(texts, None)  # diffusers skips layers for prompts alone
            return (
                Encoded(states_BLC * 0, pooled_BP * 0)
                if zeros and pooled_BP is not None
                else Encoded(states_BLC, pooled_BP)
            )

        answer = None
        if prompt_embeds is None:
            answer = self._read_by_modules(
                prompt,
                negative_prompt,
                is_guided=do_classifier_free_guidance and negative_prompt_embeds is None,
                language=language,
                device=device,
                base_encode=encode,
                base_encode_negative=encode_negative,
            )
        if answer is not None:
            if prompt_2 is not None or negative_prompt_2 is not None:
                raise DoesNotFit(
                    "`prompt_2` is for the base's second encoder, and a module reads the prompt in the place of both: leave it out."
                )
            encoded, negative = answer
            prompt = negative_prompt = None
            prompt_embeds, pooled_prompt_embeds = encoded.tokens_BLC, encoded.pooled_BP
            if negative is not None:
                negative_prompt_embeds, negative_pooled_prompt_embeds = negative.tokens_BLC, negative.pooled_BP
            check_lengths(prompt_embeds, negative_prompt_embeds)
        # The base casts and repeats per picture, as it does its own embeddings.
        embeddings: tuple[Tensor, Tensor | None, Tensor, Tensor | None] = own(
            prompt,
            prompt_2,
            device,
            num_images_per_prompt,
            do_classifier_free_guidance,
            negative_prompt,
            negative_prompt_2,
            prompt_embeds=prompt_embeds,
            negative_prompt_embeds=negative_prompt_embeds,
            pooled_prompt_embeds=pooled_prompt_embeds,
            negative_pooled_prompt_embeds=negative_pooled_prompt_embeds,
            lora_scale=lora_scale,
            clip_skip=clip_skip,
        )
        return embeddings
