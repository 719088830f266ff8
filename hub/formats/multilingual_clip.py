"""M-CLIP's text encoders: `pytorch_model.bin` of `M-CLIP/XLM-Roberta-Large-Vit-*` and `M-CLIP/LABSE-Vit-L-14`.

A whole transformer that learnt, and one linear map behind the masked mean of its states. Keys are those of `MultilingualCLIP`
(Carlsson et al., LREC 2022; `FreddeFrallan/Multilingual-CLIP`): `transformer.*` and `LinearTransformation.*`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hub.formats.format import (
    ENCODER,
    MODULE,
    REST,
    Files,
    Format,
    Reading,
    Shapes,
    Tensors,
    behind_prefix,
    prompt_of,
    prompt_rule,
    with_prefix,
)
from hub.formats.towers import BUFFERS, KEYS, encoder_config

if TYPE_CHECKING:
    from torch import Tensor

LENGTH = 77
"""Tokens: CLIP's window. The original pads to the longest of a batch; pads are hidden and not averaged."""
BASES = {
    512: "linguahub/clip-vit-base-patch32",
    640: "linguahub/clip-vit-b-16-plus-240",
    768: "linguahub/clip-vit-large-patch14",
}
"""Feature width → the dual encoder whose pictures the texts are meant for."""
_PREFIX = "transformer."


class MultilingualClip(Format):
    """The transformer becomes the variant's own encoder, the linear map its module."""

    name = "m-clip"
    title = "M-CLIP"
    anchors = (
        "LinearTransformation.weight",
        "transformer.embeddings.word_embeddings.weight",
        "transformer.embeddings.token_type_embeddings.weight",
        "transformer.embeddings.position_embeddings.weight",
        "transformer.encoder.layer.0.intermediate.dense.weight",
    )
    keys = rf"(LinearTransformation\.(weight|bias)|transformer\.({KEYS}|{BUFFERS}))"
    optional = rf"transformer\.({BUFFERS}|pooler\..*)"

    def recognise(self, shapes: Shapes) -> Reading:
        """XLM-R or BERT (LaBSE), of any size."""
        feature_width, in_width = shapes["LinearTransformation.weight"]
        tower = {key.removeprefix(_PREFIX): shape for key, shape in shapes.items() if key.startswith(_PREFIX)}
        return Reading(
            kind="projector",
            method="m-clip",
            architecture="pooled-transformation",
            module={"in_width": in_width, "feature_width": feature_width},
            conditioning={"width": feature_width, "length": 1, "pooled_width": None, "mask": False},
            prompt=prompt_of(prompt_rule(LENGTH)),
            base=BASES.get(feature_width, ""),
            own_encoder=encoder_config(tower),
        )

    def to_variant(self, tensors: Tensors) -> Files:
        """The pooling layer that transformers adds to every BERT is kept aside: nothing reads it."""
        rest = {key: value for key, value in tensors.items() if re.fullmatch(self.optional, key)}
        tower = behind_prefix(_PREFIX, {key: value for key, value in tensors.items() if key not in rest})
        module = {key: value for key, value in tensors.items() if not key.startswith(_PREFIX)}
        return {MODULE: module, ENCODER: tower} | ({REST: rest} if rest else {})

    def to_original(self, files: Files) -> dict[str, Tensor]:
        """One state dict."""
        return {**files[MODULE], **with_prefix(_PREFIX, files[ENCODER]), **files.get(REST, {})}
