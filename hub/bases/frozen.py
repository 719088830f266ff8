"""Run a frozen base for training: text states, latents and predictions, computed as in its pipeline.

This file has what families share: an autoencoder, a noise schedule, a transformer of blocks of one kind. Differences are in
each family's file. torch and diffusers are imported when a base is opened, because families are read without them.

Shape letters: B batch, L tokens, C conditioning width, P pooled width, H and W of a latent, K its channels.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from hub.bases.family import Family, families, family_of, missing_components, pipeline_class_of
from hub.bases.sizes import factor_of, side_of
from hub.bases.stored_type import in_type_of_weights
from hub.conditioning import Conditioning
from hub.embeddings import Embeddings
from hub.errors import DoesNotFit

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class FrozenBase:
    """Text encoders, autoencoder, denoiser and noise schedule of a pipeline, all frozen."""

    reads_clip: ClassVar[bool] = False
    """Whether its token states are those of CLIP text encoders, whose LoRAs diffusers loads with the denoiser's."""
    takes_words: ClassVar[bool] = False
    """Whether its text encoder takes new words: diffusers' textual inversions."""
    has_cross_attention: ClassVar[bool] = False
    """Whether the image reads the text in separate layers, `attn2`."""
    compares_attention: ClassVar[bool] = True
    """Whether the image's outputs of an attention layer can be separated from the text's."""
    takes_any_shape: ClassVar[bool] = False
    """Whether `predict` takes latents of any height and width, with the conditions of their size."""

    def __init__(self, family: Family, pipeline: Any, conditioning: Conditioning, device: torch.device) -> None:
        """Freeze the parts of `pipeline`; `conditioning` is what its denoiser reads."""
        from torch import nn

        self.device = device
        self._family = family
        self._pipeline = pipeline
        self._conditioning = conditioning
        for part in pipeline.components.values():
            if isinstance(part, nn.Module):
                part.eval().requires_grad_(False)
                if any(each.device != device for each in (*part.parameters(), *part.buffers())):
                    part.to(device)
        self._tokenizer = pipeline.tokenizer
        self._vae = pipeline.vae
        self.schedule = self._make_schedule()
        if device.type == "cpu":
            self._prepare_denoiser()

    def _make_schedule(self) -> Any:
        """Return the noise schedule of training."""
        from diffusers import DDPMScheduler

        return DDPMScheduler.from_config(self._pipeline.scheduler.config)

    def _prepare_denoiser(self) -> None:
        """Replace fused attention, whose backward pass is slow on CPUs for short sequences: 0.84 s per step against 0.58 s."""
        from diffusers.models.attention_processor import AttnProcessor

        self.denoiser.set_attn_processor(AttnProcessor())

    @classmethod
    def open(cls, folder: Path, device: torch.device, *, dtypes: Mapping[str, torch.dtype] | None = None) -> FrozenBase:
        """Load the pipeline in `folder`, in fp32 except for the components in `dtypes`.

        Raises DoesNotFit if its family does not support training.
        """
        import torch

        family, pipeline_class = cls.trained_family(folder)
        parameters = inspect.signature(pipeline_class.__init__).parameters
        unused = missing_components(folder)
        if "safety_checker" in parameters:
            unused["safety_checker"] = None  # 1.2 GB for Stable Diffusion 1.5
        pipeline = pipeline_class.from_pretrained(
            folder, dtype={"default": torch.float32, **(dtypes or {})}, use_safetensors=True, **unused
        )
        return cast(FrozenBase, family.frozen(family, pipeline, family.conditioning(folder), device))

    @staticmethod
    def trained_family(folder: Path) -> tuple[Family, Any]:
        """Return family and pipeline class of the base in `folder`. Raises DoesNotFit if it cannot be trained for."""
        import diffusers

        family, name = family_of(folder), pipeline_class_of(folder)
        if name not in family.trained_classes:
            known = ", ".join(sorted(each for one in families() for each in one.trained_classes))
            raise DoesNotFit(f"`{folder.name}` is a {name}, but training only supports bases of class {known}.")
        return family, getattr(diffusers, name)

    @property
    def family(self) -> str:
        """Return the family's name in `hub.bases`, for methods whose modules differ by family."""
        return self._family.name

    @property
    def denoiser_name(self) -> str:
        """Return the component and folder of the denoiser, `unet` or `transformer`."""
        return self._family.denoiser

    @property
    def denoiser(self) -> Any:
        """Return the UNet or transformer."""
        return getattr(self._pipeline, self.denoiser_name)

    def with_parts(self, parts: Mapping[str, nn.Module]) -> Self:
        """Return the same base with other text encoders or another denoiser, by component. Nothing is copied."""
        other, pipeline = copy.copy(self), copy.copy(self._pipeline)
        vars(pipeline).update(parts)
        vars(other)["_pipeline"] = pipeline
        return other

    def whole(self, denoiser: nn.Module) -> nn.Module:
        """Return a denoiser that was trained with the layers that training leaves out, as diffusers saves it."""
        return denoiser

    @property
    def readers(self) -> tuple[nn.Module, ...]:
        """Return the text encoders and the autoencoder, which no training step needs once their outputs are cached."""
        return *self.text_encoders.values(), self._vae

    @property
    def autoencoder(self) -> nn.Module:
        """Return the autoencoder."""
        return cast("nn.Module", self._vae)

    @property
    def blocks(self) -> tuple[tuple[nn.Module, ...], ...]:
        """Return the denoiser's blocks whose outputs can be distilled, in groups of one kind."""
        return (tuple(self.denoiser.transformer_blocks),)

    def image_states(self, output: Any) -> Tensor:
        """Return the image's states in the output of one of `blocks`, the first of a tuple."""
        states: Tensor = output[0] if isinstance(output, tuple) else output
        return states

    @property
    def attentions(self) -> dict[str, nn.Module]:
        """Return the layers in which the image reads the text, by name: here cross-attention, which diffusers calls `attn2`."""
        return {name: each for name, each in self.denoiser.named_modules() if name.endswith("attn2")}

    def attended(self, output: Any) -> Tensor:
        """Return what the image has read, (B, S, C), in the output of one of `attentions`."""
        states: Tensor = output[0] if isinstance(output, tuple) else output
        return states

    @property
    def width(self) -> int:
        """Return C."""
        return self._conditioning.width

    @property
    def pooled_width(self) -> int | None:
        """Return P, or None if the denoiser reads no pooled vector."""
        return self._conditioning.pooled_width

    @property
    def mask(self) -> bool:
        """Return whether the denoiser reads a mask."""
        return self._conditioning.mask

    @property
    def length(self) -> int:
        """Return L, the tokens of a text."""
        return int(self._tokenizer.model_max_length)

    @property
    def end_id(self) -> int:
        """Return the id of the end token, whose state represents the text."""
        return int(self._tokenizer.eos_token_id)

    @property
    def steps(self) -> int:
        """Return the number of noise levels."""
        return int(self.schedule.config.num_train_timesteps)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Return (K, H, W)."""
        side = self.side // self.factor
        return int(self.denoiser.config.in_channels), side, side

    @property
    def side(self) -> int:
        """Return the width of an image in pixels."""
        return side_of(self.denoiser.config, self._vae.config)

    @property
    def factor(self) -> int:
        """Return how many pixels wide a pixel of a latent is."""
        return factor_of(self._vae.config)

    @property
    def grain(self) -> int:
        """Return the number of pixels of which the sides of an image are multiples: those of the denoiser's coarsest feature map."""
        levels = getattr(self.denoiser.config, "block_out_channels", None)
        return self.factor * (2 ** (len(levels) - 1) if levels else int(self.denoiser.config.patch_size))

    def text_states(self, texts: Sequence[str]) -> Tensor:
        """Return the token states of English texts, (B, L, C)."""
        return self.read(texts).tokens_BLC

    @property
    def text_encoder(self) -> Any:
        """Return the base's own encoder, or the first of several. It is frozen: a method that trains it copies it."""
        return self._pipeline.text_encoder

    @property
    def text_encoders(self) -> dict[str, Any]:
        """Return all of the base's own encoders by component, frozen."""
        parts = self._pipeline.components
        return {name: part for name, part in parts.items() if name.startswith("text_encoder") and part is not None}

    def tokenize(self, texts: Sequence[str], length: int | None = None) -> Tensor:
        """Return token ids of the base's tokenizer, (B, L), on the CPU; L is `length`, or as many as the base reads."""
        tokens = self._tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=length or self.length, return_tensors="pt"
        )
        ids_BL: Tensor = tokens.input_ids
        return ids_BL

    def read(self, texts: Sequence[str]) -> Embeddings:
        """Return the embeddings of English texts: (B, L, C), and in some families pooled (B, P) or a mask (B, L)."""
        import torch

        with torch.no_grad():
            return self.encode(texts)

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Return the same with gradients, for text encoders that are trained."""
        return self._read(list(texts))

    def _read(self, texts: list[str]) -> Embeddings:
        """Encode with the pipeline's `encode_prompt`."""
        answer = self._pipeline.encode_prompt(
            texts, device=self.device, num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        return self._family.mixin.encoded(answer)

    def latents(self, images_B3HW: Tensor, *, resize: bool = True) -> Tensor:
        """Return mean latents (B, K, H, W) of uint8 images, which are resized to the base's size unless `resize` is False."""
        import torch

        with torch.no_grad():
            return self._encode(self._pixels(images_B3HW, resize=resize))

    def posterior(self, images_B3HW: Tensor, *, resize: bool = True) -> Tensor:
        """Return the mean and the standard deviation (B, 2K, H, W) of the same latents, if `has_posterior`."""
        import torch

        with torch.no_grad():
            found = self._posterior(self._pixels(images_B3HW, resize=resize))
            mean_BKHW = self._scale(found.mean)  # Affine, element by element, so a deviation is a difference.
            return torch.cat([mean_BKHW, self._scale(found.mean + found.std) - mean_BKHW], dim=1)

    has_posterior = True
    """Whether the autoencoder returns a distribution of latents instead of a single one."""

    def _pixels(self, images_B3HW: Tensor, *, resize: bool = True) -> Tensor:
        """Return uint8 images as pixels (B, 3, H, W) in −1…1, resized to the base's size or as they are."""
        import torch.nn.functional as F

        pixels = images_B3HW.to(self.device).float() / 127.5 - 1
        size = (self.side, self.side)
        if pixels.shape[-2:] == size or not resize:
            return pixels
        return F.interpolate(pixels, size, mode="bicubic", antialias=True).clamp(-1, 1)

    def _encode(self, pixels_B3HW: Tensor) -> Tensor:
        """Return scaled latents (B, K, H, W) of pixels (B, 3, H, W) in −1…1: the mean."""
        return self._scale(self._posterior(pixels_B3HW).mean)

    def _posterior(self, pixels_B3HW: Tensor) -> Any:
        """Return diffusers' distribution of the latents of pixels (B, 3, H, W), before they are scaled."""
        return self._vae.encode(pixels_B3HW).latent_dist

    def _scale(self, latents: Tensor) -> Tensor:
        """Return latents (B, K, H, W) as the denoiser reads them."""
        return latents * float(self._vae.config.scaling_factor)

    def decode(self, latents_BKHW: Tensor) -> Tensor:
        """Decode latents (B, K, H, W) to images (B, 3, H, W) in 0…1."""
        import torch

        self._vae.to(self.device)  # Training moves it to the CPU in between.
        with torch.no_grad():
            pixels = self._decode(latents_BKHW)
        return (pixels.float() / 2 + 0.5).clamp(0, 1)

    def _decode(self, latents_BKHW: Tensor) -> Tensor:
        """Return pixels (B, 3, H, W) in −1…1 of scaled latents (B, K, H, W)."""
        pixels: Tensor = self._vae.decode(latents_BKHW / float(self._vae.config.scaling_factor)).sample
        return pixels

    def sampler(self, steps: int) -> Any:
        """Return a deterministic DDIM sampler with `steps` of the base's noise levels.

        It never clips latents, which some schedulers do by default.
        """
        from diffusers import DDIMScheduler

        sampler = DDIMScheduler.from_config(self._pipeline.scheduler.config, clip_sample=False)
        sampler.set_timesteps(steps)
        return sampler

    def sample_steps(self, count: int, generator: torch.Generator) -> Tensor:
        """Return random timesteps (B,) on the CPU, uniformly distributed."""
        import torch

        return torch.randint(0, self.steps, (count,), generator=generator)

    def add_noise(self, latents_BKHW: Tensor, noise_BKHW: Tensor, steps_B: Tensor) -> Tensor:
        """Return latents (B, K, H, W) with noise of the same shape at noise levels (B,)."""
        noisy_BKHW: Tensor = self.schedule.add_noise(latents_BKHW, noise_BKHW, steps_B)
        return noisy_BKHW

    def target(self, latents_BKHW: Tensor, noise_BKHW: Tensor, steps_B: Tensor) -> Tensor:
        """Return the training target (B, K, H, W): noise, latents or velocity, depending on the schedule. Raises DoesNotFit."""
        match self.schedule.config.prediction_type:
            case "epsilon":
                return noise_BKHW
            case "sample":
                return latents_BKHW
            case "v_prediction":
                velocity: Tensor = self.schedule.get_velocity(latents_BKHW, noise_BKHW, steps_B)
                return velocity
            case other:
                raise DoesNotFit(f"the base predicts `{other}`; training supports epsilon, sample and v_prediction.")

    @in_type_of_weights
    def predict(
        self,
        noisy_BKHW: Tensor,
        steps_B: Tensor,
        states_BLC: Tensor,
        pooled_BP: Tensor | None = None,
        mask_BL: Tensor | None = None,
        sizes_B6: Tensor | None = None,
    ) -> Tensor:
        """Return the denoiser's prediction, (B, K, H, W), without the variance that some append to it.

        `sizes_B6` are pixels, for denoisers that read them: height and width of the original image, top and left of the crop after
        the image was resized, height and width of the crop. None is an uncropped image of the base's size.

        Gradients reach the conditioning alone. Raises DoesNotFit if the denoiser reads a pooled vector and none is given.
        """
        self._check_pooled(pooled_BP)
        conditions = self.conditions(states_BLC, pooled_BP, mask_BL, sizes_B6)
        answer: Tensor = self.denoiser(
            noisy_BKHW, timestep=steps_B, encoder_hidden_states=states_BLC, **conditions
        ).sample
        return answer[:, : noisy_BKHW.shape[1]]

    def _check_pooled(self, pooled_BP: Tensor | None) -> None:
        if self.pooled_width is not None and pooled_BP is None:
            raise DoesNotFit(
                f"this base reads a pooled vector of width {self.pooled_width}, and the module returns none."
            )

    def conditions(
        self,
        states_BLC: Tensor,  # noqa: ARG002 - all families share one signature
        pooled_BP: Tensor | None,  # noqa: ARG002
        mask_BL: Tensor | None,  # noqa: ARG002
        sizes_B6: Tensor | None = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Return the denoiser's arguments besides timestep and states, from what `predict` is given."""
        return {}
