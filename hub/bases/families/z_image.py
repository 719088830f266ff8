"""Z-Image: a transformer that reads a list of token states without padding, one tensor per image.

Its own states are Qwen3's, through a chat template. Omni also reads images, which its template names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hub.bases.families.row import row
from hub.bases.family import Reads
from hub.bases.language_mixin import LanguageMixin
from hub.embeddings import Embeddings, unpad

if TYPE_CHECKING:
    from torch import Tensor


class ZImageLanguage(LanguageMixin):
    """A mixin for pipelines that take lists of tensors (L, C)."""

    takes_lists = True

    def _finish(
        self,
        own: Callable[..., Any],  # noqa: ARG002 - as the mixin has it
        given: Mapping[str, Any],  # noqa: ARG002
        positive: Embeddings,
        negative: Embeddings | None,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return both lists; the base's own method needs texts even where it gets embeddings."""
        return tuple([] if each is None else unpad(each.map(self._cast)) for each in (positive, negative))  # type: ignore[return-value]

    def _cast(self, each: Tensor) -> Tensor:
        return each.to(self.transformer.dtype) if each.is_floating_point() else each  # type: ignore[attr-defined]


ZImage = row(
    "z-image",
    "ZImage ZImageControlNet ZImageControlNetInpaint ZImageImg2Img ZImageInpaint",
    Reads(width="cap_feat_dim", mask=True, packing="list"),
    mixin=ZImageLanguage,
)
