"""ELLA's connector: `ella-sd1.5-tsc-t5xl.safetensors` of `QQGYLab/ELLA`.

Keys and shapes are those of `ELLA` (Hu et al., arXiv 2403.05135; `TencentQQGYLab/ELLA`, `model.py`).
"""

from __future__ import annotations

from hub.systems.shared.published_format import Format, Reading, Shapes, count, prompt_of, prompt_rule

HEADS = 8
"""From `model.py`; shapes do not show heads."""
LENGTH = 128
"""Tokens, from `inference.py`."""
_LINEAR = r"(weight|bias)"
_BLOCK = rf"(attn\.(in_proj_|out_proj\.){_LINEAR}|mlp\.c_(fc|proj)\.{_LINEAR}|ln_(1|2|ff)\.linear\.{_LINEAR})"


class ELLA(Format):
    """Keys unchanged. Padding is masked, which is the original's flexible token length; see `timestep_resampler.py`."""

    name = "ella"
    title = "ELLA"
    container = "safetensors"
    anchors = ("connector.latents", "connector.proj_in.weight", "time_embedding.linear_1.weight")
    keys = (
        rf"(time_embedding\.linear_[12]\.{_LINEAR}|connector\.(latents|(time_aware_linear|proj_in)\.{_LINEAR}|"
        rf"perceiver_blocks\.\d+\.{_BLOCK}))"
    )

    def recognise(self, shapes: Shapes) -> Reading:
        """Return the reading, for any sizes."""
        queries, width = shapes["connector.latents"]
        time_width, time_channels = shapes["time_embedding.linear_1.weight"]
        module = {
            "in_width": shapes["connector.proj_in.weight"][1],
            "out_width": width,
            "queries": queries,
            "layers": count(shapes, r"connector\.perceiver_blocks\.(\d+)\."),
            "heads": HEADS,
            "time_width": time_width,
            "time_channels": time_channels,
            "mask": True,
        }
        return Reading(
            method="ella",
            architecture="timestep-resampler",
            module=module,
            conditioning={"width": width, "length": queries, "pooled_width": None, "mask": False},
            prompt=prompt_of(prompt_rule(LENGTH)),
            base="linguahub/sd15",
            encoder="linguahub/flan-t5-xl",
        )
