"""The last training phase of `emoji-judge`: contrast with the whole gallery, on images degraded by an autoencoder.

A batch of 128 seldom contains two faces that are hard to distinguish, and generated images lose detail in ways that
blur and noise on pixels do not reproduce. So the judge must find the name of each image among all names of the gallery,
and half of the images are real ones passed through the autoencoder with noise added to the latent. It is never trained
on generated images.

Shape letters: N concepts, G gallery, V captions or versions of one concept, B batch, L tokens, D features, H × W image.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor
from tqdm.auto import tqdm
from transformers import CLIPModel, CLIPTokenizer

from trainers.corpora.emoji_dataset import Name, World
from trainers.lab.dataset.captions import tokenise
from trainers.lab.models.pairs import LENGTH, augment, to_unit
from trainers.lab.models.vae import encode_images
from trainers.loop.method import Draw, Loss
from trainers.loop.sampler import generator_of

NOISE_LEVELS = (0.0, 0.2, 0.35, 0.5, 0.65)
"""Standard deviations of the noise added to latents, which have a standard deviation of 1."""
DEGRADED_SHARE = 0.5
GALLERY_WEIGHT = 3.0
"""How often a concept of the gallery is sampled, relative to skin tones and flags."""


class GalleryContrast:
    """Trains a dual encoder to match captions with images, each image against all names of the gallery."""

    def __init__(
        self,
        module: CLIPModel,
        tokens_NVL: Tensor,
        images_NV3HW: Tensor,
        gallery_GL: Tensor,
        place_G: Tensor,
        device: torch.device,
    ) -> None:
        self.module = module
        self.example_count = len(tokens_NVL)
        weights_N = torch.ones(len(tokens_NVL), dtype=torch.float64)
        weights_N[place_G] = GALLERY_WEIGHT
        self.example_weights: Tensor | None = weights_N
        self._tokens_NVL = tokens_NVL
        self._images_NV3HW = images_NV3HW
        self._gallery_GL = gallery_GL.to(device)
        self._place_G = place_G.to(device)
        self._device = device

    def loss(self, draw: Draw) -> Loss:
        """Return the InfoNCE of images over the batch's captions and the gallery's names, and of captions over images."""
        count = len(draw.indices_B)
        which_B = torch.randint(0, self._tokens_NVL.shape[1], (count,), generator=draw.generator)
        ids_BL = self._tokens_NVL[draw.indices_B, which_B].to(self._device)
        degraded_B = torch.rand(count, generator=draw.generator) < DEGRADED_SHARE
        version_B = torch.randint(1, self._images_NV3HW.shape[1], (count,), generator=draw.generator) * degraded_B
        x_B3HW = augment(to_unit(self._images_NV3HW[draw.indices_B, version_B]).to(self._device), draw.generator)
        texts_TL = torch.cat([ids_BL, self._gallery_GL])
        text_TD = F.normalize(self.module.get_text_features(texts_TL).pooler_output.float(), dim=1)
        image_BD = F.normalize(self.module.get_image_features(x_B3HW).pooler_output.float(), dim=1)
        logits_BT = image_BD @ text_TD.T * self.module.logit_scale.exp()
        concept_B = draw.indices_B.to(self._device)
        target_BT = (concept_B[:, None] == torch.cat([concept_B, self._place_G])[None, :]).float()
        loss = (
            soft_cross_entropy(logits_BT, target_BT)
            + soft_cross_entropy(logits_BT[:, :count].T, target_BT[:, :count].T)
        ) / 2
        hit_B = target_BT.gather(1, logits_BT.argmax(1, keepdim=True))
        return Loss(loss, {"hit": hit_B.mean().detach(), "scale": self.module.logit_scale.detach().exp()})


def soft_cross_entropy(logits_BT: Tensor, target_BT: Tensor) -> Tensor:
    """Return the cross-entropy where all correct answers share the probability."""
    return F.cross_entropy(logits_BT, target_BT / target_BT.sum(dim=1, keepdim=True))


@torch.no_grad()
def degrade(vae: AutoencoderKL, images_N3HW: Tensor, seed: int) -> Tensor:
    """Return each uint8 image and its versions after the autoencoder, (N, 1 + len(NOISE_LEVELS), 3, H, W), uint8."""
    latents_NCHW = encode_images(vae, images_N3HW)
    versions = [images_N3HW]
    device = next(vae.parameters()).device
    for deviation in tqdm(NOISE_LEVELS, desc="degraded images", unit="version"):
        noise_NCHW = torch.randn(latents_NCHW.shape, generator=generator_of(seed, "spoil", str(deviation)))
        noisy_NCHW = latents_NCHW + deviation * noise_NCHW
        decoded = [vae.decode(chunk.to(device)).sample.cpu() for chunk in noisy_NCHW.split(64)]
        versions.append(((torch.cat(decoded) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8))
    return torch.stack(versions, dim=1)


def prepare(
    clip: CLIPModel,
    tokenizer: CLIPTokenizer,
    world: World,
    rows: list[Name],
    tokens_NVL: Tensor,
    images_N3HW: Tensor,
    vae: AutoencoderKL,
    seed: int,
) -> GalleryContrast:
    """Return the training method for the data that `trainers.lab.models.clip` prepared for the judge."""
    place = {row.concept: index for index, row in enumerate(rows)}
    gallery = world.gallery()
    names = [rows[place[concept]].name for concept in gallery]
    return GalleryContrast(
        clip,
        tokens_NVL,
        degrade(vae, images_N3HW, seed),
        tokenise(tokenizer, names, LENGTH),
        torch.tensor([place[concept] for concept in gallery]),
        clip.device,
    )
