"""Train through transformers that read one stream of token states beside the image's, each in its pipeline's own form.

Latents are packed, and positions computed, by the functions of the pipelines in diffusers.

Shape letters: B batch, L tokens, C conditioning width, K H W a latent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.bases.families.flux import FrozenFlux
from hub.bases.flow import FlowSampler, FrozenFlow
from hub.bases.stored_type import in_type_of_weights
from hub.embeddings import Embeddings, unpad

if TYPE_CHECKING:
    from torch import Tensor


class FrozenChroma(FrozenFlux):
    """T5 → FLUX's transformer without pooled vector and guidance, with a mask of the text."""

    def _conditions(self, given: Embeddings) -> dict[str, Any]:
        """Return positions of the text, and the mask of text and image."""
        tokens_BLC, _, mask_BL, _ = given
        assert mask_BL is not None, "the base reads a mask"
        mask_BL = mask_BL.to(tokens_BLC.dtype)
        _, positions, *_ = self._pipeline.encode_prompt(
            None,
            prompt_embeds=tokens_BLC,
            prompt_attention_mask=mask_BL,
            do_classifier_free_guidance=False,
            device=self.device,
        )
        whole = self._pipeline._prepare_attention_mask(len(tokens_BLC), self.image_tokens, tokens_BLC.dtype, mask_BL)
        return {"txt_ids": positions, "attention_mask": whole}


