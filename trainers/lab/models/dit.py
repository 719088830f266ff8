"""Train `emoji-dit`, a tiny Stable Diffusion 3 that reads English only.

    python -m trainers.lab.models.dit

Takes the autoencoder and the tokenizer of `emoji-sd`. The transformer and its two text encoders learn together by rectified flow
(Liu et al. 2023) with logit-normal noise levels (Esser et al. 2024), with 10 % empty captions for classifier-free guidance.
It has no T5, whose states are then zeros in diffusers; most batches leave them out, since modules return none.

Shape letters: N concepts, V captions of one concept, B batch, L tokens, D and P widths of token states and pooled vector, K H W a latent.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
)
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer

from trainers.corpora.emoji_dataset import World
from trainers.lab.dataset.captions import english_names, make_captions, tokenise
from trainers.lab.models.base import EMPTY_SHARE, ROLE_WEIGHTS
from trainers.lab.models.pairs import LENGTH
from trainers.lab.models.vae import encode_images
from trainers.lab.stage_options import CARDS, make_parser, scale_steps
from trainers.loop.loop import train
from trainers.loop.method import Draw, Loss
from trainers.loop.recipe import Recipe
from trainers.loop.sampler import normal

RECIPE = Recipe(
    steps=9000,
    batch_size=64,
    learning_rate=1.5e-3,
    betas=(0.9, 0.99),
    weight_decay=0.01,
    warmup_steps=200,
    hold_share=0.5,
    final_share=0.01,
    decay="linear",
    ema_decay=0.998,
    seed=5,
)
LAYERS, HEADS, HEAD_WIDTH, PATCH, TEXT_LAYERS, TEXT_WIDTH = 6, 4, 32, 4, 2, 64
T5_LENGTH = 256
"""Tokens that the pipeline reads with T5, or fills with zeros without it."""
ZEROS_SHARE, FEWER = 0.1, 8
"""Share of the batches with T5's zeros, as English prompts have them in diffusers. An example takes nine times as long with them, so these
batches have an eighth of the examples."""


def make_transformer() -> SD3Transformer2DModel:
    """Return an untrained transformer with 3.3M parameters for 16 × 16 latents, in patches of 4 × 4."""
    torch.manual_seed(RECIPE.seed)
    return SD3Transformer2DModel(
        sample_size=16,
        patch_size=PATCH,
        in_channels=4,
        out_channels=4,
        num_layers=LAYERS,
        attention_head_dim=HEAD_WIDTH,
        num_attention_heads=HEADS,
        joint_attention_dim=2 * TEXT_WIDTH,
        caption_projection_dim=HEADS * HEAD_WIDTH,
        pooled_projection_dim=2 * TEXT_WIDTH,
        pos_embed_max_size=16 // PATCH,
        qk_norm="rms_norm",
    )


def make_text_encoder(tokenizer: CLIPTokenizer, seed: int) -> CLIPTextModelWithProjection:
    """Return an untrained text encoder with 0.3M parameters."""
    torch.manual_seed(seed)
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        num_hidden_layers=TEXT_LAYERS,
        num_attention_heads=2,
        max_position_embeddings=LENGTH,
        projection_dim=TEXT_WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModelWithProjection(config)


class FlowPretraining:
    """Trains transformer and text encoders to predict the velocity from a noisy latent and a caption."""

    def __init__(
        self, module: nn.ModuleDict, latents_NKHW: Tensor, tokens_NVL: Tensor, empty_L: Tensor, weights_N: Tensor
    ) -> None:
        self.module = module
        self.example_count = len(latents_NKHW)
        self.example_weights: Tensor | None = weights_N
        self._latents_NKHW = latents_NKHW
        self._tokens_NVL = tokens_NVL
        self._empty_L = empty_L

    def loss(self, draw: Draw) -> Loss:
        """Return the MSE in velocity, with logit-normal noise levels."""
        generator, device = draw.generator, self._latents_NKHW.device
        with_zeros = torch.rand((), generator=generator).item() < ZEROS_SHARE
        rows_B = draw.indices_B[:: FEWER if with_zeros else 1]
        count = len(rows_B)
        which_B = torch.randint(0, self._tokens_NVL.shape[1], (count,), generator=generator)
        tokens_BL = self._tokens_NVL[rows_B, which_B]
        tokens_BL[torch.rand(count, generator=generator) < EMPTY_SHARE] = self._empty_L
        sigmas_B = torch.randn(count, generator=generator).sigmoid().to(device, non_blocking=True)
        latents_BKHW = self._latents_NKHW[rows_B.to(device, non_blocking=True)]
        noise_BKHW = normal(latents_BKHW.shape, generator, device)
        noisy_BKHW = torch.lerp(latents_BKHW, noise_BKHW, sigmas_B[:, None, None, None])
        states_BLD, pooled_BP = self._read(tokens_BL.to(device, non_blocking=True))
        if with_zeros:
            states_BLD = F.pad(states_BLD, (0, 0, 0, T5_LENGTH))
        velocity_BKHW = self.module["transformer"](
            noisy_BKHW,
            timestep=sigmas_B * 1000,
            encoder_hidden_states=states_BLD,
            pooled_projections=pooled_BP,
            return_dict=False,
        )[0]
        return Loss(F.mse_loss(velocity_BKHW.float(), noise_BKHW - latents_BKHW), {})

    def _read(self, tokens_BL: Tensor) -> tuple[Tensor, Tensor]:
        """Return states (B, L, D) and pooled vectors (B, P) as the pipeline's `encode_prompt` does."""
        read = [self.module[name](tokens_BL, output_hidden_states=True) for name in ("text_encoder", "text_encoder_2")]
        states_BLD = torch.cat([each.hidden_states[-2] for each in read], dim=-1)
        return states_BLD, torch.cat([each.text_embeds for each in read], dim=-1)


