"""A frozen base taken apart for training: it says texts, pictures and predictions as its pipeline would.

Shape letters: B batch, L tokens, C conditioning width, H and W of a latent, K its channels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler, StableDiffusionPipeline
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor

from hub.errors import DoesNotFit


class FrozenBase:
    """Text encoder, autoencoder, denoiser and noise schedule of a Stable Diffusion 1.x or 2.x; none of them learns."""

    def __init__(self, pipeline: StableDiffusionPipeline, device: torch.device) -> None:
        parts: Any = pipeline
        self.device = device
        self._tokenizer = parts.tokenizer
        self._text_encoder = parts.text_encoder.to(device).eval().requires_grad_(False)
        self._vae = parts.vae.to(device).eval().requires_grad_(False)
        self.unet = parts.unet.to(device).eval().requires_grad_(False)
        self.schedule = DDPMScheduler.from_config(parts.scheduler.config)
        if device.type == "cpu":
            # The backward pass of fused attention is slow on CPUs for short sequences: 0.84 s a step against 0.58 s.
            self.unet.set_attn_processor(AttnProcessor())

    @classmethod
    def open(cls, folder: Path, device: torch.device) -> FrozenBase:
        """Read a pipeline's folder. DoesNotFit when it is of another family."""
        name = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))["_class_name"]
        if name != "StableDiffusionPipeline":
            raise DoesNotFit(f"training knows bases of class StableDiffusionPipeline, and `{folder.name}` is a {name}.")
        return cls(StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32), device)

    @property
    def width(self) -> int:
        """C."""
        return int(self._text_encoder.config.hidden_size)

    @property
    def pooled_width(self) -> int | None:
        """Of the vector read beside token states; None where there is none."""
        return None

    @property
    def length(self) -> int:
        """Tokens of a text state."""
        return int(self._tokenizer.model_max_length)

    @property
    def end_id(self) -> int:
        """Of the token after a text's last, whose state stands for the whole text."""
        return int(self._tokenizer.eos_token_id)

    @property
    def steps(self) -> int:
        """Number of noise levels."""
        return int(self.schedule.config.num_train_timesteps)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(K, H, W)."""
        side = int(self.unet.config.sample_size)
        return int(self.unet.config.in_channels), side, side

    @property
    def text_encoder(self) -> Any:
        """The base's own; frozen, so a method that trains it copies it."""
        return self._text_encoder

    def tokenize(self, texts: Sequence[str], length: int | None = None) -> Tensor:
        """What the base's own tokenizer makes of texts in any language, (B, L), on the CPU; the rest is cut.

        L is `length`, or as many as the base reads.
        """
        tokens = self._tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=length or self.length, return_tensors="pt"
        )
        ids_BL: Tensor = tokens.input_ids
        return ids_BL

    @torch.no_grad()
    def text_states(self, texts: Sequence[str]) -> Tensor:
        """What the denoiser reads of English texts, (B, L, C)."""
        states: Tensor = self._text_encoder(self.tokenize(texts).to(self.device)).last_hidden_state
        return states

    @torch.no_grad()
    def latents(self, pictures_B3HW: Tensor) -> Tensor:
        """Mean latents of uint8 pictures, (B, K, H, W)."""
        pixels = pictures_B3HW.to(self.device).float() / 127.5 - 1
        mean: Tensor = self._vae.encode(pixels).latent_dist.mean
        return mean * float(self._vae.config.scaling_factor)

    def noised(self, latents_BKHW: Tensor, noise_BKHW: Tensor, steps_B: Tensor) -> Tensor:
        """Latents as they are at noise levels `steps_B`."""
        noised: Tensor = self.schedule.add_noise(latents_BKHW, noise_BKHW, steps_B)
        return noised

    def target(self, latents_BKHW: Tensor, noise_BKHW: Tensor, steps_B: Tensor) -> Tensor:
        """What the denoiser was trained to say: noise, latents or velocity, as its schedule tells."""
        match self.schedule.config.prediction_type:
            case "epsilon":
                return noise_BKHW
            case "sample":
                return latents_BKHW
            case "v_prediction":
                velocity: Tensor = self.schedule.get_velocity(latents_BKHW, noise_BKHW, steps_B)
                return velocity
            case other:
                raise DoesNotFit(f"the base predicts `{other}`; training knows epsilon, sample and v_prediction.")

    def predict(self, noised_BKHW: Tensor, steps_B: Tensor, states_BLC: Tensor) -> Tensor:
        """The denoiser's answer; gradients reach `states_BLC` alone."""
        answer: Tensor = self.unet(noised_BKHW, steps_B, encoder_hidden_states=states_BLC).sample
        return answer
