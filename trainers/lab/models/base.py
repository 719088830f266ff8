"""Train `emoji-sd`, a tiny Stable Diffusion that reads English only.

    python -m trainers.lab.models.base

Needs `vae` and `emoji-clip`. Uses v-prediction (Salimans and Ho 2022) with a schedule rescaled to zero terminal SNR (Lin
et al. 2023), 10 % empty captions for classifier-free guidance, and an exponential moving average of the weights.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDIMScheduler, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

from trainers.corpora.emoji_dataset import World
from trainers.lab.dataset.captions import english_names, make_captions, tokenise
from trainers.lab.models.pairs import LENGTH
from trainers.lab.models.vae import encode_images
from trainers.lab.stage_options import make_parser, scale_steps
from trainers.loop.loop import train
from trainers.loop.method import Draw, Loss
from trainers.loop.recipe import Recipe

RECIPE = Recipe(
    steps=7000,
    batch_size=64,
    learning_rate=1.2e-3,
    betas=(0.9, 0.99),
    weight_decay=0.01,
    warmup_steps=100,
    hold_share=0.5,
    final_share=0.02,
    decay="linear",
    ema_decay=0.998,
    seed=3,
)
REFINE = replace(
    RECIPE, steps=1300, learning_rate=5e-4, warmup_steps=50, hold_share=0.25, final_share=0.01, ema_decay=0.995, seed=4
)
"""Starts from the averaged weights of the first run: a second, slower decay of the learning rate sharpens edges."""
ROLE_WEIGHTS = {"base": 1.0, "tone": 0.35, "flag": 0.3}
"""How often a concept is sampled, relative to a base concept."""
EMPTY_SHARE = 0.1
SCHEDULE = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
}


def make_unet() -> UNet2DConditionModel:
    """Return an untrained denoiser with 9.35M parameters and cross-attention at 8 × 8 and 4 × 4."""
    torch.manual_seed(RECIPE.seed)
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        block_out_channels=(48, 96, 192),
        layers_per_block=1,
        cross_attention_dim=128,
        attention_head_dim=4,
        norm_num_groups=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    )
    if not torch.cuda.is_available():
        unet.set_attn_processor(AttnProcessor())  # on a CPU the backward pass of fused attention took a third of a step
    return unet


class DenoiserPretraining:
    """Trains the denoiser to predict v from a noisy latent and a caption's token states."""

    def __init__(
        self,
        module: UNet2DConditionModel,
        latents_NCHW: Tensor,
        states_NVLD: Tensor,
        empty_LD: Tensor,
        weights_N: Tensor,
        device: torch.device,
    ) -> None:
        self.module = module
        self.example_count = len(latents_NCHW)
        self.example_weights: Tensor | None = weights_N
        self._latents_NCHW = latents_NCHW
        self._states_NVLD = states_NVLD
        self._empty_LD = empty_LD
        self._device = device
        self._scheduler = DDPMScheduler(**SCHEDULE)

    def loss(self, draw: Draw) -> Loss:
        """Return the MSE in v, with all timesteps equally likely."""
        count = len(draw.indices_B)
        x_BCHW = self._latents_NCHW[draw.indices_B]
        which_B = torch.randint(0, self._states_NVLD.shape[1], (count,), generator=draw.generator)
        states_BLD = self._states_NVLD[draw.indices_B, which_B].float()
        empty_B = torch.rand(count, generator=draw.generator) < EMPTY_SHARE
        states_BLD[empty_B] = self._empty_LD
        # One timestep per equal slice of the schedule: the same distribution with less variance within a batch.
        slices_B = torch.arange(count) + torch.rand(count, generator=draw.generator)
        steps_B = (slices_B / count * self._scheduler.config.num_train_timesteps).long()
        noise_BCHW = torch.randn(x_BCHW.shape, generator=draw.generator)
        noisy_BCHW = self._scheduler.add_noise(x_BCHW, noise_BCHW, steps_B)
        target_BCHW = self._scheduler.get_velocity(x_BCHW, noise_BCHW, steps_B).to(self._device)
        v_BCHW = self.module(
            noisy_BCHW.to(self._device),
            steps_B.to(self._device),
            encoder_hidden_states=states_BLD.to(self._device),
            return_dict=False,
        )[0]
        return Loss(F.mse_loss(v_BCHW.float(), target_BCHW), {})


@torch.no_grad()
def encode_captions(text_encoder: CLIPTextModel, tokens_NL: Tensor) -> Tensor:
    """Return the last hidden state of each caption, (N, L, D), fp16, on the CPU."""
    device = text_encoder.device
    return torch.cat([text_encoder(chunk.to(device)).last_hidden_state.half().cpu() for chunk in tokens_NL.split(512)])


def load_text_encoder(folder: Path) -> tuple[CLIPTextModel, CLIPTokenizer]:
    """Load the text encoder of a dual encoder in the form that Stable Diffusion expects, with its tokenizer."""
    clip = CLIPModel.from_pretrained(folder)
    text_encoder = CLIPTextModel(clip.config.text_config)
    text_encoder.load_state_dict(clip.text_model.state_dict())
    return text_encoder.eval(), CLIPTokenizer.from_pretrained(folder)


def assemble(work: Path, unet: UNet2DConditionModel) -> StableDiffusionPipeline:
    """Return the complete diffusers pipeline."""
    text_encoder, tokenizer = load_text_encoder(work / "emoji-clip")
    return StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(work / "vae"),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=DDIMScheduler(**SCHEDULE, clip_sample=False, set_alpha_to_one=True, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def prepare(world: World, work: Path, unet: UNet2DConditionModel, device: torch.device) -> DenoiserPretraining:
    """Compute what the frozen parts contribute once: latents of the images and token states of the captions."""
    rows = english_names(world, with_combinations=False)
    vae = AutoencoderKL.from_pretrained(work / "vae").eval().to(device)
    latents_NCHW = encode_images(vae, torch.stack([world.image(row.concept) for row in rows]))
    text_encoder, tokenizer = load_text_encoder(work / "emoji-clip")
    captions = [make_captions(row, names_only=True, with_combinations=False, seed=RECIPE.seed) for row in rows]
    tokens_NL = tokenise(tokenizer, [caption for variants in captions for caption in variants], LENGTH)
    states_NVLD = encode_captions(text_encoder.to(device), tokens_NL).unflatten(0, (len(rows), -1))
    empty_LD = encode_captions(text_encoder, tokenise(tokenizer, [""], LENGTH))[0].float()
    weights_N = torch.tensor([ROLE_WEIGHTS[world.concepts[row.concept]["role"]] for row in rows])
    return DenoiserPretraining(unet, latents_NCHW, states_NVLD, empty_LD, weights_N, device)


def main() -> None:
    """Train the denoiser and save the complete pipeline below the work folder."""
    arguments = make_parser(__doc__).parse_args()
    work: Path = arguments.work
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    unet = make_unet().to(device)
    method = prepare(World(), work, unet, device)
    recipe, refine = (scale_steps(each, arguments.share) for each in (RECIPE, REFINE))
    train(method, recipe, work / "unet-run", checkpoint_every=250, label="unet")
    train(method, refine, work / "unet-refine-run", checkpoint_every=100, label="unet, refined")
    assemble(work, unet.eval().cpu()).save_pretrained(work / "emoji-sd")


if __name__ == "__main__":
    main()
