"""FLUX.1: a transformer that reads token states of any number, without a mask, and a pooled vector.

Its own states are T5's, its pooled vector is CLIP's. Guidance is a number the transformer reads (dev) or nothing (schnell); with
`true_cfg_scale` above 1 negative prompts are read, too, in a pass of their own.

Shape letters: B batch, L tokens, C conditioning width, P pooled width.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.bases.family import read_widths
from hub.bases.language import Encoded, Language, LanguageMixin, prompts_asked, repeated, with_language
from hub.errors import DoesNotFit
from hub.records import Conditioning

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Flux:
    """Every pipeline class whose `encode_prompt` answers (prompt, pooled, text ids), once for prompts and once for negatives."""

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

    def conditioning(self, folder: Path) -> Conditioning:
        """`joint_attention_dim` (4096) and `pooled_projection_dim` (768) of the transformer; it takes any length."""
        return read_widths(folder)

    def with_language(self, pipeline_class: type[Any]) -> type[Any]:
        """A subclass that asks its interpreter for embeddings."""
        return with_language(FluxLanguage, pipeline_class)


class FluxLanguage(LanguageMixin):
    """`encode_prompt` of FLUX pipelines."""

    def _count_tokens(self, text: str) -> int:
        """As many as T5 reads, whose states the denoiser is given."""
        tokenizer = self.tokenizer_2  # type: ignore[attr-defined]
        return len(tokenizer(text, truncation=True, max_length=tokenizer.model_max_length).input_ids)

    def encode_prompt(
        self,
        prompt: str | list[str] | None,
        prompt_2: str | list[str] | None = None,
        device: torch.device | None = None,
        num_images_per_prompt: int = 1,
        prompt_embeds: Tensor | None = None,
        pooled_prompt_embeds: Tensor | None = None,
        max_sequence_length: int = 512,
        lora_scale: float | None = None,
        language: Language = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As in diffusers: states (B·n, L, C), pooled (B·n, P), text ids (L, 3), through the resident modules.

        A pipeline's call asks for its prompts, then for its negative prompts: those go the way of their prompts. Raises
        DoesNotFit for a `prompt_2` when a module reads: one module gives what two encoders gave.
        """
        own = super().encode_prompt  # type: ignore[misc]
        settings = {"max_sequence_length": max_sequence_length, "lora_scale": lora_scale}

        def encode(texts: list[str]) -> Encoded:
            states_BLC, pooled_BP, _ = own(texts, None, device, 1, **settings)
            return Encoded(states_BLC, pooled_BP)

        positive = _earlier(prompt)
        answer = None
        if prompt_embeds is None:
            answer = self._read_by_modules(
                prompt if positive is None else positive,
                prompt if positive is not None else None,
                is_guided=positive is not None,
                language=language,
                device=device,
                base_encode=encode,
            )
        if answer is not None:
            if prompt_2 is not None:
                raise DoesNotFit(
                    "`prompt_2` is for the base's second encoder, and a module reads the prompt in the place of both: leave it out."
                )
            encoded = answer[0] if answer[1] is None else answer[1]
            # The base takes embeddings as they come; only its own does it cast and repeat per picture.
            dtype = self.transformer.dtype  # type: ignore[attr-defined]
            assert encoded.pooled_BP is not None  # the fit was checked
            prompt, prompt_embeds = None, repeated(encoded.tokens_BLC, num_images_per_prompt, dtype)
            pooled_prompt_embeds = repeated(encoded.pooled_BP, num_images_per_prompt, dtype)
        embeddings: tuple[Tensor, Tensor, Tensor] = own(
            prompt,
            prompt_2,
            device,
            num_images_per_prompt,
            prompt_embeds=prompt_embeds,
            pooled_prompt_embeds=pooled_prompt_embeds,
            **settings,
        )
        return embeddings


def _earlier(prompt: str | list[str] | None) -> list[str] | None:
    """The prompts whose negatives `prompt` are: those this pipeline call asked for before; None when it asks for the first time."""
    asked = prompts_asked()
    if asked is None:
        return None
    asked.append(None if prompt is None else [prompt] if isinstance(prompt, str) else list(prompt))
    return None if len(asked) == 1 or asked[0] is None or prompt is None else list(asked[0])
