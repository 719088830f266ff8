"""Generate images with a module during training, using the frozen base's own schedule and autoencoder in memory.

Shape letters: B images, L tokens, C conditioning width, K H W a latent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from PIL import Image
from torch import Tensor, nn

from trainers.corpora.corpus import Prompt
from trainers.inputs.features import FeatureDataset
from trainers.inputs.latents.image_latents import PIXELS
from trainers.learners.text_reader import TextReader, embeddings_of
from trainers.loop.distributed import compute_on_all_ranks
from trainers.loop.failures import compute_in_parts
from trainers.loop.sampler import NOISE_STREAM, generator_of

GUIDANCE = 2.5
"""The guidance scale of `emoji-generation`, so that samples look like the evaluated images."""
STEPS = 20
BATCH_SIZE = 8
"""Images in memory at a time; guidance doubles them."""


def with_prompts(features: FeatureDataset, prompts: Sequence[Prompt]) -> FeatureDataset:
    """Return a feature dataset with the same frozen models and rules but other texts: row n + 1 is prompt n."""
    return replace(
        features,
        texts_N=("", *(prompt.text for prompt in prompts)),
        languages_N=("", *(prompt.language for prompt in prompts)),
        weights_N=torch.zeros(len(prompts) + 1, dtype=torch.float64),
        translated_weights_N=torch.zeros(len(prompts) + 1, dtype=torch.float64),
        native_N=torch.zeros(len(prompts) + 1, dtype=torch.bool),
        meaning_N=torch.arange(len(prompts) + 1),
        english_M=("", *(prompt.meaning for prompt in prompts)),
        concept_M=("", *(prompt.concept for prompt in prompts)),
        store=replace(features.store, quiet=True),
    )


@torch.no_grad()
def generate_samples(module: nn.Module, features: FeatureDataset, *, seed: int) -> Tensor:
    """Generate the images of all texts but the empty one, (B, 3, H, W) in 0…1, on the CPU. The processes divide them.

    Uses DDIM with eta 0 (Song et al. 2021, arXiv 2010.02502) and classifier-free guidance. An image's noise depends on
    (seed, concept) alone, as in `emoji-generation`; no global generator is used. `module` should be in evaluation mode.
    """
    rows = torch.arange(1, len(features.texts_N))

    def generate(first: int, last: int) -> Tensor:
        return _generate_batch(module, features, rows[first:last], seed)

    return compute_on_all_ranks(
        lambda first, last: torch.cat(compute_in_parts(generate, first, last, what="sample images")),
        len(rows),
        BATCH_SIZE,
    )


def _generate_batch(module: nn.Module, features: FeatureDataset, rows_B: Tensor, seed: int) -> Tensor:
    base = features.base
    # One call for the empty prompts and the others: row 0 follows the rule of negative prompts.
    embeddings = embeddings_of(module, features, torch.cat([torch.zeros_like(rows_B), rows_B]))
    noise = [
        torch.randn(base.latent_shape, generator=generator_of(seed, NOISE_STREAM, features.concept_M[row]))
        for row in rows_B.tolist()
    ]
    schedule = base.sampler(STEPS)
    latents_BKHW = torch.stack(noise).to(base.device) * schedule.init_noise_sigma
    for step in schedule.timesteps:
        twice = schedule.scale_model_input(torch.cat([latents_BKHW] * 2), step)
        steps = step.to(base.device).expand(len(twice))
        if isinstance(module, TextReader):
            prediction = module.predict(base, twice, steps, embeddings)
        else:
            prediction = base.predict(twice, steps, *embeddings[:3])
        empty_BKHW, prompted_BKHW = prediction.float().chunk(2)
        guided_BKHW = empty_BKHW + GUIDANCE * (prompted_BKHW - empty_BKHW)
        latents_BKHW = schedule.step(guided_BKHW, step, latents_BKHW, eta=0.0).prev_sample
    few = max(1, PIXELS // base.side**2)
    return torch.cat([base.decode(some_BKHW).cpu() for some_BKHW in latents_BKHW.split(few)])


def to_pil(images_N3HW: Tensor) -> list[Image.Image]:
    """Convert images (N, 3, H, W) in 0…1 to PIL images."""
    pixels_NHW3 = (images_N3HW * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
    return [Image.fromarray(each.numpy()) for each in pixels_NHW3]
