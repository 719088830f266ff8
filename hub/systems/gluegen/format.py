"""GlueGen's adapters, one per language: `gluenet_<Language>_clip_overnorm_over3_noln.ckpt`.

Keys and shapes are those of `Translator_noln` (Qin et al., ICCV 2023, arXiv 2303.10056; `salesforce/GlueGen`). The language is in
the file name alone, so it must be given at import. The fixed norms are not in the file; see `mixer.py`.
"""

from __future__ import annotations

from hub.systems.shared.published_format import Format, Reading, Shapes, count, prompt_of, prompt_rule

TOKENS = 77
"""Number of fixed norms."""
_PART = r"net_(tok|sen)\.\d+\.(weight|bias)"


class GlueGen(Format):
    """Keys unchanged. Empty prompts are encoded by the adapter, as in `txt2img_demo_ml.py`."""

    name = "gluegen"
    title = "GlueGen"
    anchors = ("blocks.0.net_tok.0.weight", "tail.net_tok.0.weight", "tail.net_sen.0.weight", "tail.net_sen.4.weight")
    keys = rf"(blocks\.\d+|tail)\.{_PART}"

    def recognise(self, shapes: Shapes) -> Reading | None:
        """Return the reading, or None unless there is one token per fixed norm."""
        mixed, tokens = shapes["tail.net_tok.0.weight"]
        if tokens != TOKENS:
            return None
        out_width, _ = shapes["tail.net_sen.4.weight"]
        module = {
            "in_width": shapes["tail.net_sen.0.weight"][1],
            "out_width": out_width,
            "tokens": tokens,
            "blocks": count(shapes, r"blocks\.(\d+)\."),
            "multiple": mixed // tokens,
        }
        return Reading(
            method="gluegen",
            architecture="mixer",
            module=module,
            conditioning={"width": out_width, "length": tokens, "pooled_width": None, "mask": False},
            prompt=prompt_of(prompt_rule(tokens)),
            base="linguahub/sd15",
            encoder="linguahub/xlm-roberta-large",
        )
