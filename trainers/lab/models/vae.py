"""Train the autoencoder of `emoji-sd`: 64 × 64 images to 16 × 16 × 4 latents of unit variance.

    python -m trainers.lab.models.vae

The loss is L1 + MSE + 0.5 gradient-L1 + 1e-3 KL. After training, the mean and the deviation of the latents are folded
into the quant convolutions, so that `scaling_factor` is 1 and the denoiser gets standardised latents.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from trainers.corpora.emoji_dataset import World
from trainers.lab.models.pairs import to_unit
from trainers.lab.stage_options import make_parser, scale_steps
from trainers.loop.loop import train
from trainers.loop.method import Draw, Loss
from trainers.loop.recipe import Recipe

RECIPE = Recipe(
    steps=2400,
    batch_size=24,
    learning_rate=3e-3,
    warmup_steps=150,
    weight_decay=0.0,
    ema_decay=0.99,
    seed=1,
)


def make_vae() -> AutoencoderKL:
    """Return an untrained autoencoder with 0.65M parameters."""
    torch.manual_seed(RECIPE.seed)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=64,
        scaling_factor=1.0,
    )


class AutoencoderTraining:
    """Trains the autoencoder to reconstruct images."""

    example_weights: Tensor | None = None

    def __init__(self, module: AutoencoderKL, images_N3HW: Tensor, device: torch.device) -> None:
        self.module = module
        self.example_count = len(images_N3HW)
        self._images_N3HW = images_N3HW
        self._device = device

    def loss(self, draw: Draw) -> Loss:
        """Return L1 + MSE + 0.5 · L1 of the image's gradients + 1e-3 · KL."""
        x_B3HW = to_unit(self._images_N3HW[draw.indices_B]).to(self._device)
        posterior = self.module.encode(x_B3HW).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=draw.generator).to(self._device)
        y_B3HW = self.module.decode(posterior.mean + posterior.std * noise).sample.float()
        l1 = (y_B3HW - x_B3HW).abs().mean()
        mse = (y_B3HW - x_B3HW).square().mean()
        gradient = sum(((y_B3HW - x_B3HW).diff(dim=dim)).abs().mean() for dim in (2, 3))
        kl = posterior.kl().mean() / posterior.mean[0].numel()
        total = l1 + mse + 0.5 * gradient + 1e-3 * kl
        return Loss(total, {"mse": mse.detach(), "kl": kl.detach()})


@torch.no_grad()
def encode_images(vae: AutoencoderKL, images_N3HW: Tensor, batch_size: int = 64) -> Tensor:
    """Return the mean latents of uint8 images, (N, 4, 16, 16), fp32."""
    device = next(vae.parameters()).device
    chunks = [vae.encode(to_unit(chunk).to(device)).latent_dist.mean for chunk in images_N3HW.split(batch_size)]
    return torch.cat(chunks).float().cpu()


@torch.no_grad()
def fold_statistics(vae: AutoencoderKL, latents_NCHW: Tensor) -> None:
    """Give the latents a mean of 0 and a deviation of 1 per channel by changing only the 1 × 1 quant convolutions."""
    mean_C = latents_NCHW.mean(dim=(0, 2, 3)).to(vae.device)
    std_C = latents_NCHW.std(dim=(0, 2, 3)).to(vae.device)
    channels = len(mean_C)
    vae.quant_conv.weight[:channels] /= std_C[:, None, None, None]
    vae.quant_conv.bias[:channels] = (vae.quant_conv.bias[:channels] - mean_C) / std_C
    vae.quant_conv.bias[channels:] -= 2 * std_C.log()  # the second half is a log variance
    vae.post_quant_conv.bias += torch.einsum("ocij,c->o", vae.post_quant_conv.weight, mean_C)
    vae.post_quant_conv.weight *= std_C[None, :, None, None]


def main() -> None:
    """Train the autoencoder, fold the statistics and save it below the work folder."""
    arguments = make_parser(__doc__).parse_args()
    work: Path = arguments.work
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    world = World()
    ids = [id for id, row in world.concepts.items() if row["role"] != "extra"]
    images_N3HW = torch.stack([world.image(id) for id in ids])
    vae = make_vae().to(device)
    recipe = scale_steps(RECIPE, arguments.share)
    train(AutoencoderTraining(vae, images_N3HW, device), recipe, work / "vae-run", checkpoint_every=200, label="vae")
    vae.eval()
    fold_statistics(vae, encode_images(vae, images_N3HW))
    vae.save_pretrained(work / "vae")


if __name__ == "__main__":
    main()
