"""FLUX.1: a transformer that reads token states of any number, without a mask, and a pooled vector.

Its own states are T5's, its pooled vector is CLIP's. Guidance is a number that the transformer reads (dev) or nothing (schnell);
with `true_cfg_scale` above 1 negative prompts are also read, in a separate pass.

Shape letters: B batch, L tokens, C conditioning width, P pooled width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.bases.family import Family, Reads
from hub.bases.flow import FrozenFlow
from hub.bases.language_mixin import LanguageMixin
from hub.embeddings import Embeddings

if TYPE_CHECKING:
    from torch import Tensor


class FluxLanguage(LanguageMixin):
    """A mixin for pipelines that encode prompts, then negative prompts, in separate calls."""

    gives = ("tokens_BLC", "pooled_BP")
    takes_finished = True
    encodes_apart = True

    def _count_tokens(self, text: str) -> int:
        """Return the number of tokens for T5, whose states the denoiser reads."""
        tokenizer = self.tokenizer_2  # type: ignore[attr-defined]
        return len(tokenizer(text, truncation=True, max_length=tokenizer.model_max_length).input_ids)


class FrozenFlux(FrozenFlow):
    """T5 and CLIP's pooled vector → transformer, which reads latents as tokens of 2 × 2 pixels, with the positions of all tokens."""

    block_lists = ("transformer_blocks", "single_transformer_blocks")

    def _denoise(self, noisy_BKHW: Tensor, time_B: Tensor, given: Embeddings) -> Tensor:
        count, _, height, width = noisy_BKHW.shape
        pipe, scale = self._pipeline, int(self._pipeline.vae_scale_factor)
        positions = pipe._prepare_latent_image_ids(count, height // 2, width // 2, self.device, noisy_BKHW.dtype)
        answer = self.denoiser(
            pipe._pack_latents(noisy_BKHW, *noisy_BKHW.shape),
            timestep=time_B,
            encoder_hidden_states=given.tokens_BLC,
            img_ids=positions,
            **self._conditions(given),
        ).sample
        noise_BKHW: Tensor = pipe._unpack_latents(answer, height * scale, width * scale, scale)
        return noise_BKHW

    def _conditions(self, given: Embeddings) -> dict[str, Any]:
        """Return positions of the text, the pooled vector, and the guidance of the pipeline's default, if it is read."""
        tokens_BLC, pooled_BP = given[:2]
        _, _, positions = self._pipeline.encode_prompt(
            None, prompt_embeds=tokens_BLC, pooled_prompt_embeds=pooled_BP, device=self.device
        )
        guidance = None
        if self.denoiser.config.guidance_embeds:
            guidance = tokens_BLC.new_full((len(tokens_BLC),), float(self._defaults["guidance_scale"]))
        return {"txt_ids": positions, "pooled_projections": pooled_BP, "guidance": guidance}


class Flux(Family):
    """Pipelines whose `encode_prompt` returns (prompt, pooled, text ids), called for prompts and again for negative prompts."""

    name = "flux"
    pipeline_classes = (
        "FluxControlImg2ImgPipeline",
        "FluxControlInpaintPipeline",
        "FluxControlNetImg2ImgPipeline",
        "FluxControlNetInpaintPipeline",
        "FluxControlNetPipeline",
        "FluxControlPipeline",
        "FluxFillPipeline",
        "FluxImg2ImgPipeline",
        "FluxInpaintPipeline",
        "FluxKontextInpaintPipeline",
        "FluxKontextPipeline",
        "FluxPipeline",
    )
    trained_classes = ("FluxPipeline",)
    reads = Reads(width="joint_attention_dim", pooled="pooled_projection_dim")
    mixin = FluxLanguage
    frozen = FrozenFlux
