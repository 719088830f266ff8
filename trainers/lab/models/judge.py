"""`emoji-judge`'s last lesson: every name of the gallery as a wrong answer, images as an autoencoder spoils them.

A batch of 128 seldom holds the two faces that are hard to tell apart, and drawn images lose detail in ways that blur
and noise on pixels do not show. So the judge must find each image's name among all names of the gallery at once, and
half of the images are real ones through the autoencoder with noise on the latent. It never sees a drawn image.

Shape letters: N concepts, G gallery, V captions or versions of one concept, B batch, L tokens, D features, H W an image.
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
from trainers.lab.models.vae import encode
from trainers.loop.method import Draw, Loss
from trainers.loop.sampler import generator_of

SPOILT = (0.0, 0.2, 0.35, 0.5, 0.65)
"""Deviations of the noise on latents whose own deviation is 1."""
SPOILT_SHARE = 0.5
GALLERY_WEIGHT = 3.0
"""How often a concept of the gallery is drawn, relative to skin tones and flags."""


class Sharpening:
    """Match captions with images, each image against all names of the gallery."""

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
        """InfoNCE, images → the batch's captions and the gallery's names, captions → the batch's images."""
        count = len(draw.indices_B)
        which_B = torch.randint(0, self._tokens_NVL.shape[1], (count,), generator=draw.generator)
        ids_BL = self._tokens_NVL[draw.indices_B, which_B].to(self._device)
        spoilt_B = torch.rand(count, generator=draw.generator) < SPOILT_SHARE
        version_B = torch.randint(1, self._images_NV3HW.shape[1], (count,), generator=draw.generator) * spoilt_B
        x_B3HW = augment(to_unit(self._images_NV3HW[draw.indices_B, version_B]).to(self._device), draw.generator)
        texts_TL = torch.cat([ids_BL, self._gallery_GL])
        text_TD = F.normalize(self.module.get_text_features(texts_TL).pooler_output.float(), dim=1)
        image_BD = F.normalize(self.module.get_image_features(x_B3HW).pooler_output.float(), dim=1)
        logits_BT = image_BD @ text_TD.T * self.module.logit_scale.exp()
        concept_B = draw.indices_B.to(self._device)
        target_BT = (concept_B[:, None] == torch.cat([concept_B, self._place_G])[None, :]).float()
        loss = (soft(logits_BT, target_BT) + soft(logits_BT[:, :count].T, target_BT[:, :count].T)) / 2
        hit_B = target_BT.gather(1, logits_BT.argmax(1, keepdim=True))
        return Loss(loss, {"hit": hit_B.mean().detach(), "scale": self.module.logit_scale.detach().exp()})


def soft(logits_BT: Tensor, target_BT: Tensor) -> Tensor:
    """Cross-entropy where all right answers share the probability."""
    return F.cross_entropy(logits_BT, target_BT / target_BT.sum(dim=1, keepdim=True))


@torch.no_grad()
def spoil(vae: AutoencoderKL, images_N3HW: Tensor, seed: int) -> Tensor:
    """Each uint8 image and its versions through the autoencoder, (N, 1 + len(SPOILT), 3, H, W), uint8."""
    latents_NCHW = encode(vae, images_N3HW)
    versions = [images_N3HW]
    device = next(vae.parameters()).device
    for deviation in tqdm(SPOILT, desc="spoilt images", unit="version"):
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
) -> Sharpening:
    """The lesson on what `trainers.lab.models.clip` prepared for the judge."""
    place = {row.concept: index for index, row in enumerate(rows)}
    gallery = world.gallery()
    names = [rows[place[concept]].name for concept in gallery]
    return Sharpening(
        clip,
        tokens_NVL,
        spoil(vae, images_N3HW, seed),
        tokenise(tokenizer, names, LENGTH),
        torch.tensor([place[concept] for concept in gallery]),
        clip.device,
    )
