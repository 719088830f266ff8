"""MuLan's adapters for Stable Diffusion 1.x and 2.x: `sd15_*.pth` and `sd21_*.pth` of `mulanai/mulan-lang-adapter`.

Keys and shapes are those of `LanguageAdapter` in mulankit (Xing et al., MuLan, arXiv 2412.01271).
"""

from __future__ import annotations

from typing import Any

from hub.systems.shared.published_format import Format, Reading, Shapes, count, prompt_of, prompt_rule

ENCODER = "linguahub/internvl-14b-text"
"""Its text half, QLLaMA."""
PREFIX = "summarize:"
DROP = (1, 2, 3)
"""Positions of the prefix after the first token, whose states are dropped (`patch.py`)."""
HEADS = 8
"""`torch.nn.Transformer`'s default, which mulankit keeps; shapes do not show heads."""
PROMPT = prompt_of(prompt_rule(80, prefix=PREFIX, drop=DROP), prompt_rule(77))
"""80 tokens, 77 states. Negative prompts have no prefix and 77 tokens: the published weights were trained like this."""
BASES = {768: "linguahub/sd15", 1024: "linguahub/sd21"}
LAYER = r"(self_attn|multihead_attn)\.(in_proj_|out_proj\.)(weight|bias)|(linear[12]|norm[123])\.(weight|bias)"
ADAPTER = (
    r"(proj\.[02]\.(weight|bias)|queries|transformer\.(encoder|decoder)\.(norm\.(weight|bias)|layers\.\d+\.("
    + LAYER
    + ")))"
)


class MuLan(Format):
    """Keys unchanged."""

    name = "mulan"
    title = "MuLan for Stable Diffusion 1.x and 2.x"
    anchors = ("queries", "proj.0.weight")
    keys = ADAPTER

    def recognise(self, shapes: Shapes) -> Reading:
        """Return the reading, for any number of layers and queries (120 in the published files, 77 in the `direct` ones)."""
        sizes = resampler_sizes(shapes)
        width, queries = sizes["out_width"], sizes["queries"]
        return Reading(
            method="mulan",
            architecture="resampler",
            module=sizes,
            conditioning={"width": width, "length": queries, "pooled_width": None, "mask": False},
            prompt=PROMPT,
            base=BASES.get(width, ""),
            encoder=ENCODER,
        )


def resampler_sizes(shapes: Shapes, prefix: str = "") -> dict[str, Any]:
    """Return the arguments of `Resampler` for the keys with `prefix`."""
    out_width, in_width = shapes[f"{prefix}proj.0.weight"]
    _, queries, _ = shapes[f"{prefix}queries"]
    escaped = prefix.replace(".", r"\.")
    return {
        "in_width": in_width,
        "out_width": out_width,
        "queries": queries,
        "heads": HEADS,
        "encoder_layers": count(shapes, rf"{escaped}transformer\.encoder\.layers\.(\d+)\."),
        "decoder_layers": count(shapes, rf"{escaped}transformer\.decoder\.layers\.(\d+)\."),
    }
