"""Stable Diffusion 3 and 3.5: a transformer that reads token states of any number, without a mask, and a pooled vector.

Its own states are two CLIPs' side by side, padded to T5's width, followed by T5's. A module replaces all of them.

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


class StableDiffusion3Language(LanguageMixin):
    """Stable Diffusion 3's mixin: three encoders' states and two pooled vectors as one."""

    gives = ("tokens_BLC", "", "pooled_BP")
    takes_finished = True
    counts_padding = True
    """States of CLIP and T5 follow each other, each with its own padding."""


class FrozenStableDiffusion3(FrozenFlow):
    """CLIP ×2 | T5 → transformer; noise levels are logit-normal, as in the paper and in diffusers' training script.

    T5 may be missing, which saves most of the memory. diffusers then fills its tokens with zeros, and training leaves them out.
    """

    density = "logit_normal"

    @property
    def length(self) -> int:
        """Return the tokens of CLIP and of T5."""
        return int(self._pipeline.tokenizer_max_length) + int(self._defaults["max_sequence_length"])

    @property
    def _defaults(self) -> dict[str, Any]:
        """Return the defaults of a call of the pipeline, with no tokens of a T5 that is missing."""
        defaults = super()._defaults
        return defaults if self._pipeline.text_encoder_3 is not None else defaults | {"max_sequence_length": 0}

    def _time(self, steps_B: Tensor) -> Tensor:
        """Return the timesteps: this transformer reads 0…1000."""
        return steps_B

    def _denoise(self, noisy_BKHW: Tensor, time_B: Tensor, given: Embeddings) -> Tensor:
        answer: Tensor = self.denoiser(
            noisy_BKHW, timestep=time_B, encoder_hidden_states=given.tokens_BLC, pooled_projections=given.pooled_BP
        ).sample
        return answer


class StableDiffusion3(Family):
    """Pipelines whose `encode_prompt` takes three prompts and returns what Stable Diffusion XL's does."""

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
    trained_classes = ("StableDiffusion3Pipeline",)
    reads = Reads(width="joint_attention_dim", pooled="pooled_projection_dim")
    mixin = StableDiffusion3Language
    frozen = FrozenStableDiffusion3
