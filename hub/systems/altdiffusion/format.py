"""AltDiffusion's text encoders (m2, m9, m18) and AltCLIP's text half: XLM-R-large and a linear map, with three readouts.

A wrong readout silently degrades images:

    m2, m9     transformation(h), h the last states, without a LayerNorm
    m18        transformation_pre(pre_LN(h)), h the states before the last layer
    AltCLIP    transformation(pre_LN(h)), h the last states

Keys are those of `RobertaSeriesModelWithTransformation` in diffusers and of `AltCLIPTextModel` in transformers (Ye et al., AAAI
2024, arXiv 2308.09991; `FlagAI-Open/FlagAI`). m2, m9 and m18 are `text_encoder/pytorch_model.bin` of `BAAI/AltDiffusion`, `-m9`
and `-m18`. They were trained with their own UNets; other bases were not trained to read them.
"""

from __future__ import annotations

from typing import ClassVar

from hub.systems.shared.published_format import Reading, Shapes, prompt_of, prompt_rule
from hub.systems.shared.text_towers import BUFFERS, KEYS, LENGTH, TowerFormat, encoder_config

_OWN = r"(transformation|transformation_pre|pre_LN)\.(weight|bias)"
_LAST_HEAD = r"transformation\.(weight|bias)"
_TOWER = (
    "embeddings.word_embeddings.weight",
    "embeddings.token_type_embeddings.weight",
    "embeddings.position_embeddings.weight",
    "encoder.layer.0.intermediate.dense.weight",
)


class AltDiffusionFiles(TowerFormat):
    """m2 and m9."""

    name = "altdiffusion"
    title = "AltDiffusion m2 and m9"
    norm = False
    readout = "last_hidden_state"
    tower = "roberta."
    layers: ClassVar[tuple[tuple[str, str], ...]] = (("transformation.", "transformation."),)
    """Layers that the readout does not use are kept in `published.safetensors`."""
    foreign: ClassVar[tuple[str, ...]] = ("transformation_pre.weight", "pre_LN.weight")
    """Keys that belong to one of the other two."""
    bases = "linguahub/altdiffusion-m9"
    anchors: ClassVar[tuple[str, ...]] = ("transformation.weight", *(f"roberta.{key}" for key in _TOWER))
    keys = rf"(roberta\.({KEYS}|{BUFFERS})|{_LAST_HEAD}|logit_scale|pooler.*)"
    optional = rf"(roberta\.({BUFFERS}|pooler\..*)|logit_scale|pooler.*)"

    def recognise(self, shapes: Shapes) -> Reading | None:
        """Return the reading, or None if the file is one of the other two."""
        if any(key in shapes for key in self.foreign):
            return None
        out_width, in_width = shapes[f"{self.layers[0][0]}weight"]
        module = {"in_width": in_width, "out_width": out_width} | ({"norm": True} if self.norm else {})
        return Reading(
            method="altdiffusion",
            architecture="transformation",
            module=module,
            conditioning={"width": out_width, "length": LENGTH, "pooled_width": None, "mask": False},
            prompt=prompt_of(prompt_rule(LENGTH)),
            base=self.bases,
            readout=self.readout,
            own_encoder=encoder_config(self.tower_shapes(shapes)),
        )


class AltDiffusionM18(AltDiffusionFiles):
    """m18. `transformation` maps the last layer to a pooled vector that its UNet does not read."""

    name = "altdiffusion-m18"
    title = "AltDiffusion m18"
    layers = (("transformation_pre.", "transformation."), ("pre_LN.", "pre_LN."))
    norm = True
    readout = "hidden_states[-2]"
    foreign = ()
    bases = "linguahub/altdiffusion-m18"
    anchors = ("transformation_pre.weight", "pre_LN.weight", *(f"roberta.{key}" for key in _TOWER))
    keys = rf"(roberta\.({KEYS}|{BUFFERS})|{_OWN}|logit_scale|pooler.*)"
    optional = rf"(roberta\.({BUFFERS}|pooler\..*)|{_LAST_HEAD}|logit_scale|pooler.*)"


class AltClip(AltDiffusionFiles):
    """The text half; images are read by `vision_model`, a CLIP ViT-L/14, which transformers loads unchanged."""

    name = "altclip"
    title = "AltCLIP's text encoder"
    norm = True
    tower = "text_model.roberta."
    layers = (("text_model.transformation.", "transformation."), ("text_model.pre_LN.", "pre_LN."))
    foreign = ()
    bases = "linguahub/altdiffusion-m9"
    anchors = (
        "text_model.transformation.weight",
        "text_model.pre_LN.weight",
        *(f"text_model.roberta.{key}" for key in _TOWER),
    )
    keys = (
        rf"(text_model\.(roberta\.({KEYS}|{BUFFERS})|(transformation|pre_LN)\.(weight|bias))|vision_model\..*|logit_scale|"
        r"(visual|text)_projection\.weight)"
    )
    optional = rf"text_model\.roberta\.({BUFFERS}|pooler\..*)"
    left = r"(vision_model\..*|(visual|text)_projection\.weight|logit_scale)"
