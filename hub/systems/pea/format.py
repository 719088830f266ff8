"""PEA-Diffusion's adapters for SD 1.5, SDXL, FLUX.1 and SD 3: `.bin` files of three repositories of `OPPOer`.

Keys and shapes are those of `MLP` in PEA-Diffusion's scripts and model cards (Ma et al., ECCV 2024, arXiv 2311.17086). Depth and
hidden width are inferred from the shapes: scripts and files disagree about them. Widths show which side of `fc` is pooled:
in every base a pooled vector is narrower than a token.
"""

from __future__ import annotations

import re
from typing import Any

from hub.systems.shared.published_format import Format, Reading, Shapes, prompt_of, prompt_rule

LENGTH = 77
"""Tokens given to the encoder (`train_sdxl_zh.py`)."""
BYTE_LENGTH = 256
"""Bytes given to ByT5, padded and truncated to 256 as in the example of the model card."""
SD3 = "linguahub/sd3-medium"
BASES = {(768, None): "linguahub/sd15", (2048, 1280): "linguahub/sdxl", (4096, 768): "linguahub/flux1-schnell",
         (4096, 2048): SD3}  # fmt: skip
"""Token and pooled width → base."""
BYT5 = "linguahub/byt5-xxl"
BYT5_WIDTH = 4672
"""Width of its states, which that example computes without a mask: padding is attended to."""
SIDE_BY_SIDE = "linguahub/xlm-roberta-clip-huge + linguahub/hunyuan-dit-clip"
"""Encoders in MultilingualSD3's model card, 1024 + 1024 channels, in the order of that card and of `train_sdxl_zh.py`."""
SIDE_BY_SIDE_WIDTH = 2048


class PEA(Format):
    """Keys unchanged. `empty: encode`, because training drops prompts by encoding the empty prompt with the adapter."""

    name = "pea"
    title = "PEA-Diffusion"
    anchors = ("layernorm.weight", "projector.0.weight")
    keys = r"(layernorm\.(weight|bias)|projector\.\d+\.weight|fc\.(weight|bias))"

    def recognise(self, shapes: Shapes) -> Reading:
        """Return the reading, with depth, widths and the pooled side."""
        last_index = max(int(found[1]) for key in shapes if (found := re.fullmatch(r"projector\.(\d+)\.weight", key)))
        linears = last_index // 2 + 1
        hidden_width, in_width = shapes["projector.0.weight"]
        last, _ = shapes[f"projector.{last_index}.weight"]
        fc_width = shapes["fc.weight"][0] if "fc.weight" in shapes else None
        out_width = max(last, fc_width or 0)
        pooled_width = None if fc_width is None else min(last, fc_width)
        module: dict[str, Any] = {
            "in_width": in_width,
            "out_width": out_width,
            "hidden_width": hidden_width,
            "linears": linears,
            "pooled_width": pooled_width,
        }
        if fc_width is not None and fc_width < last:
            module["pooled_from"] = "fc"
        reads_bytes = in_width == BYT5_WIDTH
        length = BYTE_LENGTH if reads_bytes else LENGTH
        base = BASES.get((out_width, pooled_width), "")
        return Reading(
            method="pea",
            architecture="projector",
            module=module,
            conditioning={"width": out_width, "length": length, "pooled_width": pooled_width, "mask": False},
            prompt=prompt_of(prompt_rule(length)),
            base=base,
            encoder=BYT5 if reads_bytes else SIDE_BY_SIDE if base == SD3 and in_width == SIDE_BY_SIDE_WIDTH else "",
            sees_padding=reads_bytes,
        )
