"""mCLIP's projectors: in `mclip_base.pt` and `mclip_plus_base.pt` of `SUSTech-NLP/mclip_base`.

A fairseq checkpoint of 2.66 GB whose sections hold the projectors (58 MB), the XLM-R and CLIP below them, and the
optimizer's state. Keys and shapes are those of `MultimodalTransformerEncoder` (Chen et al., mCLIP, ACL 2023;
`ghchen18/acl23_mclip`, `fairseq/models/transformer_multimodal.py`).

CLIP is OpenAI's ViT-B/32 as published and never imported. XLM-R is not the published one: it was tuned on translation before the
projectors were trained. `with_encoder` imports it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from hub.systems.shared.published_format import Reading, Shapes, Tensors, count
from hub.systems.shared.text_towers import (
    HEAD_WIDTH,
    TowerFormat,
    encoder_config,
    from_fairseq,
    pooled_reading,
    to_fairseq,
)

if TYPE_CHECKING:
    from torch import Tensor

_MODEL = "model.encoder."
_SCALE = "criterion.it_logit_scale"
_LINEAR = r"(weight|bias)"
_LAYER = rf"(self_attn\.[kvqo](ut)?_proj|self_attn_layer_norm|fc[12]|final_layer_norm)\.{_LINEAR}"


class MClip(TowerFormat):
    """`dim_proj` and `encoder_adapter`; the original with `use_old_name=False` has `c_projector` and `x_projector`."""

    name = "mclip"
    title = "mCLIP's projectors"
    container = "fairseq"
    tower = "model.encoder.xlmr.model.encoder.sentence_encoder."
    layers: ClassVar[tuple[tuple[str, str], ...]] = (
        (f"{_MODEL}dim_proj.", "dim_proj."),
        (f"{_MODEL}encoder_adapter.", "encoder_adapter."),
        (_SCALE, "it_logit_scale"),
    )
    with_encoder = False
    anchors: ClassVar[tuple[str, ...]] = ("model.encoder.dim_proj.weight", "model.encoder.encoder_adapter.0.fc1.weight")
    optional = r"model\.encoder\.version"
    left = r"model\.encoder\.(xlmr|clip)\..*"
    keys = rf"(criterion\.it_logit_scale|model\.encoder\.(version|(xlmr|clip)\..*|dim_proj\.weight|encoder_adapter\.\d+\.{_LAYER}))"

    def recognise(self, shapes: Shapes) -> Reading:
        """Return the reading; the head count is XLM-R's, 64 channels each."""
        (images, _), (texts, _), _ = self.layers
        width, feature_width = shapes[f"{images}weight"]
        module = {
            "in_width": width,
            "feature_width": feature_width,
            "heads": max(1, width // HEAD_WIDTH),
            "layers": count(shapes, rf"{re.escape(texts)}(\d+)\."),
            "hidden_width": shapes[f"{texts}0.fc1.weight"][0],
            "pool": "last",
        }
        return Reading(
            method="mclip",
            architecture="triangle",
            module=module,
            base="linguahub/clip-vit-base-patch32",
            encoder="" if self.with_encoder else "FacebookAI/xlm-roberta-base",
            own_encoder=encoder_config(self.tower_shapes(shapes)) if self.with_encoder else {},
            **pooled_reading(width),
        )

    def tower_shapes(self, shapes: Shapes) -> Shapes:
        """Return shapes under transformers' names, including the segment of zeros."""
        import torch

        tower = {key: torch.empty(shape, device="meta") for key, shape in super().tower_shapes(shapes).items()}
        return {key: tuple(value.shape) for key, value in from_fairseq(tower).items()}

    def encoder_from(self, tensors: Tensors) -> dict[str, Tensor]:
        """Rename tensors from fairseq's names, unless XLM-R was left out; shapes are unchanged."""
        return from_fairseq(tensors) if tensors else {}

    def encoder_to(self, tensors: Tensors) -> dict[str, Tensor]:
        """Rename tensors to fairseq's names; shapes are unchanged."""
        return to_fairseq(tensors)


class MClipNewNames(MClip):
    """The names with `use_old_name=False`."""

    name = "mclip-new-names"
    layers = (
        (f"{_MODEL}c_projector.", "dim_proj."),
        (f"{_MODEL}x_projector.", "encoder_adapter."),
        (_SCALE, "it_logit_scale"),
    )
    anchors: ClassVar[tuple[str, ...]] = ("model.encoder.c_projector.weight", "model.encoder.x_projector.0.fc1.weight")
    keys = MClip.keys.replace("dim_proj", "c_projector").replace("encoder_adapter", "x_projector")


class MClipWithEncoder(MClip):
    """The projectors with their XLM-R, without its language modelling head and CLIP."""

    name = "mclip-with-encoder"
    title = "mCLIP's projectors with their XLM-R"
    with_encoder = True
    anchors = (*MClip.anchors, f"{MClip.tower}embed_tokens.weight", f"{MClip.tower}embed_positions.weight")
    left = r"model\.encoder\.(xlmr\.(?!model\.encoder\.sentence_encoder\.)|clip\.).*"


MClip.including_encoder = MClipWithEncoder()
