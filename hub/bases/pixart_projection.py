"""A place for modules behind PixArt's caption projection: the projection passes on what has been projected already.

Rows are told apart by their width (T5 gives 4096 channels, the transformer reads 1152), so embeddings that somebody kept stay
good whoever reads next, and one batch of the base's own draws as ever.

Shape letters: B batch, L tokens, T width of the base's text encoder, C conditioning width.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.embeddings import PixArtAlphaTextProjection
from torch import Tensor, nn

from hub.errors import DoesNotFit


class PassingProjection(PixArtAlphaTextProjection):
    """The same layers under the same names as `own`, in whose place it stands for as long as any module needs it."""

    def __init__(self, own: nn.Module, width: int) -> None:
        nn.Module.__init__(self)
        # One dictionary for both: what takes a layer's place, a LoRA say, does so in both.
        self._modules = vars(own)["_modules"]
        self.training = own.training
        self.width = width
        self.residents = 0
        self._behind = (own,)  # in a tuple, so that it is no layer of this one

    @property
    def own(self) -> nn.Module:
        """The base's projection."""
        return self._behind[0]

    def forward(self, caption: Tensor) -> Tensor:
        """Shapes: (B, L, T) → (B, L, C); (B, L, C) stays."""
        if caption.shape[-1] == self.width:
            return caption
        projected: Tensor = super().forward(caption)
        return projected


class CaptionPlace:
    """A `Change` of the base: while residents hold it, the transformer takes modules' states as well as its encoder's."""

    exclusive = False

    def __init__(self, transformer: Any) -> None:
        """Raises DoesNotFit where the base's states are as wide as a module's, so that nothing tells them apart."""
        self._transformer = getattr(transformer, "_orig_mod", transformer)  # behind `torch.compile`
        projection, width = self._transformer.caption_projection, self._transformer.inner_dim
        if not isinstance(projection, PassingProjection):
            if projection.linear_1.in_features == width:
                raise DoesNotFit(
                    f"the caption projection of this base reads states of width {width} and gives the same: what a module "
                    "gives cannot be told from them. Choose a base whose `caption_channels` differ from its width."
                )
            self._own = projection
            projection = PassingProjection(projection, width)
            self._transformer.caption_projection = projection
        else:
            self._own = projection.own
        self._held = True
        projection.residents += 1

    def switch(self, on: bool) -> None:
        """Widths tell what is to be projected, so it may stay."""

    def remove(self) -> None:
        """Put the projection itself back when the last resident goes."""
        if not self._held:
            return
        self._held = False
        place = self._transformer.caption_projection
        place.residents -= 1
        if not place.residents:
            self._transformer.caption_projection = self._own

    def move(self, device: torch.device) -> None:
        """It lies in the transformer, and goes with it."""
