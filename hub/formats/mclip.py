"""mCLIP's projectors: in `mclip_base.pt` and `mclip_plus_base.pt` of `SUSTech-NLP/mclip_base`.

A fairseq checkpoint of 2.66 GB whose sections hold the projectors (58 MB), the whole XLM-R and CLIP that they stand on, and the
optimizer's state. Keys and shapes are those of `MultimodalTransformerEncoder` (Chen et al., mCLIP, ACL 2023;
`ghchen18/acl23_mclip`, `fairseq/models/transformer_multimodal.py`).

CLIP is OpenAI's ViT-B/32 as published, and never taken. XLM-R is not the published one: translation changed it before the
projectors learnt. `with_encoder` takes it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

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
    count,
    prompt_of,
    prompt_rule,
    with_prefix,
)
from hub.formats.towers import HEAD_WIDTH, encoder_config, from_fairseq, to_fairseq

if TYPE_CHECKING:
    from torch import Tensor

LENGTH = 77
"""Tokens: CLIP's window. The original cuts at 512; pads are hidden, so a shorter text gives the same vector."""
_MODEL = "model.encoder."
_TOWER = "model.encoder.xlmr.model.encoder.sentence_encoder."
_SCALE = "criterion.it_logit_scale"
_LINEAR = r"(weight|bias)"
_LAYER = rf"(self_attn\.[kvqo](ut)?_proj|self_attn_layer_norm|fc[12]|final_layer_norm)\.{_LINEAR}"


class MClip(Format):
    """`dim_proj` and `encoder_adapter`, or with `use_old_name=False` in the original `c_projector` and `x_projector`."""

    name = "mclip"
    title = "mCLIP's projectors"
    container = "fairseq"
    pictures = "dim_proj"
    texts = "encoder_adapter"
    with_encoder = False
    anchors: ClassVar[tuple[str, ...]] = ("model.encoder.dim_proj.weight", "model.encoder.encoder_adapter.0.fc1.weight")
    left = r"model\.encoder\.(xlmr|clip)\..*"
    keys = rf"(criterion\.it_logit_scale|model\.encoder\.(version|(xlmr|clip)\..*|dim_proj\.weight|encoder_adapter\.\d+\.{_LAYER}))"

    def recognise(self, shapes: Shapes) -> Reading:
        """Widths and depth; the head count follows from XLM-R's, 64 channels each."""
        width, feature_width = shapes[f"{_MODEL}{self.pictures}.weight"]
        module = {
            "in_width": width,
            "feature_width": feature_width,
            "heads": max(1, width // HEAD_WIDTH),
            "layers": count(shapes, rf"model\.encoder\.{self.texts}\.(\d+)\."),
            "hidden_width": shapes[f"{_MODEL}{self.texts}.0.fc1.weight"][0],
            "pool": "last",
        }
        return Reading(
            kind="projector",
            method="mclip",
            architecture="triangle",
            module=module,
            conditioning={"width": width, "length": 1, "pooled_width": None, "mask": False},
            prompt=prompt_of(prompt_rule(LENGTH)),
            base="linguahub/clip-vit-base-patch32",
            encoder="" if self.with_encoder else "FacebookAI/xlm-roberta-base",
            own_encoder=encoder_config(self._tower_shapes(shapes)) if self.with_encoder else {},
        )

    def to_variant(self, tensors: Tensors) -> Files:
        """Ours are the old names, without sections."""
        module, rest, tower = {}, {}, {}
        for key, value in tensors.items():
            if key == _SCALE:
                module["it_logit_scale"] = value
            elif key.endswith(".version"):
                rest[key] = value
            elif key.startswith(_TOWER):
                tower[key.removeprefix(_TOWER)] = value
            else:
                ours = key.removeprefix(_MODEL)
                ours = re.sub(rf"^{self.pictures}\.", "dim_proj.", ours)
                module[re.sub(rf"^{self.texts}\.", "encoder_adapter.", ours)] = value
        files: dict[str, Tensors] = {MODULE: module}
        if tower:
            files[ENCODER] = from_fairseq(tower)
        return files | ({REST: rest} if rest else {})

    def to_original(self, files: Files) -> dict[str, Tensor]:
        """Sections and names as the file has them."""
        module = dict(files[MODULE])
        original = {_SCALE: module.pop("it_logit_scale")}
        original |= with_prefix(f"{_MODEL}{self.pictures}.", behind_prefix("dim_proj.", module))
        original |= with_prefix(f"{_MODEL}{self.texts}.", behind_prefix("encoder_adapter.", module))
        return original | with_prefix(_TOWER, to_fairseq(files.get(ENCODER, {}))) | dict(files.get(REST, {}))

    def _tower_shapes(self, shapes: Shapes) -> Shapes:
        import torch

        tower = {key: torch.empty(shape, device="meta") for key, shape in shapes.items() if key.startswith(_TOWER)}
        renamed = from_fairseq(behind_prefix(_TOWER, tower))
        return {key: tuple(value.shape) for key, value in renamed.items()}


class MClipNewNames(MClip):
    """The other spelling."""

    name = "mclip-new-names"
    pictures = "c_projector"
    texts = "x_projector"
    anchors: ClassVar[tuple[str, ...]] = ("model.encoder.c_projector.weight", "model.encoder.x_projector.0.fc1.weight")
    keys = MClip.keys.replace("dim_proj", "c_projector").replace("encoder_adapter", "x_projector")


class MClipWithEncoder(MClip):
    """XLM-R, too; its head for masked words and CLIP stay behind."""

    name = "mclip-with-encoder"
    title = "mCLIP's projectors with their XLM-R"
    with_encoder = True
    anchors = (*MClip.anchors, f"{_TOWER}embed_tokens.weight", f"{_TOWER}embed_positions.weight")
    left = r"model\.encoder\.(xlmr\.(?!model\.encoder\.sentence_encoder\.)|clip\.).*"


MClip.whole = MClipWithEncoder()