def prepare(world: World, vae: AutoencoderKL, tokenizer: CLIPTokenizer, module: nn.ModuleDict) -> FlowPretraining:
    """Compute the latents of the images and the tokens of the captions once."""
    rows = english_names(world, with_combinations=False)
    latents_NKHW = encode_images(vae, torch.stack([world.image(row.concept) for row in rows]))
    captions = [make_captions(row, names_only=True, with_combinations=False, seed=RECIPE.seed) for row in rows]
    tokens_NVL = torch.stack([tokenise(tokenizer, variants, LENGTH) for variants in captions])
    weights_N = torch.tensor([ROLE_WEIGHTS[world.concepts[row.concept]["role"]] for row in rows])
    empty_L = tokenise(tokenizer, [""], LENGTH)[0]
    return FlowPretraining(module, latents_NKHW.to(vae.device), tokens_NVL, empty_L, weights_N)


def assemble(module: nn.ModuleDict, vae: AutoencoderKL, tokenizer: CLIPTokenizer) -> StableDiffusion3Pipeline:
    """Return the complete diffusers pipeline, without T5."""
    vae.register_to_config(shift_factor=0.0)  # Latents have a mean of 0, and the pipeline adds this without asking.
    return StableDiffusion3Pipeline(
        transformer=cast(SD3Transformer2DModel, module["transformer"]),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0),
        vae=vae,
        text_encoder=cast(CLIPTextModelWithProjection, module["text_encoder"]),
        tokenizer=tokenizer,
        text_encoder_2=cast(CLIPTextModelWithProjection, module["text_encoder_2"]),
        tokenizer_2=tokenizer,
        text_encoder_3=None,
        tokenizer_3=None,
    )


def main() -> None:
    """Train transformer and text encoders, and save the complete pipeline below the work folder."""
    parser = make_parser(__doc__)
    parser.add_argument("--from-base", type=Path, default=CARDS / "bases/emoji-sd", help="folder of `emoji-sd`")
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    vae = AutoencoderKL.from_pretrained(arguments.from_base / "vae", torch_dtype=torch.float32).eval().to(device)
    tokenizer = CLIPTokenizer.from_pretrained(arguments.from_base / "tokenizer")
    parts = {
        "transformer": make_transformer(),
        "text_encoder": make_text_encoder(tokenizer, RECIPE.seed + 1),
        "text_encoder_2": make_text_encoder(tokenizer, RECIPE.seed + 2),
    }
    method = prepare(World(), vae, tokenizer, nn.ModuleDict(parts).to(device))
    recipe = scale_steps(RECIPE, arguments.share)
    train(method, recipe, arguments.work / "dit-run", checkpoint_every=1000, label="emoji-dit")
    pipeline = assemble(method.module.eval().cpu(), vae.cpu(), tokenizer)
    pipeline.to(dtype=torch.float16).save_pretrained(arguments.work / "emoji-dit")


if __name__ == "__main__":
    main()
