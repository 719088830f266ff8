"""What a module draws while it learns, by the frozen base's own schedule and autoencoder; nothing is written or loaded.

Shape letters: B images, L tokens, C conditioning width, K H W a latent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from PIL import Image
from torch import Tensor, nn

from hub.embeddings import Embeddings
from trainers.corpora.corpus import Prompt
from trainers.inputs.conditioning import apply_module
from trainers.inputs.features import FeatureDataset
from trainers.learners.text_reader import TextReader
from trainers.loop.sampler import NOISE_STREAM, generator_of

GUIDANCE = 2.5
"""As `emoji-generation` has it, so that a sample is what will be judged."""
STEPS = 20
AT_ONCE = 8
"""Images in memory at a time; guidance doubles them."""


def with_prompts(features: FeatureDataset, prompts: Sequence[Prompt]) -> FeatureDataset:
    """The same frozen parts and rules, with other texts: row n + 1 is prompt n."""
    return replace(
        features,
        texts_N=("", *(prompt.text for prompt in prompts)),
        languages_N=("", *(prompt.language for prompt in prompts)),
        weights_N=torch.zeros(len(prompts) + 1, dtype=torch.float64),
        meaning_N=torch.arange(len(prompts) + 1),
        english_M=("", *(prompt.meaning for prompt in prompts)),
        concept_M=("", *(prompt.concept for prompt in prompts)),
        store=replace(features.store, quiet=True),
    )


@torch.no_grad()
def generate_samples(module: nn.Module, features: FeatureDataset, *, seed: int) -> Tensor:
    """Images of all texts of the material but the empty one, (B, 3, H, W) in 0…1, on the CPU.

    DDIM with eta 0 (Song et al. 2021, arXiv 2010.02502) under classifier-free guidance. An image's noise depends on
    (seed, concept) alone, as in `emoji-generation`; no global generator is asked. `module` should be in evaluation mode.
    """
    rows = torch.arange(1, len(features.texts_N))
    return torch.cat([_drawn(module, features, rows_B, seed) for rows_B in rows.split(AT_ONCE)])


def _drawn(module: nn.Module, features: FeatureDataset, rows_B: Tensor, seed: int) -> Tensor:
    base = features.base
    # One call for the empty prompts and the others: row 0 has the rules of negative prompts.
    read = _read(module, features, torch.cat([torch.zeros_like(rows_B), rows_B]))
    noise = [
        torch.randn(base.latent_shape, generator=generator_of(seed, NOISE_STREAM, features.concept_M[row]))
        for row in rows_B.tolist()
    ]
    schedule = base.sampler(STEPS)
    latents_BKHW = torch.stack(noise).to(base.device) * schedule.init_noise_sigma
    for step in schedule.timesteps:
        twice = schedule.scale_model_input(torch.cat([latents_BKHW] * 2), step)
        steps = step.to(base.device).expand(len(twice))
        own = module if isinstance(module, TextReader) else None
        answer = base.predict(twice, steps, *read) if own is None else own.predict(base, twice, steps, read.tokens_BLC)
        empty_BKHW, told_BKHW = answer.float().chunk(2)
        guided_BKHW = empty_BKHW + GUIDANCE * (told_BKHW - empty_BKHW)
        latents_BKHW = schedule.step(guided_BKHW, step, latents_BKHW, eta=0.0).prev_sample
    return base.decode(latents_BKHW).cpu()


def _read(module: nn.Module, features: FeatureDataset, rows_B: Tensor) -> Embeddings:
    if isinstance(module, TextReader):
        return Embeddings(module.read(features, rows_B))
    return apply_module(module, features, rows_B)


def to_pil(images_N3HW: Tensor) -> list[Image.Image]:
    """Images in 0…1 as PIL has them."""
    pixels_NHW3 = (images_N3HW * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
    return [Image.fromarray(each.numpy()) for each in pixels_NHW3]
