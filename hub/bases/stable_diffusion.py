"""Stable Diffusion 1.x and 2.x: a UNet that reads token states of one width, any number of them, without a mask.

Shape letters: B batch, L tokens, C conditioning width.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.bases.family import read_json
from hub.bases.language import Encoded, Language, LanguageMixin, check_lengths, with_language
from hub.errors import Damaged
from hub.records import Conditioning

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class StableDiffusion:
    """Every pipeline class whose `encode_prompt` answers (prompt, negative prompt)."""

    name = "stable-diffusion"
    pipeline_classes: tuple[str, ...] = (
        "LatentConsistencyModelImg2ImgPipeline",
        "LatentConsistencyModelPipeline",
        "StableDiffusionAdapterPipeline",
        "StableDiffusionAttendAndExcitePipeline",
        "StableDiffusionControlNetImg2ImgPipeline",
        "StableDiffusionControlNetInpaintPipeline",
        "StableDiffusionControlNetPAGInpaintPipeline",
        "StableDiffusionControlNetPAGPipeline",
        "StableDiffusionControlNetPipeline",
        "StableDiffusionControlNetXSPipeline",
        "StableDiffusionDepth2ImgPipeline",
        "StableDiffusionDiffEditPipeline",
        "StableDiffusionGLIGENPipeline",
        "StableDiffusionGLIGENTextImagePipeline",
        "StableDiffusionImg2ImgPipeline",
        "StableDiffusionInpaintPipeline",
        "StableDiffusionLDM3DPipeline",
        "StableDiffusionPAGImg2ImgPipeline",
        "StableDiffusionPAGInpaintPipeline",
        "StableDiffusionPAGPipeline",
        "StableDiffusionPanoramaPipeline",
        "StableDiffusionPipeline",
        "StableDiffusionSAGPipeline",
        "StableDiffusionUpscalePipeline",
    )
    denoiser = "unet"

    def conditioning(self, folder: Path) -> Conditioning:
        """`cross_attention_dim` of the UNet; cross-attention itself takes any length."""
        width = read_json(folder / "unet" / "config.json").get("cross_attention_dim")
        if not isinstance(width, int):
            raise Damaged(f"the UNet of `{folder.name}` names no single `cross_attention_dim`, but {width!r}.")
        return Conditioning(width=width)

    def with_language(self, pipeline_class: type[Any]) -> type[Any]:
        """A subclass that asks its interpreter for embeddings."""
        return with_language(StableDiffusionLanguage, pipeline_class)


class StableDiffusionLanguage(LanguageMixin):
    """`encode_prompt` of Stable Diffusion pipelines."""

    def encode_prompt(
        self,
        prompt: str | list[str] | None,
        device: torch.device,
        num_images_per_prompt: int,
        do_classifier_free_guidance: bool,
        negative_prompt: str | list[str] | None = None,
        prompt_embeds: Tensor | None = None,
        negative_prompt_embeds: Tensor | None = None,
        lora_scale: float | None = None,
        clip_skip: int | None = None,
        language: Language = None,
    ) -> tuple[Tensor, Tensor | None]:
        """As in diffusers: (prompts (B·n, L, C), negative prompts alike or None), through the resident modules."""
        own = super().encode_prompt  # type: ignore[misc]
        answer = None
        if prompt_embeds is None:
            answer = self._read_by_modules(
                prompt,
                negative_prompt,
                is_guided=do_classifier_free_guidance and negative_prompt_embeds is None,
                language=language,
                device=device,
                base_encode=lambda texts: Encoded(
                    own(texts, device, 1, False, lora_scale=lora_scale, clip_skip=clip_skip)[0]
                ),
                # diffusers skips layers for prompts alone.
                base_encode_negative=lambda texts: Encoded(own(texts, device, 1, False, lora_scale=lora_scale)[0]),
                is_shared=False,
            )
        if answer is not None:
            encoded, negative = answer
            prompt, negative_prompt, prompt_embeds = None, None, encoded.tokens_BLC
            negative_prompt_embeds = negative.tokens_BLC if negative is not None else negative_prompt_embeds
            check_lengths(prompt_embeds, negative_prompt_embeds)
        # The base casts, repeats per picture and scales LoRAs, as it does its own embeddings.
        embeddings: tuple[Tensor, Tensor | None] = own(
            prompt,
            device,
            num_images_per_prompt,
            do_classifier_free_guidance,
            negative_prompt,
            prompt_embeds=prompt_embeds,
            negative_prompt_embeds=negative_prompt_embeds,
            lora_scale=lora_scale,
            clip_skip=clip_skip,
        )
        return embeddings
