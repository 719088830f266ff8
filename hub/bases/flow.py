"""Run a frozen base that is trained by flow matching: Stable Diffusion 3, FLUX, Sana, Qwen-Image and their kin.

A noisy latent is x_σ = (1 − σ) x + σ ε, and the denoiser predicts the velocity ε − x (rectified flow: Liu et al., ICLR 2023,
arXiv 2209.03003; Esser et al., ICML 2024, arXiv 2403.03206). Noise levels σ are shifted as in the base's own scheduler, by a constant
or by the number of image tokens, and sampled with the density of diffusers' training scripts. The loss has weight 1 at every level.

Shape letters: B batch, L tokens, C conditioning width, P pooled width, H and W of a latent, K its channels, S image tokens.
"""

from __future__ import annotations

import inspect
import sys
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from hub.bases.frozen import FrozenBase
from hub.bases.stored_type import in_type_of_weights
from hub.embeddings import Embeddings
from hub.errors import DoesNotFit

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

_SHIFTS = {"base_seq_len": "base_image_seq_len", "max_seq_len": "max_image_seq_len"}
"""Parameter of diffusers' `calculate_shift` → setting of the scheduler, where their names differ."""


class FrozenFlow(FrozenBase):
    """A transformer that predicts velocity. A family's class defines how it is called, and overrides the methods below where it differs."""

    density: ClassVar[str] = "none"
    """Density of noise levels before the shift, as diffusers' `weighting_scheme` calls it: `none` is uniform."""
    patch: ClassVar[int] = 2
    """Side of an image token in latent pixels."""
    direction: ClassVar[int] = 1
    """−1 if the transformer predicts x − ε."""
    offsets_latents: ClassVar[bool] = True
    """Whether the pipeline subtracts the autoencoder's `shift_factor`."""
    image_place: ClassVar[int] = 1
    """Place of the image's states in what a block with two streams returns."""
    block_lists: ClassVar[tuple[str, ...]] = ("transformer_blocks",)
    """Lists of blocks whose outputs can be distilled."""
    attention_layer: ClassVar[str] = "attn"
    """The layer of a block in which the image reads the text, by joint attention or by cross-attention."""

    def _make_schedule(self) -> Any:
        """Return diffusers' flow-matching scheduler with the settings of the base's own. Raises DoesNotFit for another kind."""
        from diffusers import FlowMatchEulerDiscreteScheduler

        own = self._pipeline.scheduler
        if isinstance(own, FlowMatchEulerDiscreteScheduler):
            return FlowMatchEulerDiscreteScheduler.from_config(own.config)
        if not own.config.get("use_flow_sigmas"):
            raise DoesNotFit(
                f"this base ({self.family}) is trained by flow matching, and its scheduler {type(own).__name__} has no flow "
                "sigmas: save the base with its original scheduler."
            )
        return FlowMatchEulerDiscreteScheduler(shift=float(own.config.flow_shift))

    def _prepare_denoiser(self) -> None:
        """Keep the transformer's own attention, whose classes differ between families."""

    @property
    def blocks(self) -> tuple[tuple[nn.Module, ...], ...]:
        """Return the blocks of each list."""
        return tuple(tuple(getattr(self.denoiser, name)) for name in self.block_lists)

    def image_states(self, output: Any) -> Tensor:
        """Return the image's states (B, S, C) in a block's output; where one sequence holds both, the text comes first."""
        states: Tensor = output[self.image_place] if isinstance(output, tuple) else output
        return states[:, -self.image_tokens :]

    @property
    def attentions(self) -> dict[str, nn.Module]:
        """Return one layer of each block, by name."""
        return {
            f"{name}.{place}.{self.attention_layer}": getattr(block, self.attention_layer)
            for name in self.block_lists
            for place, block in enumerate(getattr(self.denoiser, name))
        }

    def attended(self, output: Any) -> Tensor:
        """Return the image's part, which comes first where a layer returns two, and last in one sequence."""
        return super().attended(output)[:, -self.image_tokens :]

    @property
    def length(self) -> int:
        """Return L: as many tokens as the pipeline reads by default."""
        return int(self._defaults["max_sequence_length"])

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Return (K, H, W)."""
        side = self.side // self.factor
        return int(self._vae.config.latent_channels), side, side

    @property
    def image_tokens(self) -> int:
        """Return S."""
        _, height, width = self.latent_shape
        return height * width // self.patch**2

    @property
    def _defaults(self) -> dict[str, Any]:
        """Return the defaults of a call of the pipeline."""
        parameters = inspect.signature(type(self._pipeline).__call__).parameters
        return {name: each.default for name, each in parameters.items() if each.default is not inspect.Parameter.empty}

    def _read(self, texts: list[str]) -> Embeddings:
        """Encode with the pipeline's `encode_prompt` and the defaults of its call, padded to L tokens."""
        encode = self._pipeline.encode_prompt
        known = inspect.signature(encode).parameters
        asked = {
            "prompt": texts,
            "device": self.device,
            "num_images_per_prompt": 1,
            "do_classifier_free_guidance": False,
        }
        given = {name: value for name, value in {**self._defaults, **asked}.items() if name in known}
        return self._pad(self._family.mixin.encoded(encode(**given)))

    def _pad(self, read: Embeddings) -> Embeddings:
        """Pad masked states and their mask to L tokens."""
        import torch.nn.functional as F

        if not self.mask:
            return read
        count = read.tokens_BLC.shape[1]
        mask_BL = read.mask_BL if read.mask_BL is not None else read.tokens_BLC.new_ones(len(read.tokens_BLC), count)
        missing = self.length - count
        return read._replace(
            tokens_BLC=F.pad(read.tokens_BLC, (0, 0, 0, missing)), mask_BL=F.pad(mask_BL.bool(), (0, missing))
        )

    def _scale(self, latents: Tensor) -> Tensor:
        return (latents - self._offset) * float(self._vae.config.scaling_factor)

    def _decode(self, latents_BKHW: Tensor) -> Tensor:
        pixels: Tensor = self._vae.decode(latents_BKHW / float(self._vae.config.scaling_factor) + self._offset).sample
        return pixels

    @property
    def _offset(self) -> float:
        return float(self._vae.config.shift_factor or 0.0) if self.offsets_latents else 0.0

    def sample_steps(self, count: int, generator: torch.Generator) -> Tensor:
        """Return random timesteps 0 < t ≤ 1000 (B,) on the CPU: noise levels after the shift, times 1000."""
        from diffusers.training_utils import compute_density_for_timestep_sampling

        quantile_B = compute_density_for_timestep_sampling(
            self.density, count, logit_mean=0.0, logit_std=1.0, mode_scale=1.29, generator=generator
        )
        steps_B: Tensor = self._timesteps[(quantile_B * self.steps).long().clamp_max(self.steps - 1)]
        return steps_B

    @property
    def _timesteps(self) -> Tensor:
        """Return the timesteps (1000,) of all noise levels. diffusers applies a constant shift itself, another one per call."""
        timesteps: Tensor = self.schedule.timesteps
        if not self.schedule.config.use_dynamic_shifting:
            return timesteps
        return self._shift(timesteps / self.steps) * self.steps

    def _shift(self, sigmas: Tensor) -> Tensor:
        shifted: Tensor = self.schedule.time_shift(self.resolution_shift, 1.0, sigmas)
        return shifted

    @property
    def resolution_shift(self) -> float:
        """Return µ, by the function `calculate_shift` of the pipeline's module, for the number of image tokens."""
        compute = vars(sys.modules[type(self._pipeline).__module__])["calculate_shift"]
        config = self.schedule.config
        settings = {
            name: config.get(_SHIFTS.get(name, name)) for name in list(inspect.signature(compute).parameters)[1:]
        }
        return float(compute(self.image_tokens, **{name: each for name, each in settings.items() if each is not None}))

    def sigmas(self, steps_B: Tensor) -> Tensor:
        """Return the noise levels (B,) at timesteps (B,)."""
        return steps_B / self.steps

    def add_noise(self, latents_BKHW: Tensor, noise_BKHW: Tensor, steps_B: Tensor) -> Tensor:
        """Return (1 − σ) latents + σ noise, (B, K, H, W)."""
        sigmas_B111 = self.sigmas(steps_B)[:, None, None, None]
        return (1 - sigmas_B111) * latents_BKHW + sigmas_B111 * noise_BKHW

    def target(self, latents_BKHW: Tensor, noise_BKHW: Tensor, steps_B: Tensor) -> Tensor:  # noqa: ARG002 - all share one signature
        """Return the velocity, noise − latents (B, K, H, W)."""
        return noise_BKHW - latents_BKHW

    def sampler(self, steps: int) -> FlowSampler:
        """Return an Euler sampler with `steps` noise levels, shifted as in the pipeline."""
        import numpy as np

        scheduler = type(self.schedule).from_config(self.schedule.config)
        is_dynamic = bool(self.schedule.config.use_dynamic_shifting)
        scheduler.set_timesteps(
            sigmas=np.linspace(1.0, 1 / steps, steps), mu=self.resolution_shift if is_dynamic else None
        )
        return FlowSampler(scheduler)

    @in_type_of_weights
    def predict(
        self,
        noisy_BKHW: Tensor,
        steps_B: Tensor,
        states_BLC: Tensor,
        pooled_BP: Tensor | None = None,
        mask_BL: Tensor | None = None,
        sizes_B6: Tensor | None = None,  # noqa: ARG002 - these denoisers read no sizes, but for CogView4's
    ) -> Tensor:
        """Return the velocity (B, K, H, W). Gradients reach the conditioning alone. Raises DoesNotFit as `FrozenBase.predict`."""
        self._check_pooled(pooled_BP)
        if self.mask and mask_BL is None:
            mask_BL = states_BLC.new_ones(states_BLC.shape[:2]).bool()
        given = Embeddings(states_BLC, pooled_BP, mask_BL if self.mask else None)
        return self.direction * self._denoise(noisy_BKHW, self._time(steps_B), given)

    def _time(self, steps_B: Tensor) -> Tensor:
        """Return what the transformer reads for timesteps (B,): here they are divided by 1000."""
        return steps_B / 1000

    @abstractmethod
    def _denoise(self, noisy_BKHW: Tensor, time_B: Tensor, given: Embeddings) -> Tensor:
        """Call the transformer on noisy latents (B, K, H, W), and return its answer in the same shape."""


class FlowSampler:
    """A flow-matching scheduler with the interface of DDIM."""

    init_noise_sigma = 1.0

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler
        self.timesteps: Tensor = scheduler.timesteps

    def scale_model_input(self, latents_BKHW: Tensor, _step: Tensor) -> Tensor:
        """Return the latents unchanged."""
        return latents_BKHW

    def step(self, velocity_BKHW: Tensor, step: Tensor, latents_BKHW: Tensor, *, eta: float = 0.0) -> Any:
        """Return diffusers' output with the latents of the next noise level. Raises ValueError for an `eta` above 0."""
        if eta:
            raise ValueError("flow matching adds no noise between steps: `eta` must be 0.")
        return self.scheduler.step(velocity_BKHW, step, latents_BKHW)
