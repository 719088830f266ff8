"""The judge: an independent dual encoder that recognises generated images.

Shape letters: N images, B of them at a time, G gallery, D features, H and W an image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AutoTokenizer, CLIPModel

SCORES = 1 << 23
"""Scores in a matrix, in float64: 64 MB. A few such matrices are in memory at a time."""


@dataclass(frozen=True)
class Judge:
    """A `CLIPModel` and its tokenizer."""

    name: str
    model: Any
    tokenizer: Any

    @classmethod
    def from_folder(cls, folder: Path, name: str, device: str = "cpu") -> Judge:
        """Load a CLIP model and its tokenizer from a folder."""
        model = CLIPModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
        return cls(name, model.to(device).eval().requires_grad_(False), AutoTokenizer.from_pretrained(folder))

    @torch.no_grad()
    def text_features(self, texts: Sequence[str]) -> Tensor:
        """Return the normalised features (N, D) of texts."""
        length = self.model.config.text_config.max_position_embeddings
        tokens = self.tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=length, return_tensors="pt"
        )
        chunks = [
            self.model.get_text_features(
                ids.to(self.model.device), attention_mask=mask.to(self.model.device)
            ).pooler_output
            for ids, mask in zip(tokens.input_ids.split(256), tokens.attention_mask.split(256), strict=True)
        ]
        return F.normalize(torch.cat(chunks).float(), dim=1).cpu()

    @torch.no_grad()
    def image_features(self, images_N3HW: Tensor) -> Tensor:
        """Return the features (N, D) of images (N, 3, H, W) in 0…1, not normalised."""
        side = self.model.config.vision_config.image_size
        chunks = [
            self.model.get_image_features((chunk * 2 - 1).to(self.model.device)).pooler_output
            for chunk in resize(images_N3HW.float(), side).split(128)
        ]
        return torch.cat(chunks).float().cpu()


def resize(images_N3HW: Tensor, side: int) -> Tensor:
    """Resize images (N, 3, H, W) to (N, 3, side, side); images of that size are returned unchanged."""
    if images_N3HW.shape[-1] == side:
        return images_N3HW
    return F.interpolate(images_N3HW, (side, side), mode="bicubic", antialias=True).clamp(0, 1)


def ranks(queries_ND: Tensor, gallery_GD: Tensor, right_N: Tensor) -> Tensor:
    """Return the rank (N,) of the right gallery entry by cosine, 0 for the nearest; ties count against it.

    Shapes: queries (N, D), gallery (G, D), right entries (N,).
    """
    gallery_DG = F.normalize(gallery_GD.double(), dim=1).T

    def rank(queries_BD: Tensor, right_B: Tensor) -> Tensor:
        scores_BG = F.normalize(queries_BD.double(), dim=1) @ gallery_DG
        own_B1 = scores_BG.gather(1, right_B[:, None])
        return (scores_BG >= own_B1).sum(dim=1) - 1

    return rank_in_parts(rank, len(gallery_GD), queries_ND, right_N)


def rank_in_parts(rank: Callable[..., Tensor], width: int, *rows: Tensor) -> Tensor:
    """Return `rank(*rows)`, computed in parts whose matrix of scores, `width` wide, takes at most 64 MB."""
    size = max(1, SCORES // max(1, width))
    if len(rows[0]) <= size:
        return rank(*rows)
    return torch.cat([rank(*parts) for parts in zip(*(each.split(size) for each in rows), strict=True)])


def pixel_features(images_N3HW: Tensor, side: int = 16) -> Tensor:
    """Average images (N, 3, H, W) to side × side and subtract each image's mean colour: (N, D)."""
    small_N3SS = F.adaptive_avg_pool2d(images_N3HW.double(), side)
    return (small_N3SS - small_N3SS.mean(dim=(2, 3), keepdim=True)).flatten(1)
