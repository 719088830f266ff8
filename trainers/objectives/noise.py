"""Prepare noisy latents for a step through the frozen denoiser, and collect the outputs of its layers.

Shape letters: B batch, K H W a latent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from hub.bases.frozen import FrozenBase
from trainers.inputs.features import FeatureDataset
from trainers.loop.method import Draw
from trainers.loop.sampler import normal

Key = TypeVar("Key", str, int)


class NoisyBatch(NamedTuple):
    """A batch of latents at random noise levels: noisy latents and targets (B, K, H, W), timesteps (B,)."""

    noised_BKHW: Tensor
    steps_B: Tensor
    target_BKHW: Tensor
    sizes_B6: Tensor | None = None
    """Sizes of the images, as `FrozenBase.predict` takes them."""

    @property
    def sizes(self) -> dict[str, Tensor]:
        """The sizes as an argument of `predict`; empty without any, for families whose `predict` does not take them."""
        return {} if self.sizes_B6 is None else {"sizes_B6": self.sizes_B6}


def draw_noisy(features: FeatureDataset, draw: Draw, *, offset: float = 0.0) -> NoisyBatch:
    """Return the latents of a batch's images at random noise levels; see `add_noise`."""
    images = features.images(draw.indices_B, draw.generator)
    batch = add_noise(images.latents_BKHW, features.base, draw.generator, offset=offset)
    return batch._replace(sizes_B6=images.sizes_B6)


def add_noise(latents_BKHW: Tensor, base: FrozenBase, generator: torch.Generator, *, offset: float = 0.0) -> NoisyBatch:
    """Add noise to latents (B, K, H, W) at the base's random timesteps; all randomness comes from `generator`.

    `offset` scales one more normal sample per channel that is added to the noise of all its pixels, so that the model can
    darken and lighten whole images (Guttenberg, "Diffusion with offset noise", 2023); it is part of the target.
    """
    device = latents_BKHW.device
    noise_BKHW = normal(latents_BKHW.shape, generator, device)
    if offset:
        noise_BKHW = noise_BKHW + offset * normal((*latents_BKHW.shape[:2], 1, 1), generator, device)
    steps_B = base.sample_steps(len(latents_BKHW), generator).to(device, non_blocking=True)
    noised_BKHW = base.add_noise(latents_BKHW, noise_BKHW, steps_B)
    return NoisyBatch(noised_BKHW, steps_B, base.target(latents_BKHW, noise_BKHW, steps_B))


def _first(output: Any) -> Tensor:
    found: Tensor = output[0] if isinstance(output, tuple) else output
    return found


@contextmanager
def outputs_of(layers: Mapping[Key, nn.Module], take: Callable[[Any], Tensor] = _first) -> Iterator[dict[Key, Tensor]]:
    """Collect what `take` finds in the output of every layer that runs inside the context, by key, in the order of execution."""
    outputs: dict[Key, Tensor] = {}

    def keep(key: Key, _layer: nn.Module, _inputs: Any, output: Any) -> None:
        outputs[key] = take(output)

    hooks = [layer.register_forward_hook(partial(keep, key)) for key, layer in layers.items()]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()
