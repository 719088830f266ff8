"""AnimateDiff: a Stable Diffusion whose UNet draws several frames together. Each frame reads the same token states.

Shape letters: B batch, K latent channels, F frames, H and W of a latent, L tokens, C conditioning width, P pooled width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.bases.families.stable_diffusion import FrozenStableDiffusion, StableDiffusionLanguage
from hub.bases.family import Family, Reads

if TYPE_CHECKING:
    from torch import Tensor


class FrozenAnimateDiff(FrozenStableDiffusion):
    """Training on images: each one is a video of one frame."""

    def predict(
        self,
        noised_BKHW: Tensor,
        steps_B: Tensor,
        states_BLC: Tensor,
        pooled_BP: Tensor | None = None,
        mask_BL: Tensor | None = None,
        sizes_B6: Tensor | None = None,
    ) -> Tensor:
        """Return the denoiser's prediction, (B, K, H, W)."""
        noised_BKFHW = noised_BKHW[:, :, None]
        predicted_BKFHW = super().predict(noised_BKFHW, steps_B, states_BLC, pooled_BP, mask_BL, sizes_B6)
        return predicted_BKFHW[:, :, 0]


class AnimateDiff(Family):
    """Pipelines whose `encode_prompt` returns (prompt, negative prompt), like that of Stable Diffusion."""

    name = "animatediff"
    pipeline_classes = ("AnimateDiffPipeline", "AnimateDiffVideoToVideoPipeline")
    trained_classes = ("AnimateDiffPipeline",)
    denoiser = "unet"
    reads = Reads(width="cross_attention_dim")
    mixin = StableDiffusionLanguage
    frozen = FrozenAnimateDiff
