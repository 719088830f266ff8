"""ERNIE-Image: a transformer that reads token states with lengths; the pipeline takes a list without padding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hub.bases.families.row import row
from hub.bases.family import Reads
from hub.bases.language_mixin import LanguageMixin
from hub.embeddings import Embeddings, unpad

if TYPE_CHECKING:
    from torch import Tensor


class ErnieImageLanguage(LanguageMixin):
    """A mixin for an `encode_prompt` that takes no embeddings and returns a list of states (L, C), one for each image."""

    takes_lists = True

    def _finish(
        self,
        own: Callable[..., Any],  # noqa: ARG002 - as the mixin has it
        given: Mapping[str, Any],
        positive: Embeddings,
        negative: Embeddings | None,  # noqa: ARG002 - encoded apart
    ) -> list[Tensor]:
        return unpad(self._repeat(given, positive))


ErnieImage = row(
    "ernie-image",
    "ErnieImage",
    Reads(width="text_in_dim", mask=True, packing="lengths"),
    arguments={},
    mixin=ErnieImageLanguage,
    encodes_apart=True,
)
