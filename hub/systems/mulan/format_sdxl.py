"""MuLan's adapter for Stable Diffusion XL: `sdxl_aesthetic.pth` of `mulanai/mulan-lang-adapter`.

Keys and shapes are those of `LanguageAdapterXL` in mulankit, which has four forms: a pooled head that reads the adapted tokens or
the encoder's own pooled vector, each with or without a new `add_embedding` for the denoiser. The file itself was not examined.
"""

from __future__ import annotations

from hub.systems.mulan.format_sd import ADAPTER, DROP, ENCODER, HEADS, PREFIX, resampler_sizes
from hub.systems.shared.published_format import Format, Reading, Shapes, prompt_of, prompt_rule

_RULE = prompt_rule(83, prefix=PREFIX, drop=DROP)
PROMPT = prompt_of({**_RULE, "pooled": "encode"}, {**_RULE, "pooled": "zeros"})
"""80 states from 83 tokens, with the prefix also before negative prompts. The published examples disable two of mulankit's three
switches for this file, `FORCE_SDXL_ZERO_EMPTY_PROMPT` and `FORCE_SDXL_ZERO_POOL_PROMPT`: empty prompts are encoded, and prompts
keep their pooled vector. The third stays enabled: the pooled vector of negative prompts is zeros."""
_LINEARS = r"\.linear_[12]\.(weight|bias)"


class MuLanXL(Format):
    """Keys unchanged."""

    name = "mulan-xl"
    title = "MuLan for Stable Diffusion XL"
    anchors = ("adapter1.queries", "adapter1.proj.0.weight", "adapter2.queries", "adapter2.proj.0.weight")
    keys = (
        rf"(adapter[12]\.{ADAPTER}|add_embedding{_LINEARS}|pool_caption_projection(\.positional_embedding|{_LINEARS}|"
        r"\.[qkvc]_proj\.(weight|bias)))"
    )

    def recognise(self, shapes: Shapes) -> Reading:
        """Return the reading, with its form and sizes."""
        first, second = resampler_sizes(shapes, "adapter1."), resampler_sizes(shapes, "adapter2.")
        by_text = "pool_caption_projection.linear_1.weight" in shapes
        head = shapes["pool_caption_projection.linear_1.weight" if by_text else "pool_caption_projection.c_proj.weight"]
        widths = [first["out_width"], second["out_width"]]
        module = {
            "in_width": first["in_width"],
            "widths": widths,
            "pooled_width": head[0],
            "queries": first["queries"],
            "heads": HEADS,
            "encoder_layers": first["encoder_layers"],
            "decoder_layers": first["decoder_layers"],
            "pool": "text" if by_text else "attention",
        }
        if by_text:
            module["text_width"] = head[1]
        if "add_embedding.linear_1.weight" in shapes:
            module["add_embedding"] = shapes["add_embedding.linear_1.weight"][1]
        conditioning = {"width": sum(widths), "length": first["queries"], "pooled_width": head[0], "mask": False}
        return Reading(
            method="mulan",
            architecture="resampler-xl",
            module=module,
            conditioning=conditioning,
            prompt=PROMPT,
            base="linguahub/sdxl",
            encoder=ENCODER,
        )
