"""Let modules return states that skip PixArt's caption projection: states of the projected width pass through unchanged.

Widths distinguish them (T5 gives 4096 channels, the transformer reads 1152), so precomputed embeddings stay valid whichever
module is active, and the base's own batches are unchanged.

Shape letters: B batch, L tokens, T width of the base's text encoder, C conditioning width.
"""

from __future__ import annotations

from typing import Any

from diffusers.models.embeddings import PixArtAlphaTextProjection
from torch import Tensor, nn

from hub.bases.patch import Patch, uncompiled
from hub.errors import DoesNotFit


class PassingProjection(PixArtAlphaTextProjection):
    """The layers of `own` under the same names, in its place for as long as any module needs it."""

    def __init__(self, own: nn.Module, width: int) -> None:
        nn.Module.__init__(self)
        # One dictionary for both, so that a replaced layer (a LoRA's, for example) is replaced in both.
        self._modules = vars(own)["_modules"]
        self.training = own.training
        self.width = width
        self.users = 0
        self._behind = (own,)  # in a tuple, so that it is not registered as a submodule

    @property
    def own(self) -> nn.Module:
        """Return the base's projection."""
        return self._behind[0]

    def forward(self, caption: Tensor) -> Tensor:
        """Project (B, L, T) → (B, L, C) and pass (B, L, C) through."""
        if caption.shape[-1] == self.width:
            return caption
        projected: Tensor = super().forward(caption)
        return projected


class CaptionProjectionSwap(Patch):
    """A `Patch` of the base: while it is in place, the transformer reads modules' states as well as its encoder's.

    It needs no switch: the width decides whether a tensor is projected.
    """

    def __init__(self, transformer: Any) -> None:
        """Swap the projection. Raises DoesNotFit if its input is as wide as its output, so that widths cannot decide."""
        self._transformer = uncompiled(transformer)
        projection, width = self._transformer.caption_projection, self._transformer.inner_dim
        if not isinstance(projection, PassingProjection):
            if projection.linear_1.in_features == width:
                raise DoesNotFit(
                    f"the caption projection of this base reads and gives states of width {width}, so a module's states cannot "
                    "be distinguished from the encoder's. Choose a base whose `caption_channels` differ from its width."
                )
            projection = self._transformer.caption_projection = PassingProjection(projection, width)
        self._projection: PassingProjection | None = projection
        projection.users += 1

    def remove(self) -> None:
        """Restore the base's projection when the last user is removed. Idempotent."""
        if self._projection is None:
            return
        self._projection.users -= 1
        if not self._projection.users:
            self._transformer.caption_projection = self._projection.own
        self._projection = None
