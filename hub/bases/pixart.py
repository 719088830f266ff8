"""PixArt-α and Σ: a transformer that reads token states with a mask, behind its caption projection.

Modules give what stands behind that projection (MuLan's published adapter replaces it), so the width is the transformer's.

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

    from hub.loader.changes import Change


class PixArt:
    """Every pipeline class whose `encode_prompt` answers (prompt, its mask, negative prompt, its mask) in T5's width."""

    name = "pixart"
    pipeline_classes = ("PixArtAlphaPipeline", "PixArtSigmaPipeline", "PixArtSigmaPAGPipeline")
    denoiser = "transformer"

    def conditioning(self, folder: Path) -> Conditioning:
        """Heads times their width; cross-attention takes any length and is told which tokens count."""
        config = read_json(folder / "transformer" / "config.json")
        heads, width = config.get("num_attention_heads"), config.get("attention_head_dim")
        if not isinstance(heads, int) or not isinstance(width, int):
            raise Damaged(f"the transformer of `{folder.name}` names no width: {heads!r} heads of {width!r}.")
        return Conditioning(width=heads * width, mask=True)

    def with_language(self, pipeline_class: type[Any]) -> type[Any]:
        """A subclass that asks its interpreter for embeddings."""
        return with_language(PixArtLanguage, pipeline_class)


class PixArtLanguage(LanguageMixin):
    """`encode_prompt` of PixArt pipelines."""

    def change_for_modules(self) -> Change | None:
        """The caption projection passes on what modules give; None for a transformer trained without a projection."""
        from hub.bases.caption_place import CaptionPlace

        transformer: Any = self.transformer  # type: ignore[attr-defined]
        return None if transformer.caption_projection is None else CaptionPlace(transformer)

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
        max_sequence_length: int | None = None,
        language: Language = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """As in diffusers: states (B·n, L, C) and mask (B·n, L) of prompts, then of negative prompts or None.

        What a module read has the transformer's width; when the base reads every prompt, states have T5's, as ever.
        """
        own = super().encode_prompt  # type: ignore[misc]
        settings = {"clean_caption": clean_caption, **kwargs}
        if max_sequence_length is not None:  # α's own is 120, Σ's 300
            settings["max_sequence_length"] = max_sequence_length

        def encode(texts: list[str]) -> Encoded:
            states_BLT, mask_BL, _, _ = own(texts, False, device=device, **settings)
            return Encoded(self._projected(states_BLT), mask_BL=mask_BL)

        answer = None
        if prompt_embeds is None:
            answer = self._read_by_modules(
                prompt,
                negative_prompt,
                is_guided=do_classifier_free_guidance and negative_prompt_embeds is None,
                language=language,
                device=device,
                base_encode=encode,
                is_masked=True,
            )
        if answer is not None:
            encoded, negative = answer
            prompt, prompt_embeds, prompt_attention_mask = None, encoded.tokens_BLC, encoded.mask_BL
            if negative is not None:
                negative_prompt_embeds, negative_prompt_attention_mask = negative.tokens_BLC, negative.mask_BL
            check_lengths(prompt_embeds, negative_prompt_embeds)
        # The base casts and repeats per picture, as it does its own embeddings.
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

    def _projected(self, states_BLT: Tensor) -> Tensor:
        """T5's states as a module's would be; as they are while the projection stands where it always did."""
        from hub.bases.caption_place import PassingProjection

        projection = self.transformer.caption_projection  # type: ignore[attr-defined]
        if not isinstance(projection, PassingProjection):
            return states_BLT
        weight = projection.linear_1.weight  # an encoder may work in another type than the transformer
        projected: Tensor = projection(states_BLT.to(weight.dtype))
        return projected
