"""Image bases whose own text encoder is a CLIP: Stable Cascade's prior."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.bases.families.row import row
from hub.bases.family import Reads
from hub.bases.language_mixin import LanguageMixin
from hub.embeddings import Embeddings


class StableCascadeLanguage(LanguageMixin):
    """Stable Cascade's mixin: a pooled vector is a sequence of one token."""

    @classmethod
    def embeddings(cls, values: Mapping[str, Any]) -> Embeddings:
        """Return the base's embeddings."""
        return Embeddings(values["tokens_BLC"], values["pooled_BP"][:, 0])

    def values(self, embeddings: Embeddings) -> dict[str, Any]:
        """Return the values that the base takes."""
        assert embeddings.pooled_BP is not None
        return {"tokens_BLC": embeddings.tokens_BLC, "pooled_BP": embeddings.pooled_BP[:, None]}


StableCascadePrior = row(
    "stable-cascade-prior",
    "StableCascadePrior",
    Reads(width="clip_text_in_channels", pooled="clip_text_pooled_in_channels"),
    gives=("tokens_BLC", "pooled_BP"),
    arguments={"tokens_BLC": "prompt_embeds", "pooled_BP": "prompt_embeds_pooled"},
    denoiser="prior",
    mixin=StableCascadeLanguage,
)