class FrozenFlux2Klein(FrozenFlow):
    """Qwen3 → transformer. Latents are packed by 2 × 2 pixels before they are normalised, and have four times the channels."""

    patch = 1
    block_lists = ("transformer_blocks", "single_transformer_blocks")

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Return (K, H, W) after packing."""
        channels, height, width = super().latent_shape
        return 4 * channels, height // 2, width // 2

    @property
    def resolution_shift(self) -> float:
        """Return µ by `compute_empirical_mu`, for as many steps as the pipeline takes by default."""
        from diffusers.pipelines.flux2.pipeline_flux2_klein import compute_empirical_mu

        return float(compute_empirical_mu(self.image_tokens, int(self._defaults["num_inference_steps"])))

    def _scale(self, latents: Tensor) -> Tensor:
        centre, deviation = self._norm
        normalised: Tensor = (self._pipeline._patchify_latents(latents) - centre) / deviation
        return normalised

    def _decode(self, latents_BKHW: Tensor) -> Tensor:
        centre, deviation = self._norm
        pixels: Tensor = self._vae.decode(self._pipeline._unpatchify_latents(latents_BKHW * deviation + centre)).sample
        return pixels

    @property
    def _norm(self) -> tuple[Tensor, Tensor]:
        norm = self._vae.bn
        variance = norm.running_var + self._vae.config.batch_norm_eps
        return norm.running_mean[:, None, None], variance.sqrt()[:, None, None]

    def _denoise(self, noisy_BKHW: Tensor, time_B: Tensor, given: Embeddings) -> Tensor:
        pipe, positions = self._pipeline, self._pipeline._prepare_latent_ids(noisy_BKHW).to(self.device)
        answer = self.denoiser(
            pipe._pack_latents(noisy_BKHW),
            timestep=time_B,
            encoder_hidden_states=given.tokens_BLC,
            txt_ids=pipe._prepare_text_ids(given.tokens_BLC).to(self.device),
            img_ids=positions,
            guidance=None,
        ).sample
        noise_BKHW: Tensor = pipe._unpack_latents_with_ids(answer, positions, *noisy_BKHW.shape[2:])
        return noise_BKHW


class FrozenQwenImage(FrozenFlow):
    """Qwen2.5-VL → transformer; latents are those of one frame of a video, normalised by channel."""

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Return (K, H, W)."""
        side = self.side // self.factor
        return int(self._vae.config.z_dim), side, side

    @property
    def _norm(self) -> tuple[Tensor, Tensor]:
        import torch

        config = self._vae.config
        found = [torch.tensor(each, device=self.device) for each in (config.latents_mean, config.latents_std)]
        mean, deviation = (each[:, None, None, None] for each in found)
        return mean, deviation

    def _posterior(self, pixels_B3HW: Tensor) -> Any:
        return super()._posterior(pixels_B3HW[:, :, None])

    def _scale(self, latents: Tensor) -> Tensor:
        """Remove the dimension of frames."""
        mean, deviation = self._norm
        scaled: Tensor = (latents - mean) / deviation
        return scaled[:, :, 0]

    def _decode(self, latents_BKHW: Tensor) -> Tensor:
        mean, deviation = self._norm
        pixels: Tensor = self._vae.decode(latents_BKHW[:, :, None] * deviation + mean).sample
        return pixels[:, :, 0]

    def _denoise(self, noisy_BKHW: Tensor, time_B: Tensor, given: Embeddings) -> Tensor:
        count, _, height, width = noisy_BKHW.shape
        pipe, scale = self._pipeline, int(self._pipeline.vae_scale_factor)
        answer = self.denoiser(
            pipe._pack_latents(noisy_BKHW, *noisy_BKHW.shape),
            timestep=time_B,
            encoder_hidden_states=given.tokens_BLC,
            encoder_hidden_states_mask=given.mask_BL,
            img_shapes=[[(1, height // 2, width // 2)]] * count,
        ).sample
        noise_BK1HW: Tensor = pipe._unpack_latents(answer, height * scale, width * scale, scale)
        return noise_BK1HW[:, :, 0]


class FrozenCogView4(FrozenFlow):
    """GLM → transformer, which reads the timestep before the shift of its noise level, and the sizes of SDXL."""

    offsets_latents = False
    image_place = 0
    attention_layer = "attn1"

    @property
    def length(self) -> int:
        """Return 128 of the 1024 tokens that the pipeline reads at most: it has no mask, and pads to the longest text of a batch."""
        return 128

    def _read(self, texts: list[str]) -> Embeddings:
        """Encode with a text of L tokens in the same batch, to which the pipeline pads."""
        filler = " a" * (self.length - 8)
        answer = self._pipeline.encode_prompt(
            [*texts, filler], do_classifier_free_guidance=False, device=self.device, max_sequence_length=self.length
        )
        return self._family.mixin.encoded(answer).map(lambda each: each[:-1])

    @property
    def _timesteps(self) -> Tensor:
        timesteps: Tensor = self.schedule.timesteps
        return timesteps

    def sigmas(self, steps_B: Tensor) -> Tensor:
        """Return the shifted noise levels (B,) at timesteps (B,)."""
        sigmas_B = steps_B / self.steps
        return self._shift(sigmas_B) if self.schedule.config.use_dynamic_shifting else sigmas_B

    def sampler(self, steps: int) -> FlowSampler:
        """Return an Euler sampler with the pipeline's whole timesteps, and the shifted noise levels of these."""
        import numpy as np

        scheduler, timesteps = super().sampler(steps).scheduler, np.linspace(self.steps, 1, steps).astype(np.int64)
        shift = self.resolution_shift if self.schedule.config.use_dynamic_shifting else None
        scheduler.set_timesteps(timesteps=timesteps, sigmas=timesteps / self.steps, mu=shift)
        return FlowSampler(scheduler)

    def _time(self, steps_B: Tensor) -> Tensor:
        """Return the timesteps: this transformer reads 0…1000."""
        return steps_B

    @in_type_of_weights
    def predict(
        self,
        noisy_BKHW: Tensor,
        steps_B: Tensor,
        states_BLC: Tensor,
        pooled_BP: Tensor | None = None,  # noqa: ARG002 - all families share one signature
        mask_BL: Tensor | None = None,  # noqa: ARG002
        sizes_B6: Tensor | None = None,
    ) -> Tensor:
        """Return the velocity (B, K, H, W), for sizes as SDXL's."""
        if sizes_B6 is None:
            sizes_B6 = states_BLC.new_full((len(states_BLC), 6), float(self.side))
            sizes_B6[:, 2:4] = 0
        answer: Tensor = self.denoiser(
            noisy_BKHW,
            timestep=self._time(steps_B),
            encoder_hidden_states=states_BLC,
            original_size=sizes_B6[:, :2],
            target_size=sizes_B6[:, 4:],
            crop_coords=sizes_B6[:, 2:4],
        ).sample
        return answer


class FrozenLumina2(FrozenFlow):
    """Gemma → transformer, for which time goes from noise to image. Its blocks mix text of any length with the image."""

    direction = -1
    block_lists = ()
    compares_attention = False

    def _time(self, steps_B: Tensor) -> Tensor:
        """Return 0 for noise and 1 for the image."""
        return 1 - steps_B / 1000

    def _denoise(self, noisy_BKHW: Tensor, time_B: Tensor, given: Embeddings) -> Tensor:
        answer: Tensor = self.denoiser(
            noisy_BKHW, timestep=time_B, encoder_hidden_states=given.tokens_BLC, encoder_attention_mask=given.mask_BL
        ).sample
        return answer


class FrozenAuraFlow(FrozenFlow):
    """UMT5 → transformer, for which padding is zeros."""

    offsets_latents = False
    block_lists = ("joint_transformer_blocks", "single_transformer_blocks")

    def _denoise(self, noisy_BKHW: Tensor, time_B: Tensor, given: Embeddings) -> Tensor:
        tokens_BLC, _, mask_BL, _ = given
        assert mask_BL is not None, "the base reads a mask"
        answer: Tensor = self.denoiser(
            noisy_BKHW, timestep=time_B, encoder_hidden_states=tokens_BLC * mask_BL[..., None]
        ).sample
        return answer


class FrozenZImage(FrozenFlow):
    """Qwen3 → transformer, which reads lists of texts and of images, and for which time goes from noise to image."""

    direction = -1
    block_lists = ()
    compares_attention = False

    def _time(self, steps_B: Tensor) -> Tensor:
        """Return 0 for noise and 1 for the image."""
        return 1 - steps_B / 1000

    def _denoise(self, noisy_BKHW: Tensor, time_B: Tensor, given: Embeddings) -> Tensor:
        import torch

        images = list(noisy_BKHW[:, :, None].unbind())
        answers = self.denoiser(images, time_B, unpad(given), return_dict=False)[0]
        return torch.stack(list(answers))[:, :, 0]
