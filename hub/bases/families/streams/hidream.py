"""HiDream-I1: a transformer that reads T5's states, all layers of Llama, and a pooled vector, without a mask.

Shape letters: B batch, L tokens, N layers, C width of a layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.bases.families.row import row
from hub.bases.family import Also, Reads
from hub.bases.language_mixin import LanguageMixin
from hub.embeddings import Embeddings

LLAMA = "streams.0.tokens_BLC"


class HiDreamLanguage(LanguageMixin):
    """HiDream's mixin: layers are the first axis of Llama's states, before the batch."""

    @classmethod
    def embeddings(cls, values: Mapping[str, Any]) -> Embeddings:
        """Return the base's embeddings, with Llama's layers side by side."""
        llama_BLNC = values[LLAMA].permute(1, 2, 0, 3)
        return super().embeddings({**values, LLAMA: llama_BLNC.flatten(2)})

    def values(self, embeddings: Embeddings) -> dict[str, Any]:
        """Return the values that the base takes, with Llama's layers as the first axis."""
        values = super().values(embeddings)
        width = self.transformer.config.caption_channels[1]  # type: ignore[attr-defined]
        return {**values, LLAMA: values[LLAMA].unflatten(2, (-1, width)).permute(2, 0, 1, 3)}


HiDream = row(
    "hidream",
    "HiDreamImage",
    Reads(
        width="caption_channels.0",
        pooled="text_emb_dim",
        streams=(Also(name="llama", width="caption_channels.1", layers="llama_layers{}"),),
    ),
    gives=("tokens_BLC", "", LLAMA, "", "pooled_BP"),
    arguments={"tokens_BLC": "prompt_embeds_t5", LLAMA: "prompt_embeds_llama3", "pooled_BP": "pooled_prompt_embeds"},
    mixin=HiDreamLanguage,
    counts_padding=True,
)
