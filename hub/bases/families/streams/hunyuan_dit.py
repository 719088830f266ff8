"""Hunyuan-DiT: a transformer that reads a BERT's states and mT5's, 77 and 256 tokens, each with a mask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hub.bases.families.row import row
from hub.bases.family import Also, Reads
from hub.bases.language_mixin import LanguageMixin
from hub.bases.padding import pad
from hub.embeddings import Embeddings


class HunyuanDiTLanguage(LanguageMixin):
    """Hunyuan-DiT's mixin: `encode_prompt` returns one stream, which `text_encoder_index` selects."""

    def encode_all(self, encode: Callable[..., Any], given: Mapping[str, Any]) -> Embeddings:
        """Return the embeddings of both streams, by two calls of `encode`."""
        first, second = (
            self.encoded(encode(**{**given, "text_encoder_index": place, "max_sequence_length": None}))
            for place in (0, 1)
        )
        return first._replace(streams=(second,))

    def _finish(
        self, own: Callable[..., Any], given: Mapping[str, Any], positive: Embeddings, negative: Embeddings | None
    ) -> Any:
        """Return the requested stream, padded to the length for which the transformer has learnt padding."""
        config = self.transformer.config  # type: ignore[attr-defined]
        place = given["text_encoder_index"]
        length = (config.text_len, config.text_len_t5)[place]

        def part(encoded: Embeddings) -> Embeddings:
            return pad((encoded, *encoded.streams)[place], length)

        return super()._finish(own, given, part(positive), None if negative is None else part(negative))


HunyuanDiT = row(
    "hunyuan-dit",
    "HunyuanDiT HunyuanDiTControlNet HunyuanDiTPAG",
    Reads(
        width="cross_attention_dim",
        length="text_len",
        mask=True,
        streams=(Also(name="t5", width="cross_attention_dim_t5", length="text_len_t5", mask=True),),
    ),
    gives=("tokens_BLC", "", "mask_BL"),
    mixin=HunyuanDiTLanguage,
)
