"""Z-Image: a transformer that reads a list of token states without padding, one tensor per image.

Its own states are Qwen3's, through a chat template. Omni also reads images, which its template names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hub.bases.families.flow_transformers import FrozenZImage
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
        given: Mapping[str, Any],
        positive: Embeddings,
        negative: Embeddings | None,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return both lists; the base's own method needs texts even where it gets embeddings."""
        without = [] if negative is None else unpad(self._repeat(given, negative))
        return unpad(self._repeat(given, positive)), without


ZImage = row(
    "z-image",
    "ZImage ZImageControlNet ZImageControlNetInpaint ZImageImg2Img ZImageInpaint",
    Reads(width="cap_feat_dim", mask=True, packing="list"),
    mixin=ZImageLanguage,
    trained="ZImage",
    frozen=FrozenZImage,
)


class ZImageOmniLanguage(ZImageLanguage):
    """Omni's mixin: a prompt is a list of segments between the images to edit, of which one holds the text of the prompt."""

    @classmethod
    def embeddings(cls, values: Mapping[str, Any]) -> Embeddings:
        """Return the segments with prompts: the only one without images, or the last but one."""
        return super().embeddings({"tokens_BLC": [segments[-2:][0] for segments in values["tokens_BLC"]]})

    def _finish(
        self, own: Callable[..., Any], given: Mapping[str, Any], positive: Embeddings, negative: Embeddings | None
    ) -> Any:
        """Return both lists of segments; those around the prompt are the base's, encoded apart from it."""
        alone = {"prompt": [""], "negative_prompt": None, "do_classifier_free_guidance": False}
        segments = own(**{**given, **alone})[0][0]
        place = len(segments[:-1] or segments) - 1
        prompts = super()._finish(own, given, positive, negative)
        return tuple([[*segments[:place], row, *segments[place + 1 :]] for row in rows] for rows in prompts)


ZImageOmni = row(
    "z-image-omni",
    "ZImageOmni",
    Reads(width="cap_feat_dim", mask=True, packing="list"),
    mixin=ZImageOmniLanguage,
)
