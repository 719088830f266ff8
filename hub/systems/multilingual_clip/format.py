"""M-CLIP's text encoders: `pytorch_model.bin` of `M-CLIP/XLM-Roberta-Large-Vit-*` and `M-CLIP/LABSE-Vit-L-14`.

A fine-tuned transformer and a linear map of the masked mean of its states. Keys are those of `MultilingualCLIP`
(Carlsson et al., LREC 2022; `FreddeFrallan/Multilingual-CLIP`): `transformer.*` and `LinearTransformation.*`.
"""

from __future__ import annotations

from hub.systems.shared.published_format import Reading, Shapes
from hub.systems.shared.text_towers import BUFFERS, KEYS, TowerFormat, encoder_config, pooled_reading

BASES = {
    512: "linguahub/clip-vit-base-patch32",
    640: "linguahub/clip-vit-b-16-plus-240",
    768: "linguahub/clip-vit-large-patch14",
}
"""Feature width → the dual encoder whose image features the texts match."""


class MultilingualClip(TowerFormat):
    """M-CLIP. The unused pooling layer that transformers adds to every BERT is kept in `published.safetensors`."""

    name = "m-clip"
    title = "M-CLIP"
    anchors = (
        "LinearTransformation.weight",
        "transformer.embeddings.word_embeddings.weight",
        "transformer.embeddings.token_type_embeddings.weight",
        "transformer.embeddings.position_embeddings.weight",
        "transformer.encoder.layer.0.intermediate.dense.weight",
    )
    tower = "transformer."
    layers = (("LinearTransformation.", "LinearTransformation."),)
    keys = rf"(LinearTransformation\.(weight|bias)|transformer\.({KEYS}|{BUFFERS}))"
    optional = rf"transformer\.({BUFFERS}|pooler\..*)"

    def recognise(self, shapes: Shapes) -> Reading:
        """Return the reading, for XLM-R or BERT (LaBSE) of any size."""
        feature_width, in_width = shapes["LinearTransformation.weight"]
        return Reading(
            method="m-clip",
            architecture="pooled-transformation",
            module={"in_width": in_width, "feature_width": feature_width},
            base=BASES.get(feature_width, ""),
            own_encoder=encoder_config(self.tower_shapes(shapes)),
            **pooled_reading(feature_width),
        )
