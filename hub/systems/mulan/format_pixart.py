"""MuLan's adapter for PixArt: `pixart.pth` of `mulanai/mulan-lang-adapter`.

Keys and shapes are those of `TextProjection` in mulankit, which replaces `transformer.caption_projection`.
"""

from __future__ import annotations

from hub.systems.mulan.format_sd import DROP, ENCODER, PREFIX
from hub.systems.shared.published_format import Format, Reading, Shapes, prompt_of, prompt_rule

PROMPT = prompt_of(prompt_rule(83, prefix=PREFIX, drop=DROP), prompt_rule(80))
"""80 states: from 83 tokens with the prefix, from 80 without it for negative prompts (`encode_prompt_pixart`)."""


class MuLanPixArt(Format):
    """Keys unchanged."""

    name = "mulan-pixart"
    title = "MuLan for PixArt"
    anchors = ("linear_1.weight", "linear_2.weight")
    keys = r"linear_[12]\.(weight|bias)"

    def recognise(self, shapes: Shapes) -> Reading:
        """Return the reading, for any widths."""
        out_width, in_width = shapes["linear_1.weight"]
        return Reading(
            method="mulan",
            architecture="caption-projection",
            module={"in_width": in_width, "out_width": out_width},
            conditioning={"width": out_width, "length": None, "pooled_width": None, "mask": True},
            prompt=PROMPT,
            base="linguahub/pixart-alpha",
            encoder=ENCODER,
        )
