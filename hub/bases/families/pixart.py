"""PixArt-α and Σ: a transformer that reads token states with a mask, after its caption projection.

Modules return states as they are after that projection (MuLan's published adapter replaces it), so the width is the transformer's.

Shape letters: B batch, L tokens, C conditioning width.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.bases.family import Family, read_json
from hub.bases.frozen import FrozenBase
from hub.bases.language_mixin import LanguageMixin
from hub.conditioning import Conditioning
from hub.embeddings import Embeddings
from hub.errors import DamagedFile

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from hub.bases.patch import Patch


class PixArtLanguage(LanguageMixin):
    """PixArt's mixin. States of modules have the width of the transformer; if the base reads every prompt, states have T5's width."""

    gives = ("tokens_BLC", "mask_BL")

    def patch_for_modules(self) -> Patch | None:
        """Make the caption projection pass modules' states on; None for a transformer without a projection."""
        from hub.bases.families.pixart_projection import CaptionProjectionSwap

        transformer: Any = self.transformer  # type: ignore[attr-defined]
        return None if transformer.caption_projection is None else CaptionProjectionSwap(transformer)

    def _encode_by_base(
        self, own: Callable[..., Any], given: Mapping[str, Any], texts: list[str], *, is_negative: bool = False
    ) -> Embeddings:
        encoded = super()._encode_by_base(own, given, texts, is_negative=is_negative)
        return encoded._replace(tokens_BLC=self._projected(encoded.tokens_BLC))

    def _projected(self, states_BLT: Tensor) -> Tensor:
        """Return T5's states projected like a module's, or unchanged while the original projection is in place."""
        from hub.bases.families.pixart_projection import PassingProjection

        projection = self.transformer.caption_projection  # type: ignore[attr-defined]
        if not isinstance(projection, PassingProjection):
            return states_BLT
        # Outside of the transformer's own call, so its type may differ from the encoder's, and while it is offloaded, its device.
        weight, here = projection.linear_1.weight, states_BLT.device
        place = here if weight.is_meta else weight.device  # `meta` is offloaded by layers, which fetch their weights
        projected: Tensor = projection(states_BLT.to(place, weight.dtype))
        return projected.to(here)


class FrozenPixArt(FrozenBase):
    """T5 → caption projection → transformer; the base's states are projected once, before they are cached."""

    has_cross_attention = True
    takes_any_shape = True

    def __init__(self, family: Family, pipeline: Any, conditioning: Conditioning, device: torch.device) -> None:
        super().__init__(family, pipeline, conditioning, device)
        self._projection: nn.Module = self.denoiser.caption_projection
        self.denoiser.caption_projection = None  # diffusers' transformer then reads states unchanged

    def whole(self, denoiser: nn.Module) -> nn.Module:
        """Return a copy with the caption projection of the base, which modules' states do not pass."""
        complete = copy.deepcopy(denoiser)
        complete.caption_projection = self._projection
        return complete

    @property
    def length(self) -> int:
        """Return 120 tokens for α and 300 for Σ: the default of the pipeline's `encode_prompt`."""
        return int(inspect.signature(self._pipeline.encode_prompt).parameters["max_sequence_length"].default)

    def _read(self, texts: list[str]) -> Embeddings:
        """Return projected states (B, L, C) and mask (B, L)."""
        states_BLT, _, mask_BL, _ = super()._read(texts)
        assert mask_BL is not None
        return Embeddings(self._projection(states_BLT), mask_BL=mask_BL.bool())

    def conditions(
        self,
        states_BLC: Tensor,
        pooled_BP: Tensor | None,  # noqa: ARG002 - all families share one signature
        mask_BL: Tensor | None,
        sizes_B6: Tensor | None = None,
    ) -> dict[str, Any]:
        """Return the mask (B, L), and for the largest transformers the original's size (B, 2) and the crop's height / width (B, 1)."""
        sizes: dict[str, Tensor | None] = {"resolution": None, "aspect_ratio": None}
        if self.denoiser.use_additional_conditions:
            sizes_B6 = states_BLC.new_full((len(states_BLC), 6), float(self.side)) if sizes_B6 is None else sizes_B6
            sizes["resolution"] = sizes_B6[:, :2]
            sizes["aspect_ratio"] = sizes_B6[:, 4:5] / sizes_B6[:, 5:]
        return {"added_cond_kwargs": sizes, "encoder_attention_mask": mask_BL}


class PixArt(Family):
    """Pipelines whose `encode_prompt` returns (prompt, its mask, negative prompt, its mask) in T5's width."""

    name = "pixart"
    pipeline_classes = ("PixArtAlphaPipeline", "PixArtSigmaPipeline", "PixArtSigmaPAGPipeline")
    trained_classes = ("PixArtAlphaPipeline", "PixArtSigmaPipeline")
    denoiser = "transformer"
    mixin = PixArtLanguage
    frozen = FrozenPixArt

    def conditioning(self, folder: Path) -> Conditioning:
        """Return heads times their width; any length, with a mask. Raises DamagedFile."""
        config = read_json(folder / "transformer" / "config.json")
        heads, width = config.get("num_attention_heads"), config.get("attention_head_dim")
        if not isinstance(heads, int) or not isinstance(width, int):
            raise DamagedFile(f"the transformer config of `{folder.name}` lacks a width: {heads!r} heads of {width!r}.")
        return Conditioning(width=heads * width, mask=True)
