"""FLUX.1: a transformer that reads token states of any number, without a mask, and a pooled vector.

Its own states are T5's, its pooled vector is CLIP's. Guidance is a number that the transformer reads (dev) or nothing (schnell);
with `true_cfg_scale` above 1 negative prompts are also read, in a separate pass.

Shape letters: B batch, L tokens, C conditioning width, P pooled width.
"""

from __future__ import annotations

from hub.bases.family import Family, Reads
from hub.bases.language_mixin import LanguageMixin


class FluxLanguage(LanguageMixin):
    """A mixin for pipelines that encode prompts, then negative prompts, in separate calls."""

    gives = ("tokens_BLC", "pooled_BP")
    takes_finished = True
    encodes_apart = True

    def _count_tokens(self, text: str) -> int:
        """Return the number of tokens for T5, whose states the denoiser reads."""
        tokenizer = self.tokenizer_2  # type: ignore[attr-defined]
        return len(tokenizer(text, truncation=True, max_length=tokenizer.model_max_length).input_ids)


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
    reads = Reads(width="joint_attention_dim", pooled="pooled_projection_dim")
    mixin = FluxLanguage
