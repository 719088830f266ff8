"""FLUX.1: a transformer that reads token states of any number, without a mask, and a pooled vector.

Its own states are T5's, its pooled vector is CLIP's. Guidance is a number that the transformer reads (dev) or nothing (schnell);
with `true_cfg_scale` above 1 negative prompts are also read, in a separate pass.

Shape letters: B batch, L tokens, C conditioning width, P pooled width.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.bases.family import Family, read_widths
from hub.bases.language_mixin import ENCODED_PROMPTS, Language, LanguageMixin
from hub.embeddings import Embeddings
from hub.records import Conditioning

if TYPE_CHECKING:
    import torch


class FluxLanguage(LanguageMixin):
    """A mixin for pipelines that encode prompts, then negative prompts, in separate calls."""

    gives = ("tokens_BLC", "pooled_BP")
    takes_finished = True

    def _count_tokens(self, text: str) -> int:
        """Return the number of tokens for T5, whose states the denoiser reads."""
        tokenizer = self.tokenizer_2  # type: ignore[attr-defined]
        return len(tokenizer(text, truncation=True, max_length=tokenizer.model_max_length).input_ids)

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
        """Return the negative embeddings for negative prompts, where diffusers expects positive ones."""
        how: dict[str, Any] = {"language": language, "device": device, "base_encode": base_encode}
        positive = _first_prompts(prompt)
        if positive is None:
            return super()._read_by_modules(prompt, negative_prompt, is_guided=is_guided, **how)
        answer = super()._read_by_modules(positive, prompt, is_guided=True, **how)
        return (answer[1], None) if answer is not None and answer[1] is not None else None


def _first_prompts(prompt: str | list[str] | None) -> list[str] | None:
    """Return the prompts that this pipeline call encoded first, if `prompt` holds their negatives; None in the first call."""
    encoded = ENCODED_PROMPTS.get()
    if encoded is None:
        return None
    encoded.append(None if prompt is None else [prompt] if isinstance(prompt, str) else list(prompt))
    return None if len(encoded) == 1 or encoded[0] is None or prompt is None else list(encoded[0])


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
    denoiser = "transformer"
    mixin = FluxLanguage

    def conditioning(self, folder: Path) -> Conditioning:
        """Return `joint_attention_dim` (4096) and `pooled_projection_dim` (768) of the transformer; any length."""
        return read_widths(folder)
