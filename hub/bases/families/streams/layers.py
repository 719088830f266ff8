"""Transformers that read several hidden layers of a language model, each with its own weights: HiDream, Krea 2, FIBO 2.

Shape letters: B batch, L tokens, N layers, C width of a layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any, ClassVar

from hub.bases.families.row import row
from hub.bases.family import Also, Reads
from hub.bases.language_mixin import LanguageMixin
from hub.embeddings import Embeddings

LLAMA = "streams.0.tokens_BLC"


class LayersLanguage(LanguageMixin):
    """A mixin for states with an axis of layers, which modules return as channels."""

    layered: ClassVar[str] = "tokens_BLC"
    """The field of `Embeddings` with layers."""
    layers_axis: ClassVar[int]
    """The axis of the layers in the base's states."""
    layer_width: ClassVar[str]
    """Key of C in the denoiser's configuration."""

    @classmethod
    def embeddings(cls, values: Mapping[str, Any]) -> Embeddings:
        """Return embeddings whose channels are those of all layers."""
        states_BLNC = values[cls.layered].movedim(cls.layers_axis, 2)
        return super().embeddings({**values, cls.layered: states_BLNC.flatten(2)})

    def values(self, embeddings: Embeddings) -> dict[str, Any]:
        """Return the values that the base takes, with the layers where it has them."""
        config = self.transformer.config  # type: ignore[attr-defined]
        width = reduce(
            lambda found, key: found[int(key) if key.isdecimal() else key], self.layer_width.split("."), config
        )
        if embeddings.mask_BL is not None:
            embeddings = embeddings._replace(mask_BL=embeddings.mask_BL.bool())  # attention takes no integers
        values = super().values(embeddings)
        states_BLNC = values[self.layered].unflatten(2, (-1, width))
        return {**values, self.layered: states_BLNC.movedim(2, self.layers_axis)}


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
    mixin=LayersLanguage,
    layered=LLAMA,
    layers_axis=0,
    layer_width="caption_channels.1",
    counts_padding=True,
)
_MASK = {"tokens_BLC": "prompt_embeds", "mask_BL": "prompt_embeds_mask"}
"""Field of `Embeddings` → argument."""
Krea2 = row(
    "krea-2",
    "Krea2",
    Reads(width="text_hidden_dim", layers="num_text_layers", mask=True),
    gives=("tokens_BLC", "mask_BL"),
    arguments=_MASK,
    mixin=LayersLanguage,
    layers_axis=2,
    layer_width="text_hidden_dim",
    encodes_apart=True,
)
BriaFibo2 = row(
    "bria-fibo-2",
    "BriaFibo2",
    Reads(width="cap_feat_dim", layers="injection_layer_ids[]+1", mask=True),
    gives=("tokens_BLC", "mask_BL"),
    arguments=_MASK,
    mixin=LayersLanguage,
    layers_axis=1,
    layer_width="cap_feat_dim",
    encodes_apart=True,
)
