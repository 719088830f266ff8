"""PEA-Diffusion's second adapter for Stable Diffusion 3: `pytorch_model_t5.bin` of `OPPOer/MultilingualSD3-adapter`.

Its size implies two layers of `torch.nn.TransformerEncoder`, `linear1` and `linear2`; keys and roles are those of
`Transformer_proj` in the same authors' X2I (`proj.py`), where `linear1`'s mean is the pooled vector and `linear2` gives the
tokens. Files that also hold the `encoder_layer` from which torch copies the stack are accepted.
"""

from __future__ import annotations

from hub.systems.pea.format import LENGTH
from hub.systems.shared.published_format import Format, Reading, Shapes, count, prompt_of, prompt_rule

HEADS = 8
"""Attention heads; shapes do not show them and no source states them, so 8 is assumed."""
_LAYER = r"(self_attn\.(in_proj_|out_proj\.)(weight|bias)|(linear|norm)[12]\.(weight|bias))"


class PEATransformer(Format):
    """Keys unchanged."""

    name = "pea-transformer"
    title = "PEA-Diffusion's transformer for Stable Diffusion 3"
    anchors = ("linear1.weight", "linear2.weight", "transformer_encoder.layers.0.linear1.weight")
    keys = rf"(linear[12]\.(weight|bias)|(transformer_encoder\.layers\.\d+|encoder_layer)\.{_LAYER})"

    def recognise(self, shapes: Shapes) -> Reading:
        """Return the reading, with widths, depth and whether there is a prototype layer."""
        hidden_width, in_width = shapes["transformer_encoder.layers.0.linear1.weight"]
        widths = [shapes["linear1.weight"][0], shapes["linear2.weight"][0]]
        module = {
            "in_width": in_width,
            "widths": widths,
            "hidden_width": hidden_width,
            "layers": count(shapes, r"transformer_encoder\.layers\.(\d+)\."),
            "heads": HEADS,
            "prototype": any(key.startswith("encoder_layer.") for key in shapes),
        }
        return Reading(
            method="pea",
            architecture="transformer-projector",
            module=module,
            conditioning={"width": max(widths), "length": LENGTH, "pooled_width": min(widths), "mask": False},
            prompt=prompt_of(prompt_rule(LENGTH)),
            base="linguahub/sd3-medium",
            encoder="linguahub/umt5-xxl",
        )
